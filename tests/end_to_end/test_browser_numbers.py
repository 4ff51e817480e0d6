"""A visitor of a model of numbers draws, uploads and pastes; a program asks the same server."""

import re
from collections.abc import Iterator

import pytest
from app_fixtures import App, running_app
from browser_fixtures import PHONE
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from number_files import WINE, wine_table
from number_models import model_of_rows, model_of_strokes, saved
from playwright.sync_api import Page, expect

from siamese import Verifier
from siamese.inputs.strokes import as_sequence, read_strokes

pytestmark = pytest.mark.slow
MORE = pytest.mark.exhaustive

ONE = [(0.4, 0.3), (0.55, 0.15), (0.55, 0.85)]  # of the pad's side
BAR = [(0.35, 0.85), (0.75, 0.85)]
ROUND = [(0.5, 0.2), (0.75, 0.5), (0.5, 0.8), (0.25, 0.5), (0.45, 0.22)]


@pytest.fixture(scope="module", params=[pytest.param(model_of_strokes, marks=MORE), model_of_rows], ids=["strokes", "rows"])
def served(request, browser, tmp_path_factory) -> Iterator[tuple[App, Verifier]]:
    folder = tmp_path_factory.mktemp("served")
    verifier = request.param()
    with running_app(folder, SIAMESE_MODEL=str(saved(verifier, folder / "mine"))) as app:
        yield app, verifier
        assert "Traceback" not in app.log.read_text()


@pytest.fixture(
    params=[{"viewport": {"width": 1440, "height": 900}}, pytest.param(PHONE, marks=MORE)], ids=["desk", "phone"]
)
def options(request) -> dict:
    return request.param


@pytest.fixture
def page(open_page, served) -> Iterator[Page]:
    opened = open_page(served[0], ready=("#verdict .panel", 1))
    expect(opened.locator("#verdict .panel")).to_be_visible()
    yield opened
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def stroke(page: Page, side: str, points: list) -> None:
    canvas = page.locator(f"#{side}-side canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    start, *others = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*start)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y, steps=4)
    page.mouse.up()


def drawn(page: Page, side: str) -> str:
    return page.evaluate(f"JSON.stringify(siamese.numbers.pads.{side}.strokes)")


def expect_distance(page: Page, verifier: Verifier, first: object, second: object) -> None:
    verdict = verifier.verify(first, second)
    expect(page.locator("#verdict .distance")).to_have_text(f"{verdict.distance:.3f}")
    expect(page.locator("#verdict .word")).to_have_text("Same" if verdict.is_same else "Different")
    expect(page.locator("#verdict .seen img")).to_have_count(2)


def open_way(page: Page, side: str, name: str) -> None:
    page.locator(f"#{side}-side").get_by_role("tab", name=name).click()


@MORE
def test_strokes_are_recorded_with_their_time_and_compared(served, page, tmp_path):
    verifier = served[1]
    if "pen" not in verifier.config.preprocess.numbers.columns:
        pytest.skip("nothing to draw")
    numbers = verifier.config.preprocess.numbers
    stroke(page, "first", ONE)
    expect(page.locator("#verdict .message")).to_have_text("Draw, upload or paste a second sequence.")
    stroke(page, "first", BAR)
    stroke(page, "second", ROUND)
    sides = [read_strokes(drawn(page, side)) for side in ("first", "second")]
    assert [len(strokes) for strokes in sides] == [2, 1]
    for points in sides[0]:
        assert len(points) >= 5
        assert (points[1:, 2] >= points[:-1, 2]).all()
    assert sides[0][0][0, 2] == 0 < sides[0][1][0, 2]
    assert sides[0][0][0, :2] == pytest.approx([40, 30], abs=1)
    assert sides[0][1][-1, :2] == pytest.approx([75, 85], abs=1)
    expect_distance(page, verifier, *(as_sequence(strokes, numbers) for strokes in sides))
    expect(page.locator(".numbers-table tbody tr")).to_have_count(4)

    page.locator("#first-side").get_by_role("button", name="Undo").click()
    expect_distance(page, verifier, as_sequence(sides[0][:1], numbers), as_sequence(sides[1], numbers))
    (tmp_path / "way.csv").write_text("time,x,y,pen\n" + "\n".join(f"{t},{t % 7},{t * t % 5},1" for t in range(20)))
    open_way(page, "first", "Upload")
    page.set_input_files("#first-side input[type=file]", tmp_path / "way.csv")
    expect_distance(page, verifier, tmp_path / "way.csv", as_sequence(sides[1], numbers))
    open_way(page, "second", "Paste")
    page.locator("#second-side textarea").fill((tmp_path / "way.csv").read_text())
    expect_distance(page, verifier, tmp_path / "way.csv", tmp_path / "way.csv")
    page.get_by_role("button", name="Clear both").click()
    expect(page.locator("#verdict .message")).to_have_text("Draw, upload or paste two sequences.")
    assert drawn(page, "second") == "[]"


def test_rows_of_files_are_compared(served, page, tmp_path):
    verifier = served[1]
    if "pen" in verifier.config.preprocess.numbers.columns:
        pytest.skip("no rows")
    table = wine_table(tmp_path / "wine.csv")
    for side, row in (("first", "1"), ("second", "100")):
        page.set_input_files(f"#{side}-side input[type=file]", table)
        page.locator(f"#{side}-side input[type=number]").fill(row)
    expect_distance(page, verifier, WINE.data[0], WINE.data[99])
    page.locator("#verdict .distance").click(trial=True)  # nothing lies over it
    expect(page.locator(".numbers-table")).to_contain_text("alcohol")
    open_way(page, "second", "Paste")
    page.locator("#second-side textarea").fill("1, 2")
    expect(page.locator("#verdict .message")).to_have_text(
        "Second row: what was sent has 2 columns, allowed: 13, as in training"
    )
    page.locator("#second-side textarea").fill(", ".join(map(repr, WINE.data[0].tolist())))
    expect_distance(page, verifier, WINE.data[0], WINE.data[0])


@MORE
def test_programs_are_answered(served, tmp_path):
    app, verifier = served
    if "pen" in verifier.config.preprocess.numbers.columns:
        sources = [tmp_path / "a.csv", tmp_path / "b.csv"]
        for number, path in enumerate(sources, 2):
            path.write_text("x,y,pen,time\n" + "\n".join(f"{t},{t**number},1,{t}" for t in range(9)))
    else:
        sources = [wine_table(tmp_path / f"{row}.csv", slice(row, row + 1)) for row in (0, 99)]
    client, files = Client(app.url, verbose=False), [handle_file(path) for path in sources]
    found = client.predict(image_a=files[0], image_b=files[1], api_name="/compare")
    assert found == verifier.verify(*sources).to_dict() | {"model": "mine"}
    assert client.predict(images=files, api_name="/distances")["distances"][0][1] == pytest.approx(
        found["distance"], abs=1e-5
    )
    described = client.view_api(return_format="dict")["named_endpoints"]["/compare"]
    assert re.match(r"data:text/csv;base64,\w+", described["parameters"][0]["example_input"])
    examples = [each["example_input"] for each in described["parameters"]]
    assert client.predict(image_a=examples[0], image_b=examples[1], api_name="/compare")["distance"] > 0
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(AppError, match=r"image_b: what was sent has no columns"):
        client.predict(image_a=files[0], image_b=handle_file(tmp_path / "bad.csv"), api_name="/compare")
