"""Requests with pictures, as forms and as JSON: what is wrong with one gets a status and a sentence."""

import json

import pytest
from http_pictures import text

from siamese.service import pictures
from siamese.service.schemas import MOST_IMAGES


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "the request is no JSON: "),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415, "the content type is 'text/plain', allowed: "),
        ({"content": b""}, 415, "the content type is '', allowed: multipart/form-data, application/json"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "the form cannot be read: "),
        ({"json": []}, 422, "Input should be "),
        ({"json": {}}, 422, "image_a: Field required"),
        ({"json": {"image_a": 7, "image_b": ""}}, 422, "image_a: it is no text, allowed: base64"),
        ({"json": {"image_a": "a*", "image_b": ""}}, 422, "image_a: it is 'a*', allowed: base64"),
        ({"json": {"image_a": "", "image_b": ""}}, 422, "image_a: it is empty, allowed: the bytes of a picture"),
        ({"json": {"image_a": "aaaa", "image_b": "aaaa", "more": 1}}, 422, "more: Extra inputs are not permitted"),
        ({"json": {"image_a": text(b"%PDF"), "image_b": text(b"%PDF")}}, 415, "image_a: it is not an image, allowed: PNG, "),
        ({"json": json.loads("[" * 90 + "]" * 90)}, 413, "the request"),
    ],
)
def test_what_cannot_be_answered_gets_a_status_and_a_sentence(request_, status, said, client):
    answer = client.post("/v1/compare", **request_)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"]), answer.text
    assert answer.json()["detail"].startswith(said)
    assert "\n" not in answer.text


def test_too_much_is_refused(client, pngs, monkeypatch):
    answer = client.post("/v1/embed", json={"images": [text(pngs[0])] * (MOST_IMAGES + 1)})
    assert (answer.status_code, answer.json()["detail"][:7]) == (422, "images:")
    monkeypatch.setattr(pictures, "MOST_FILE", 50)
    answer = client.post("/v1/compare", files={"image_a": pngs[0], "image_b": pngs[1]})
    assert answer.status_code == 413
    assert f"'image_a' has {len(pngs[0])} bytes, allowed: at most 50" in answer.text
    monkeypatch.setattr(pictures, "MOST_JSON", 50)
    assert client.post("/v1/embed", json={"images": [text(pngs[0])]}).status_code == 413


def test_each_example_needs_a_name(client, pngs):
    files = [("query", pngs[0]), ("examples", pngs[1]), ("examples", pngs[2])]
    answer = client.post("/v1/identify", files=files, data={"names": ["one"]})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("there are 2 examples and 1 names, allowed: a name for each example")
