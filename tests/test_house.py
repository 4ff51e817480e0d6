"""The house of siamese/README.md: which package imports which, sizes, names, and a test for each module."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_fake.client import ROOT

PACKAGE = ROOT / "siamese"
FILES = sorted(PACKAGE.rglob("*.py"))
PROGRAMS = [ROOT / "app.py", ROOT / "train.py"]
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if "benchmarks" not in path.parts)
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in [*FILES, *PROGRAMS, *TESTS]}

# The floors, from the ground up: what stands on one imports from those below it alone.
FLOORS = (
    ("strict",),
    ("config", "distances", "version", "devices", "suggestions", "spreadsheets"),
    ("images", "encoders", "losses", "evaluation", "command_line"),
    ("inputs",),
    ("data",),
    ("network",),
    ("model_folder",),
    ("export",),
    ("training",),
    ("hub",),
    ("verifier",),
    ("near_index",),
    ("visitors", "gallery", "embedded_files"),
    ("guard",),
    ("service",),
    ("demo", "commands"),
)
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}
# What is no part of it: these two bring, when asked, what stands above them.
ENTRANCES = (PACKAGE / "__init__.py", PACKAGE / "__main__.py")

MOST_LINES, MOST_LINES_OF_A_FUNCTION = 350, 90
BANNED = {"workshop", "lesson", "lessons", "intake", "watch", "shipping", "web", "utils"}
STYLE_OR_SCRIPT = re.compile(r"(\w+_)?(CSS|HEAD|JS)")


def all_of(place: str) -> list[str]:
    """The modules of a place, such as "losses" or "demo/*", as ELSEWHERE names them."""
    return [str(path.relative_to(PACKAGE)) for path in PACKAGE.glob(f"{place}/[!_]*.py")]


# Modules whose tests have another name than the tree asks for. A new loss, encoder, dataset or tab is tested by what its
# registry is tested by; what is special to one of them has a file of its own beside that.
ELSEWHERE = {
    "demo/base.py": ("demo/test_page.py", "what tabs are handed; the page hands it to them"),
    "demo/api.py": ("end_to_end/test_app.py", "endpoints of a running server"),
    "training/events.py": ("training/test_loop.py", "dataclasses without code, which the loop yields"),
    "images/formats.py": ("data/test_folders.py", "a constant"),
    **dict.fromkeys(all_of("encoders"), ("encoders/test_encoders.py", "what holds for every encoder")),
    **dict.fromkeys(all_of("losses"), ("losses/test_losses.py", "all losses, each against a loop")),
    **dict.fromkeys(all_of("data/datasets"), ("data/test_datasets.py", "all datasets, from files of each kind")),
    **{
        name: ("end_to_end/test_browser.py", "widgets and events, which are there in a browser alone")
        for name in all_of("demo/*")
        if name.endswith("/tab.py")
    },
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def package_of(path: Path) -> str:
    """The sub-package of a file, or the module itself at the root of siamese/."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """The dotted names of all that a file imports, at its top, in functions and for types."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}: imports are absolute"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def imports_of(*libraries: str) -> set[str]:
    """The files that import any of these libraries."""
    return {named(path) for path in [*FILES, *PROGRAMS] if {name.split(".")[0] for name in imports(path)} & set(libraries)}


def arrows() -> Iterator[tuple[Path, str]]:
    """Each file, entrances aside, with each other package of siamese that it imports."""
    for path in FILES:
        if path in ENTRANCES:
            continue
        for name in imports(path):
            root, _, rest = name.partition(".")
            imported = rest.split(".")[0]
            if root == "siamese" and imported != package_of(path):
                yield path, imported


# ---- Imports ----


def test_every_package_has_its_floor():
    assert {package_of(path) for path in FILES} - {"__init__", "__main__"} == set(FLOOR_OF)


def test_imports_point_downwards_alone():
    upward = [f"{named(path)} imports {name}" for path, name in arrows() if FLOOR_OF[name] >= FLOOR_OF[package_of(path)]]
    assert upward == []


