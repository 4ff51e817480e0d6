"""The package as users install it: built, put into an environment of its own, and used from another folder."""

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from app_fixtures import running_app
from hub_fake.client import ROOT
from PIL import Image

from siamese import Verifier
from siamese.hub.project import project_files
from siamese.hub.sources import bundled_models
from siamese.model_folder.files import CONFIG_FILE, REFERENCE_FILE, WEIGHTS_FILE
from siamese.model_folder.weights import load_model
from siamese.version import __version__

pytestmark = pytest.mark.slow

BESIDE = ("LICENSE", "README.md", "app.py", "pyproject.toml", "requirements.txt", "train.py")
VARIABLES = {
    name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SIAMESE_MODEL", "SIAMESE_COMMIT")
}
VARIABLES["HF_HUB_OFFLINE"] = "1"


def pip(*arguments: str | Path) -> None:
    finished = subprocess.run([sys.executable, "-m", "pip", *arguments], env=VARIABLES, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """The folder of `python` and `siamese` in an environment that has the wheel; what it needs is that of these tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    ours = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (packages / "those_of_the_tests.pth").write_text("\n".join(ours) + "\n")
    pip("--python", folder / "bin" / "python", "install", "--no-index", "--no-deps", wheel)
    return folder / "bin"


@pytest.fixture
def run(programs, tmp_path) -> Callable[..., str]:
    """Runs `siamese`, or `python`, in an empty folder; what it prints."""

    def call(*arguments: str, program: str = "siamese") -> str:
        command = [programs / program, *arguments]
        finished = subprocess.run(command, cwd=tmp_path, env=VARIABLES, capture_output=True, text=True, timeout=600)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    return call


def test_a_wheel_holds_what_jobs_and_spaces_get_the_bundled_weights_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
    weights = {name for name in names if name.startswith("siamese/weights/")}
    assert names - weights == set(project_files()) | {f"siamese/project/{name}" for name in BESIDE}
    for model in bundled_models():
        assert {f"siamese/weights/{model}/{name}" for name in (CONFIG_FILE, WEIGHTS_FILE, REFERENCE_FILE)} <= weights
    assert {Path(name).suffix for name in weights} == {".json", ".safetensors", ".md", ".png"}
    assert wheel.stat().st_size < 8_000_000


def test_from_any_folder_the_package_is_the_installed_one_with_its_weights(run, programs, digits):
    code = (
        "import siamese; from siamese import Verifier, Gallery; from siamese.data.datasets.mnist import load_sample_digits\n"
        "print(siamese.__file__); print(Verifier.from_pretrained().embed(load_sample_digits()[0][:5]).tobytes().hex())"
    )
    place, embeddings = run("-c", code, program="python").split()
    assert Path(place).is_relative_to(programs.parent)
    assert embeddings == Verifier.from_pretrained().embed(digits[0][:5]).tobytes().hex()


def test_the_command_compares(run, tmp_path, digits):
    for name, image in zip(("a.png", "b.png"), digits[0], strict=False):
        Image.fromarray(image).save(tmp_path / name)
    verdict = Verifier.from_pretrained().verify(tmp_path / "a.png", tmp_path / "b.png")
    assert json.loads(run("compare", "a.png", "b.png", "--json"))["distance"] == pytest.approx(verdict.distance, abs=1e-4)
    assert run("compare", "a.png", "b.png").startswith(("same (", "different ("))


def test_the_command_says_its_version_and_no_commit_of_a_repository_around_it(run, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert run("--version") == f"siamese {__version__}\n"


@pytest.mark.exhaustive
def test_the_command_trains(run, tmp_path):
    run("train", "--dataset", "mnist-sample", "--device", "cpu", "--epochs", "1", "--output", "model")
    _, config = load_model(tmp_path / "model")
    assert config.training.epochs == 1


def test_the_command_serves_the_demo(programs, tmp_path):
    with running_app(tmp_path, [programs / "siamese", "demo"], PYTHONPATH="") as app:
        assert app.get("/health")
        assert "digits (bundled)" in app.get("/config")


@pytest.mark.parametrize(
    ("command", "beside"),
    [
        (
            ["deploy", "--space", "ada/demo"],
            ["README.md", "app.py", "requirements.txt", "LICENSE", "train.py", "pyproject.toml"],
        ),
        (["train", "--hosted", "t4-small", "--push", "--repo-id", "ada/digits"], ["train.py", "requirements.txt"]),
    ],
    ids=["a Space", "a job"],
)
def test_an_installed_package_sends_what_a_checkout_does(command, beside, run):
    listed = re.findall(r"^ +[\d,]+  (\S+)$", run(*command, "--dry-run"), re.M)
    weights = {name for name in listed if name.startswith("siamese/weights/")}
    assert set(listed) - weights == set(project_files(*beside))
    assert len(weights) == (3 * len(bundled_models()) if command[0] == "deploy" else 0)
