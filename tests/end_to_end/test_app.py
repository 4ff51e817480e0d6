"""The running demo as programs meet it: the fixed dict, and a sentence for whatever cannot be compared."""

import ast
import html
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from app_fixtures import ROOT, App, assert_one_sentence, compare_over_http, post, running_app, write_pictures
from gradio import state_holder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from siamese import Verifier
from siamese.demo.api import _content
from siamese.demo.compare.snippets import ADDRESS, snippets
from siamese.demo.compare.tab import EXAMPLES
from siamese.demo.gradio_patches import Refusal, Session
from siamese.demo.page import build_demo
from siamese.images.load import MAX_PIXELS, MAX_SIDE
from siamese.inputs import INPUTS

pytestmark = pytest.mark.slow

VERDICT_KEYS = ["is_same", "probability_same", "confidence", "distance", "threshold", "is_familiar", "remark", "model"]
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def app(served_app) -> App:
    return served_app


@pytest.fixture(scope="module")
def pictures(digits, tmp_path_factory) -> dict[str, Path]:
    """Files with a digit, and files with none."""
    folder = tmp_path_factory.mktemp("pictures")
    good = write_pictures(folder, digits[0])
    Image.new("L", (200, 200), 255).save(folder / "blank.png")
    (folder / "text.png").write_text("this is text")
    (folder / "empty.png").touch()
    (folder / "cut.jpg").write_bytes(good["photo.jpg"].read_bytes()[:4000])
    (folder / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    Image.new("1", (12_000, 12_000)).save(folder / "bomb.png")  # 144,000,000 pixels in 17 kB
    Image.new("1", (20, MAX_SIDE + 1)).save(folder / "long.png")
    return {path.name: path for path in folder.iterdir()}


def compare(client: Client, image_a, image_b) -> dict:
    return client.predict(image_a=image_a, image_b=image_b, api_name="/compare")


# ---- The verdict ----


def assert_equal_but_for_bits(values: dict, expected: dict) -> None:
    """The number of threads may change the last bits of a sum."""
    assert values.keys() == expected.keys()
    for key, value in expected.items():
        assert values[key] == (pytest.approx(value, rel=1e-4, abs=1e-6) if type(value) is float else value), key


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("plain.png", "plain.png"),
        ("plain.png", "sketch.png"),
        ("sketch.png", "photo.jpg"),
        ("photo.jpg", "transparent.png"),
    ],
)
def test_a_program_gets_the_verdict_of_the_verifier_and_the_name_of_the_model(first, second, client, pictures, bundled):
    values = compare(client, handle_file(pictures[first]), handle_file(pictures[second]))
    assert list(values) == VERDICT_KEYS
    assert type(values["is_same"]) is bool
    assert values.pop("model") == "digits (bundled)"
    assert_equal_but_for_bits(values, bundled.verify(pictures[first], pictures[second]).to_dict())


def test_the_programs_of_the_readmes_run_as_they_stand(app, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, image in zip(("a.png", "b.jpg", "first.png", "second.png", "other.png", "query.png"), digits[0], strict=False):
        Image.fromarray(image).save(tmp_path / name)
    documents = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "siamese/README.md")]
    programs = re.findall(r"^```python\n(.*?)^```", "\n".join(documents), re.M | re.S)
    assert len(programs) >= 3
    names: dict = {}
    for program in programs:
        exec(program.replace("http://127.0.0.1:7860", app.url), names)  # each goes on where the one before ended
    assert names["verdict"].distance > 0
    assert names["found"].matches[0].name in ("my signature", "yours")
    assert (tmp_path / "gallery.safetensors").exists()


def test_the_snippet_of_the_page_for_programs_prints_the_verdict(app, pictures, bundled, tmp_path, monkeypatch, capsys):
    for name, source in (("a.png", "plain.png"), ("b.png", "sketch.png")):
        (tmp_path / name).write_bytes(pictures[source].read_bytes())
    monkeypatch.chdir(tmp_path)
    name = "digits (bundled)"
    code = snippets(name, 0.5, 0.5, name).rpartition("<code>")[2].partition("</code>")[0]
    address = f"<span data-address>{ADDRESS}</span>"
    assert address in code
    exec(html.unescape(code.replace(address, app.url)), {})
    answer = ast.literal_eval(capsys.readouterr().out)
    assert_equal_but_for_bits(answer, bundled.verify("a.png", "b.png").to_dict() | {"model": name})


def test_only_three_endpoints_are_public(client, app):
    described = client.view_api(return_format="dict", print_info=False)
    assert list(described["named_endpoints"]) == ["/compare", "/embed", "/distances"]
    assert not described["unnamed_endpoints"]
    parameters = described["named_endpoints"]["/compare"]["parameters"]
    assert [parameter["parameter_name"] for parameter in parameters] == ["image_a", "image_b"]
    info = json.loads(app.get("/gradio_api/info"))
    assert list(info["named_endpoints"]) == ["/compare", "/embed", "/distances"]


