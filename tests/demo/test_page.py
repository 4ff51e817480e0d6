"""The page as a whole: its tabs, and its style and script files, each served once and naming nothing that is not there."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from number_models import model_of_rows, model_of_strokes

import siamese.demo
from siamese import Verifier
from siamese.demo import page
from siamese.demo.api import ENDPOINTS
from siamese.demo.page import SCRIPTS, STYLES, TABS, TABS_OF_NUMBERS, build_demo, head
from siamese.visitors.disk import Disk
from siamese.visitors.limits import TrainingLimits
from siamese.visitors.workspace import Workspaces

DEMO = Path(siamese.demo.__file__).parent


def without_comments(path: Path) -> str:
    comment = r"(?s)/\*.*?\*/" if path.suffix == ".css" else r"(?m)(^|\s)//.*$"
    return re.sub(comment, "", path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def config(bundled_folder, tmp_path_factory) -> dict:
    """What the server tells a browser of the page."""
    with Workspaces(TrainingLimits(), Disk(tmp_path_factory.mktemp("disk"), 1_000_000)) as workspaces:
        return build_demo(Verifier.from_pretrained(bundled_folder), workspaces=workspaces).get_config_file()


def test_every_file_of_style_and_script_is_served_once():
    assert Counter(STYLES) == Counter(DEMO.rglob("*.css"))
    assert Counter(SCRIPTS) == Counter(DEMO.rglob("*.js"))
    for script in SCRIPTS:
        assert head().count(script.read_text(encoding="utf-8")) == 1


@pytest.mark.parametrize("path", STYLES + SCRIPTS, ids=lambda path: str(path.relative_to(DEMO)))
def test_brackets_close(path):
    text, open_ones = without_comments(path), []
    text = re.sub(r"/(?:\\.|\[[^]]*\]|[^/\n\\])+/(?=[.,;)])|'[^'\n]*'|\"[^\"\n]*\"", "", text)
    for sign in re.findall(r"[][(){}]", text):
        if sign in "([{":
            open_ones.append(sign)
        else:
            assert open_ones.pop() + sign in ("()", "[]", "{}")
    assert open_ones == []


@pytest.mark.parametrize("path", STYLES, ids=lambda path: str(path.relative_to(DEMO)))
def test_rules_survive_that_gradio_repeats_them(path):
    """It takes each comma of a selector for one between two selectors."""
    assert not re.search(r":(is|where|not)\([^)]*,", without_comments(path))


def test_style_and_scripts_name_only_elements_that_are_there(config):
    there = {part["props"].get("elem_id") for part in config["components"]}
    named = set()
    for path in STYLES:
        for selector in re.findall(r"([^{}]+)\{", without_comments(path)):
            named |= set(re.findall(r"#([\w-]+)", selector))
    for path in SCRIPTS:
        named |= set(re.findall(r"[\"'`]#([\w-]+)[ \"'`]", without_comments(path)))
    assert {"header", "modes", "verdict"} <= named
    assert named - there == set()


def test_listeners_call_only_functions_that_the_scripts_define(config):
    texts = [each["js"] for each in config["dependencies"]]
    texts += [part["props"].get("js_on_load") for part in config["components"]]
    called = {name for text in texts if isinstance(text, str) for name in re.findall(r"\bsiamese\.([\w.]+)\(", text)}
    assert {"refresh", "compare.named", "recognise.added"} <= called
    scripts = "\n".join(without_comments(path) for path in SCRIPTS)
    for name in called:
        assert re.search(rf"(^\s*|siamese\.){name.split('.')[-1]}( = |: )", scripts, re.M), name


def test_of_each_side_the_handlers_know_whether_its_drawing_or_its_upload_is_shown(config):
    ways = [
        part for part in config["components"] if part["type"] == "tabitem" and part["props"]["label"] in ("Draw", "Upload")
    ]
    assert len(ways) == 2 * 4  # on Compare, and for examples and queries
    followed = {
        part for each in config["dependencies"] if each["outputs"] for part, event in each["targets"] if event == "select"
    }
    assert {part["id"] for part in ways} <= followed


def test_no_style_and_no_script_stands_in_python():
    for path in DEMO.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'^(CSS|[A-Z_]*_JS|HEAD) = f?r?"""', text, re.M), path
        assert "document." not in text, path
        assert "addEventListener" not in text, path


def test_tabs_stand_in_their_order_and_train_is_left_out_where_nobody_may(config, bundled_folder):
    def tabs(config: dict) -> list:
        parts = [part["props"] for part in config["components"] if part["type"] == "tabitem"]
        return [(part["label"], part["elem_id"]) for part in parts if "elem_id" in part]

    every = [(tab.TITLE, tab.ID) for tab in TABS]
    assert len(dict(every)) == len({ID for _, ID in every}) == len(TABS)
    assert tabs(config) == every
    without = build_demo(Verifier.from_pretrained(bundled_folder)).get_config_file()
    assert tabs(without) == [tab for tab in every if tab != ("Train", "train")]


@pytest.mark.parametrize("model", [model_of_rows, model_of_strokes])
def test_a_model_of_numbers_has_tabs_of_its_own(model):
    shown = build_demo(model()).get_config_file()
    parts = [part["props"] for part in shown["components"] if part["type"] == "tabitem"]
    assert [part["label"] for part in parts if "elem_id" in part] == [tab.TITLE for tab in TABS_OF_NUMBERS]
    assert ("Draw" in [part["label"] for part in parts]) == (model is model_of_strokes)
    texts = [each["js"] for each in shown["dependencies"]]
    texts += [part["props"].get("js_on_load") for part in shown["components"]]
    called = {name for text in texts if isinstance(text, str) for name in re.findall(r"\bsiamese\.([\w.]+)\(", text)}
    assert "numbers.clear" in called
    scripts = "\n".join(without_comments(path) for path in SCRIPTS)
    for name in called:
        assert re.search(rf"(^\s*|siamese\.){name.split('.')[-1]}( = |: )", scripts, re.M), name
    assert {each["api_name"] for each in shown["dependencies"] if each["api_visibility"] == "public"} == set(ENDPOINTS)


def test_another_tab_is_a_module_and_a_line(monkeypatch, bundled_folder):
    given = []

    def create_tab(page: object) -> None:
        given.append(page)
        gr.HTML("another")

    monkeypatch.setattr(page, "TABS", [*TABS, SimpleNamespace(TITLE="Another", ID="another", create_tab=create_tab)])
    verifier = Verifier.from_pretrained(bundled_folder)
    shown = build_demo(verifier).get_config_file()
    assert any(part["props"].get("elem_id") == "another" for part in shown["components"])
    assert given[0].models[given[0].model.value] is verifier


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("siamese.demo.command", {"gradio", "torch", "numpy"}),
        ("siamese.demo.server", {"matplotlib", "torchvision"}),
    ],
)
def test_what_takes_long_to_import_is_not_imported_before_its_time(module, absent, root):
    code = f"import sys, {module}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert not absent & set(ran.stdout.split())
