"""The service over HTTP: it answers as the Verifier does, and what cannot be answered gets a status and a sentence."""

import io
import json

import numpy as np
from fastapi.testclient import TestClient
from http_pictures import png_files, text
from number_files import WINE
from number_models import model_of_rows
from PIL import Image
from scipy.spatial.distance import cdist
from starlette.responses import PlainTextResponse

from siamese import Gallery
from siamese.service.app import Beside, create_app
from siamese.service.schemas import MOST_IMAGES

# ---- Answers ----


def test_two_pictures_are_compared_as_a_form_and_as_json(client, bundled, digits, pngs):
    expected = bundled.verify(*digits[0][:2]).to_dict() | {"model": bundled.name}
    as_form = client.post("/v1/compare", files={"image_a": pngs[0], "image_b": ("b.png", pngs[1])})
    as_json = client.post(
        "/v1/compare", json={"image_a": text(pngs[0]), "image_b": "data:image/png;base64," + text(pngs[1])}
    )
    assert as_form.status_code == as_json.status_code == 200
    assert as_form.json() == as_json.json() == expected


def test_a_threshold_can_be_given(client, bundled, digits, pngs):
    files = {"image_a": pngs[0], "image_b": pngs[1]}
    expected = bundled.verify(*digits[0][:2], threshold=2).to_dict()
    assert client.post("/v1/compare", files=files, data={"threshold": "2"}).json() == expected | {"model": bundled.name}
    for wrong in ("0", "-1", "nan", "inf", "much"):
        answer = client.post("/v1/compare", files=files, data={"threshold": wrong})
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("threshold: ")


def test_embeddings_have_the_bits_of_the_verifier_whatever_they_are_sent_with(client, bundled, digits, pngs):
    expected = bundled.embed(list(digits[0][:7]))
    sent = client.post("/v1/embed", files=[("images", png) for png in pngs[:7]]).json()
    np.testing.assert_array_equal(np.array(sent["embeddings"], np.float32), expected)
    alone = client.post("/v1/embed", json={"images": [text(pngs[3])]}).json()["embeddings"]
    np.testing.assert_array_equal(np.array(alone[0], np.float32), expected[3])
    assert sent["model"] == bundled.name


def test_as_many_pictures_as_are_allowed_are_embedded(client, bundled, digits):
    files = [("images", png) for png in png_files(digits[0][:MOST_IMAGES])]
    sent = client.post("/v1/embed", files=files).json()
    np.testing.assert_array_equal(np.array(sent["embeddings"], np.float32), bundled.embed(list(digits[0][:MOST_IMAGES])))


def test_a_model_of_numbers_answers_for_what_stands_in_a_file():
    verifier = model_of_rows()
    client, rows = TestClient(create_app(verifier, {})), WINE.data[[0, 99]]
    lines, expected = [",".join(map(repr, row.tolist())).encode() for row in rows], verifier.verify(*rows).to_dict()
    as_form = client.post("/v1/compare", files={"image_a": ("a.csv", lines[0]), "image_b": ("b.csv", lines[1])})
    as_json = client.post(
        "/v1/compare", json={"image_a": text(lines[0]), "image_b": text(json.dumps(rows[1].tolist()).encode())}
    )
    assert as_form.json() == as_json.json() == expected | {"model": "mine"}
    refused = client.post("/v1/compare", files={"image_a": lines[0], "image_b": b"\x89PNG\r\n"})
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("image_b: what was sent is not of a kind that is known, allowed: CSV or JSON")
    assert "Compares rows with the model mine." in client.get("/v1/openapi.json").json()["info"]["description"]


def test_distances_are_those_of_compare_to_the_bit(client, bundled, digits, pngs):
    answer = client.post("/v1/distances", files=[("images", png) for png in pngs[:4]]).json()
    rows = bundled.embed(list(digits[0][:4]))
    np.testing.assert_allclose(answer["distances"], cdist(rows, rows), atol=1e-5)
    assert answer["distances"][1][2] == answer["distances"][2][1] == bundled.verify(digits[0][1], digits[0][2]).distance
    assert answer["threshold"] == bundled.config.calibration.threshold