def test_embeddings_and_distances_of_many_files_are_those_of_the_verifier(client, pictures, bundled):
    paths = [pictures[name] for name in ("plain.png", "sketch.png", "photo.jpg", "transparent.png")]
    files = [handle_file(path) for path in paths]
    embedded = client.predict(images=files, api_name="/embed")
    assert embedded["model"] == "digits (bundled)"
    assert np.array(embedded["embeddings"]) == pytest.approx(bundled.embed(paths), abs=1e-4)
    answer = client.predict(images=files, api_name="/distances")
    assert answer["threshold"] == bundled.config.calibration.threshold
    expected = [[bundled.verify(a, b).distance for b in paths] for a in paths]
    assert np.array(answer["distances"]) == pytest.approx(np.array(expected), abs=1e-3)


@pytest.mark.parametrize("endpoint", ["/embed", "/distances"])
def test_lists_that_cannot_be_embedded_are_refused_in_a_sentence(endpoint, client, pictures):
    good = handle_file(pictures["plain.png"])
    for images, words in (
        ([], "1 to 32"),
        (None, "1 to 32"),
        ("plain.png", "1 to 32"),
        ([good, 5], "images[1] is not a picture"),
        ([good, handle_file(pictures["blank.png"])], "images[1]: the image is blank"),
        ([good] * 33, "at most 32"),
    ):
        with pytest.raises(AppError) as caught:
            client.predict(images=images, api_name=endpoint)
        assert_one_sentence(str(caught.value), words)
    assert len(client.predict(images=[good], api_name=endpoint)[endpoint[1:].replace("embed", "embeddings")]) == 1


def test_nothing_is_kept_of_the_calls_of_programs(bundled, pictures, monkeypatch):
    monkeypatch.setattr(state_holder, "SessionState", Session)
    demo = build_demo(bundled)
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, enable_monitoring=False)
    try:
        client, picture = Client(url, verbose=False), handle_file(pictures["plain.png"])
        assert compare(client, picture, picture)["is_same"]
        for endpoint in ("/embed", "/distances"):
            client.predict(images=[picture], api_name=endpoint)
        assert not demo.state_holder.session_data
        assert not demo.state_holder.time_last_used
    finally:
        demo.close()


def test_a_monitor_learns_that_the_server_answers(app):
    assert json.loads(app.get("/health")) == {"status": "ok"}


# ---- What cannot be compared ----


