"""The tab Train: which epochs it suggests; classes by names; its push, with the visitor's login, of own pictures none."""

import subprocess
import sys
from types import SimpleNamespace

import gradio as gr
import pytest
from brought import zipped
from hub_fake.client import environment, make_model_folder, make_own_folder
from hub_fake.protocol import WRITER
from PIL import Image

from siamese.demo.train import tab
from siamese.demo.train.hosted import FITTING
from siamese.model_folder.model_card import SHOW_PIXELS
from siamese.visitors.disk import Disk
from siamese.visitors.limits import MEGABYTE, TrainingLimits
from siamese.visitors.task import Checked
from siamese.visitors.workspace import Workspaces

# As the page calls it, in a process that knows no other Hub: a folder, a repository, and what is ticked.
PROGRAM = """
import sys
from pathlib import Path
from types import SimpleNamespace

from siamese.demo.train import tab
from siamese.verifier import Verifier

folder, repo_id, *ticks = sys.argv[1:]
space = SimpleNamespace(model=Verifier.from_pretrained(folder), model_folder=lambda: Path(folder))
ticks = ["yes" == tick for tick in ticks]
print(tab.push(space, repo_id, *ticks, SimpleNamespace(token="TOKEN")))
""".replace("TOKEN", WRITER)


@pytest.fixture
def push(hub_server, tmp_path):
    """Pushes a folder as the page does, and gives what the page shows."""

    def call(folder, private: str, pictures: str = "no", embeddings: str = "yes", repo_id: str = "ada/x") -> str:
        command = [sys.executable, "-c", PROGRAM, folder, repo_id, private, pictures, embeddings]
        variables = environment(hub_server.endpoint, tmp_path)
        finished = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    return call


@pytest.mark.slow
@pytest.mark.exhaustive
def test_of_own_pictures_none_goes_to_the_hub_unless_that_is_ticked(hub_server, push, tmp_path):
    make_own_folder(tmp_path / "model")
    said = push(tmp_path / "model", private="yes")
    assert "ada/x is private" in said
    assert "not sent: pictures" in said
    assert "--" not in said
    assert hub_server.repositories["ada/x"].private
    files = hub_server.files("ada/x")
    assert not set(SHOW_PIXELS) & set(files)
    assert b"grandma" not in files["README.md"]
    said = push(tmp_path / "model", private="no")
    assert "private: change that in its settings, or tick Private" in said
    assert "ada/y is public" in push(tmp_path / "model", private="no", pictures="yes", embeddings="no", repo_id="ada/y")
    files = hub_server.files("ada/y")
    assert set(SHOW_PIXELS) < set(files)
    assert "reference.safetensors" not in files
    assert not hub_server.repositories["ada/y"].private
    assert "public: change that in its settings, or untick Private" in push(tmp_path / "model", "yes", repo_id="ada/y")


@pytest.mark.slow
@pytest.mark.exhaustive
def test_of_a_dataset_by_name_the_account_decides_unless_private_is_ticked(hub_server, push, tmp_path):
    make_model_folder(tmp_path / "model")
    assert "ada/x is public" in push(tmp_path / "model", private="no")
    assert set(SHOW_PIXELS) < set(hub_server.files("ada/x"))
    assert "ada/y is private" in push(tmp_path / "model", private="yes", repo_id="ada/y")


@pytest.mark.slow
def test_names_of_files_that_tell_classes_are_offered_in_words_and_taken_at_a_click(tmp_path, digits):
    flat = tmp_path / "flat"
    flat.mkdir()
    for label, name in enumerate(("birch", "oak", "elm")):
        for number, image in enumerate(digits[0][digits[1] == label][:7]):
            Image.fromarray(image).save(flat / f"{name}_{number:03}.png")
    Image.fromarray(digits[0][999]).save(flat / "notes.png")
    with Workspaces(TrainingLimits(), Disk(tmp_path / "disk", 100 * MEGABYTE)) as opened:
        space = opened.open()
        _, report, said, start, _, offer = tab.take_archive(str(zipped(flat, tmp_path / "flat.zip")), space)
        assert (report, start.interactive, offer.visible) == ("", False, True)
        assert "all 22 usable images lie in one place" in said
        assert "The names of the files tell 3 classes: birch, elm, oak." in said
        assert "--" not in said
        report, said, start, _, offer = tab.sort_by_names(space)
        assert (start.interactive, offer.visible) == (True, False)
        assert "1 file passed over, whose names tell no class: notes.png." in said
        assert "21 images of 3 classes" in said
        assert ">birch<" in report
        assert space.checked().classes == 3
        report, said, start, _, offer = tab.sort_by_names(space)
        assert (start.interactive, offer.visible) == (False, False)
        assert "do not tell the classes" in said


def test_once_images_are_checked_the_epochs_are_those_that_suit_them_and_the_encoder():
    photos = Checked("zip", "folder", 10, 500, "classes", "timm/tf_efficientnet_lite0")
    space = SimpleNamespace(checked=lambda: photos, limits=SimpleNamespace(epochs=10))
    found = tab.suited(space, FITTING)
    assert (found.value, found.info) == (1, "1 epoch suits these images with the timm/tf_efficientnet_lite0 encoder")
    found = tab.suited(space, "compact")
    assert (found.value, found.info) == (10, "24 epochs suit these images with the compact encoder; 10 are allowed here")

    def nothing() -> Checked:
        raise ValueError("there are no checked images")

    assert tab.suited(SimpleNamespace(checked=nothing), FITTING) == gr.skip()