def test_modules_of_a_package_form_no_circle():
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}
    needs = {
        module: {parent for name in imports(path) for parent in (name, name.rpartition(".")[0]) if parent in modules}
        for module, path in modules.items()
        if path not in ENTRANCES
    }
    while needs:
        free = {module for module, needed in needs.items() if not (needed - {module}) & set(needs)}
        assert free, f"these import each other in a circle: {sorted(needs)}"
        needs = {module: needed for module, needed in needs.items() if module not in free}


def test_gradio_is_for_the_page_alone():
    others = {name for name in imports_of("gradio", "gradio_client") if not name.startswith("siamese/demo/")}
    assert others <= {"app.py"}
    assert imports_of("gradio")


def test_command_lines_are_read_by_commands_alone():
    others = {name for name in imports_of("argparse") if not name.startswith("siamese/commands/")}
    assert others == {"siamese/__main__.py", "siamese/command_line.py", "siamese/demo/command.py"}


def test_only_app_and_train_lie_beside_the_package_and_tests_import_no_test():
    assert {path.name for path in ROOT.glob("*.py")} == {"app.py", "train.py"}
    tests = {path.stem for path in TESTS if path.stem.startswith("test_")}
    for path in TESTS:
        assert not [name for name in imports(path) if set(name.split(".")) & tests], named(path)


# ---- Sizes and names ----


def test_files_and_functions_are_short():
    long = {named(path) for path in [*FILES, *PROGRAMS, *TESTS] if len(path.read_text().splitlines()) > MOST_LINES}
    for path in [*FILES, *PROGRAMS, *TESTS]:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                long |= {f"{named(path)}: {node.name}"} if lines > MOST_LINES_OF_A_FUNCTION else set()
    assert long == set()


def test_styles_and_scripts_are_files():
    for path in FILES:
        for node in ast.walk(TREES[path]):
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and STYLE_OR_SCRIPT.fullmatch(target.id) for target in targets):
                texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
                assert not [text for text in texts if isinstance(text, str) and "\n" in text], f"{named(path)}:{node.lineno}"


@pytest.mark.parametrize("paths", [FILES, TESTS], ids=["siamese", "tests"])
def test_names_are_those_of_the_field(paths):
    found = set()
    for path in paths:
        names = [*path.relative_to(ROOT).with_suffix("").parts]
        names += [node.name for node in ast.walk(TREES[path]) if isinstance(node, ast.ClassDef)]
        for name in names:
            words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().split("_")
            found |= {f"{named(path)}: {name}"} if BANNED & set(words) else set()
    assert found == set()


def test_no_two_modules_are_a_letter_apart():
    names = {path.stem for path in FILES}
    assert not {name for name in names if f"{name}s" in names}


# ---- Nothing missing, nothing left over ----


def test_every_module_has_its_tests():
    missing = set()
    for path in FILES:
        name = str(path.relative_to(PACKAGE))
        mirrored = Path(name).parent / f"test_{path.stem.strip('_')}.py"
        if path.name == "__init__.py":
            continue
        expected, _ = ELSEWHERE.get(name, (str(mirrored), ""))
        missing |= set() if (ROOT / "tests" / expected).is_file() else {f"{name}: {expected}"}
    assert missing == set()
    assert not [name for name in ELSEWHERE if not (PACKAGE / name).is_file()]


def test_every_file_is_used():
    """Those of the page are served by their place: of a tab, or by a list of names."""
    texts = "\n".join(path.read_text(encoding="utf-8") for path in [*FILES, ROOT / "README.md"])
    lists = (PACKAGE / "demo" / "page.py").read_text(encoding="utf-8")
    for path in PACKAGE.rglob("*"):
        if not path.is_file() or path.suffix in (".py", ".pyc") or "weights" in path.relative_to(PACKAGE).parts:
            continue
        if path.suffix in (".css", ".js"):
            is_listed = f'"{path.stem}"' in lists if path.parent.name == "static" else (path.parent / "tab.py").exists()
            is_used = is_listed or f'"{path.name}"' in texts
        else:
            is_used = path.name in texts
        assert is_used, f"nothing uses {named(path)}"