BAD_FILES = {
    "blank.png": ["blank"],
    "text.png": ["'text.png' is not an image", "PNG"],
    "empty.png": ["'empty.png' is not an image"],
    "drawing.svg": ["'drawing.svg' is not an image"],
    "cut.jpg": ["'cut.jpg' is damaged or incomplete"],
    "bomb.png": ["too large", f"{MAX_PIXELS:,} pixels"],
    "long.png": [f"20x{MAX_SIDE + 1} px", f"{MAX_SIDE} px"],
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_on_either_side_is_refused_in_a_sentence_and_the_server_goes_on(name, client, pictures):
    good, bad = handle_file(pictures["plain.png"]), handle_file(pictures[name])
    for side, pair in (("image_a", (bad, good)), ("image_b", (good, bad))):
        with pytest.raises(AppError) as caught:
            compare(client, *pair)
        assert_one_sentence(str(caught.value), side, *BAD_FILES[name])
        assert str(pictures[name].parent) not in str(caught.value)
    assert compare(client, good, good)["is_same"] is True


@pytest.mark.parametrize(
    "value", ["words", 5, None, True, [], [1], {}, {"path": 5}, {"composite": None}, {"path": "plain.png"}], ids=repr
)
def test_what_is_no_file_is_refused_in_a_sentence_and_the_server_goes_on(value, client, pictures):
    good = handle_file(pictures["plain.png"])
    for side, pair in (("image_a", (value, good)), ("image_b", (good, value))):
        with pytest.raises(AppError) as caught:
            compare(client, *pair)
        assert_one_sentence(str(caught.value), side, "handle_file")
    assert compare(client, good, good)["is_same"] is True


def test_a_picture_outside_the_upload_cache_is_not_read(app, client, pictures):
    """It lies on the server's own disk, and is a perfect digit."""
    for path in (
        pictures["plain.png"],
        ROOT / "app.py",
        Path("/etc/passwd"),
        Path("../../../etc/passwd"),
        Path("nowhere.png"),
    ):
        value = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
        event, data = compare_over_http(app, [value, value])
        assert event == "error"
        assert_one_sentence(data["error"], "was not uploaded")
    good = handle_file(pictures["plain.png"])
    assert compare(client, good, good)["is_same"] is True


def test_a_file_that_is_gone_is_refused_in_a_sentence_with_its_name(tmp_path):
    value = {"path": str(tmp_path / "gone.csv"), "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Refusal, match=r"image_a: gone\.csv is no longer here: send it again"):
        _content(value, "image_a", INPUTS["vectors"])


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.png", "http://localhost:1/a.png", "file:///etc/passwd"])
def test_an_address_that_may_not_be_fetched_is_refused_in_a_sentence(url, app):
    value = {"path": url, "url": url, "meta": {"_type": "gradio.FileData"}}
    event, data = compare_over_http(app, [value, value])
    assert event == "error"
    assert_one_sentence(data["error"], "cannot be fetched")


@pytest.mark.parametrize("arguments", [[], [None], [{}], [1, 2, 3]], ids=repr)
def test_missing_and_surplus_arguments_are_refused_in_a_sentence(arguments, app, client, pictures):
    event, data = compare_over_http(app, arguments)
    assert event == "error"
    assert_one_sentence(data["error"], "handle_file")
    good = handle_file(pictures["plain.png"])
    assert compare(client, good, good)["is_same"] is True


def test_a_request_that_is_no_call_at_all_is_refused(app, client, pictures):
    for body in (b"", b"{}", b'{"data": "x"}', b"\xff" * 100, b"[" * 10_000):
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(f"{app.url}/gradio_api/call/compare", body, "application/json")
        assert 400 <= caught.value.code < 500
    good = handle_file(pictures["plain.png"])
    assert compare(client, good, good)["is_same"] is True


def test_a_file_larger_than_visitors_may_train_on_is_not_taken_in(app, client, pictures):
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="big.png"\r\n\r\n'
    content = pictures["plain.png"].read_bytes() + bytes(51 * MEGABYTE)
    with pytest.raises(urllib.error.URLError) as caught:
        post(f"{app.url}/gradio_api/upload", head + content + b"\r\n--x--\r\n", "multipart/form-data; boundary=x")
    if isinstance(caught.value, urllib.error.HTTPError):
        assert caught.value.code == 413
    else:  # it hung up while more was on its way
        assert isinstance(caught.value.reason, ConnectionError)
    good = handle_file(pictures["plain.png"])
    assert compare(client, good, good)["is_same"] is True


# ---- The model ----


def test_siamese_model_chooses_what_is_shown(untrained_folder, tmp_path, pictures):
    first, second = pictures["plain.png"], pictures["photo.jpg"]
    with running_app(tmp_path, SIAMESE_MODEL=str(untrained_folder)) as app:
        header = json.loads(app.get("/config"))["components"][0]["props"]["value"]
        values = compare(Client(app.url, verbose=False), handle_file(first), handle_file(second))
    assert f"<b>{untrained_folder.name}</b> · accuracy not measured" in header
    assert values.pop("model") == untrained_folder.name
    expected = Verifier.from_pretrained(untrained_folder).verify(first, second)
    assert expected.is_familiar is None  # of a model without a reference nobody can say
    assert_equal_but_for_bits(values, expected.to_dict())


def test_without_the_hub_the_bundled_weights_are_shown_and_the_page_says_so(tmp_path, pictures):
    with running_app(tmp_path, SIAMESE_MODEL="user/name@v1") as app:
        header = json.loads(app.get("/config"))["components"][0]["props"]["value"]
        values = compare(
            Client(app.url, verbose=False), handle_file(pictures["plain.png"]), handle_file(pictures["plain.png"])
        )
        log = app.log.read_text()
    assert values["model"] == "digits (bundled)"
    for text in (header, log):
        assert "The model user/name@v1 cannot be had: HF_HUB_OFFLINE is set" in text
    assert 'class="notice"' in header
    assert "Traceback" not in log


# ---- The file ----


def test_app_never_imports_torch():
    imported = set()
    for node in ast.walk(ast.parse((ROOT / "app.py").read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert "siamese" in imported
    assert not imported & {"torch", "torchvision"}


def test_the_examples_are_what_they_are_called(digits, bundled):
    images, labels = digits
    distances = {}
    for first, second, level in EXAMPLES:
        is_same = bool(labels[first] == labels[second])
        verdict = bundled.verify(images[first], images[second])
        assert (verdict.is_same == is_same) == (level != "Fooled")
        distances.setdefault((level, is_same), []).append(verdict.distance)
    assert sum(map(len, distances.values())) == 6
    assert set(distances) == {(level, is_same) for level in ("Easy", "Hard", "Fooled") for is_same in (True, False)}
    assert max(distances["Easy", True]) < min(distances["Hard", True])
    assert max(distances["Hard", False]) < min(distances["Easy", False])
    assert len(np.unique([pair[:2] for pair in EXAMPLES])) == 12