def test_a_picture_is_recognised_among_examples_sent_along(client, bundled, digits, pngs):
    classes, query = digits[1][:12], pngs[12]
    gallery = Gallery(bundled)
    for name in dict.fromkeys(classes.tolist()):
        gallery.enrol(str(name), list(digits[0][:12][classes == name]))
    expected = gallery.identify(digits[0][12], top=3)
    files = [("query", query), *(("examples", png) for png in pngs[:12])]
    as_form = client.post("/v1/identify", files=files, data={"names": [str(name) for name in classes], "top": "3"}).json()
    examples = {name: [text(pngs[n]) for n in np.flatnonzero(classes == int(name))] for name in gallery.names}
    as_json = client.post("/v1/identify", json={"query": text(query), "examples": examples, "top": 3}).json()
    assert as_form == as_json
    assert as_form["name"] == expected.name
    together = client.post("/v1/identify", json={"query": text(query), "examples": examples, "prototypes": True}).json()
    assert [match["name"] for match in together["matches"]] == [
        match.name for match in gallery.identify(digits[0][12], prototypes=True).matches
    ]
    assert [tuple(match.values()) for match in as_form["matches"]] == [
        (match.name, match.distance, match.probability_same) for match in expected.matches
    ]


def test_the_model_is_described(client, bundled):
    about = client.get("/v1/model").json()
    assert about["threshold"] == bundled.config.calibration.threshold
    assert (about["embedding_dim"], about["image_size"], about["preprocess"]) == (64, 28, "ink")
    assert client.get("/health").json() == {"status": "ok"}


# ---- Refusals ----


def test_a_blank_or_damaged_picture_is_named(client, pngs):
    blank = io.BytesIO()
    Image.new("L", (28, 28), 255).save(blank, "PNG")
    for picture, said in (
        (blank.getvalue(), "image_b: the image is blank"),
        (pngs[0][:90], "image_b: it is damaged or incomplete"),
    ):
        answer = client.post("/v1/compare", files={"image_a": pngs[0], "image_b": picture})
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(said)


# ---- Keys, pages elsewhere, documentation, the page ----


def test_with_a_key_set_only_who_sends_it_is_answered(bundled, pngs):
    client = TestClient(create_app(bundled, {"SIAMESE_API_KEY": "open sesame"}))
    files = {"image_a": pngs[0], "image_b": pngs[1]}
    for sent in ({}, {"X-API-Key": "open barley"}, {"X-API-Key": "öpen".encode()}):
        for answer in (client.post("/v1/compare", files=files, headers=sent), client.get("/v1/model", headers=sent)):
            assert answer.status_code == 401
            assert "X-API-Key" in answer.json()["detail"]
    key = {"X-API-Key": "open sesame"}
    assert (
        client.post("/v1/compare", files=files, headers=key).status_code
        == client.get("/v1/model", headers=key).status_code
        == 200
    )
    assert client.get("/health").status_code == client.get("/docs").status_code == 200


def test_pages_elsewhere_may_ask_where_the_operator_says_so(bundled, client):
    elsewhere = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    allowing = TestClient(create_app(bundled, {"SIAMESE_CORS_ORIGINS": "https://shop.example, https://other.example"}))
    assert (
        allowing.options("/v1/compare", headers=elsewhere).headers["access-control-allow-origin"] == "https://shop.example"
    )
    assert "access-control-allow-origin" not in allowing.get("/v1/model", headers={"Origin": "https://evil.example"}).headers
    assert "access-control-allow-origin" not in client.get("/v1/model", headers=elsewhere).headers


def test_the_documentation_needs_no_other_host_and_describes_each_question(client):
    page = client.get("/docs").text
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    for file in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/v1/static/{file}" in page
        assert client.get(f"/v1/static/{file}").status_code == 200
    described = client.get("/v1/openapi.json").json()
    assert set(described["paths"]) == {
        "/health",
        *(f"/v1/{name}" for name in ("compare", "embed", "distances", "identify", "model")),
    }
    for path in ("compare", "embed", "distances", "identify"):
        body = described["paths"][f"/v1/{path}"]["post"]["requestBody"]["content"]
        assert set(body) == {"multipart/form-data", "application/json"}


def test_beside_the_page_each_gets_what_is_asked_of_it(bundled, pngs):
    page = PlainTextResponse("the page")
    for prefix in ("", "/demo"):
        client = TestClient(Beside(page, create_app(bundled, {}), prefix))
        assert client.get(f"{prefix}/").text == client.get(f"{prefix}/v1x").text == "the page"
        assert client.get(f"{prefix}/v1/model").json()["embedding_dim"] == 64
        assert client.get(f"{prefix}/docs").status_code == 200
        assert client.get(f"{prefix}/v1/static/swagger-ui.css").status_code == 200
