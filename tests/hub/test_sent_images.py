"""Images of one's own on their way to a hosted training: all of them, once, privately, whatever breaks on the way."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hub_fake.jobs import Finished, FullHubServer, Job, run_job
from PIL import Image
from safetensors.torch import load

from siamese.hub.sent_images import MARKER, of_pairs
from siamese.model_folder.files import WEIGHTS_FILE

PUSH = ["--push", "--repo-id", "ada/mine"]
DATASET = "datasets/ada/mine-data"
EPOCH = ["--encoder", "seed", "--epochs", "1", "--batch-size", "64"]


@pytest.fixture
def launch(hub_and_commands) -> Callable[..., Finished]:
    """Runs train.py --hosted until it ends."""
    command = ["train", "--hosted", "cpu-basic", *PUSH]
    return lambda *options, **more: hub_and_commands[1].run(*command, *map(str, options), **more)


def done(job: Job) -> None:
    """A machine that does nothing."""
    job.end("CANCELED")


def names(folder: Path) -> set[str]:
    """Where the images of a folder lie in the repository."""
    return {f"{folder.name}/{file.relative_to(folder).as_posix()}" for file in folder.rglob("*.*") if file.suffix != ".txt"}


def sent(hub: FullHubServer) -> list[str]:
    """What was put into the storage of large files, each time."""
    return hub.requests(f"PUT /lfs/{DATASET}")


# ---- What is sent ----


def test_the_images_of_a_folder_go_to_a_private_repository_at_their_places(digit_folder, hub, launch):
    hub.machine = done
    (digit_folder / "notes.txt").write_text("private")
    finished = launch("--dataset", digit_folder, "--yes")
    assert "images: 28 images in 7 classes, 30 files of 0.0" in finished.stdout
    assert "MB together, to the private dataset repository ada/mine-data\n" in finished.stdout
    assert "delete them with: hf repos delete ada/mine-data --type dataset" in finished.stdout
    assert "cpu-basic costs $0.01 an hour" in finished.stdout
    assert hub.repositories[DATASET].private
    files = hub.files(DATASET)
    assert set(files) == names(digit_folder) | {MARKER, "README.md", ".gitattributes"}
    for name in names(digit_folder):
        assert files[name] == (digit_folder.parent / name).read_bytes()
    commit = hub.repositories[DATASET].branches["main"]
    script = hub.jobs[0].spec["command"][-1]
    assert f'get("ada/mine-data", repo_type="dataset", revision="{commit}", local_dir="images")' in script
    assert f"--dataset images/{digit_folder.name} " in script


def test_the_images_of_pairs_go_along_in_the_order_of_their_paths(tmp_path, digits):
    (tmp_path / "lists").mkdir()
    places = ["b/1.png", "a/1.png", "a/2.png", "lists/0.png"]
    for image, place in zip(digits[0], places, strict=False):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / place)
    (tmp_path / "lists/pairs.csv").write_text("image_a;image_b;is_same\n../b/1.png;../a/1.png;yes\n../a/2.png;0.png;no\n")
    images = of_pairs(tmp_path / "lists/pairs.csv", "ada/mine")
    assert images.files["pairs.csv"].decode().splitlines() == [
        "image_a,image_b,is_same", "images/b/1.png,images/a/1.png,1", "images/a/2.png,images/lists/0.png,0"
    ]  # fmt: skip
    assert {name: images.files[f"images/{name}"] for name in places} == {name: tmp_path / name for name in places}
    assert (images.option, images.place, images.found) == ("pairs", "pairs.csv", "2 pairs of 4 images")


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(digit_folder, hub, launch):
    finished = launch("--dataset", digit_folder, "--dry-run", token="")
    assert finished.returncode == 0, finished.stderr
    assert "images       28 images in 7 classes, 30 files of " in finished.stdout
    assert 'revision="COMMIT_OF_IMAGES"' in finished.stdout
    assert hub.requests() == []


def test_nothing_is_sent_where_nobody_said_yes(digit_folder, hub, launch):
    finished = launch("--dataset", digit_folder)
    assert finished.returncode == 2
    assert "--yes sends without asking" in finished.stderr
    assert [line for line in hub.requests() if not line.startswith("GET")] == []


# ---- Again ----


def test_what_is_there_is_not_sent_again_what_changed_is_and_what_went_goes(digit_folder, hub, launch):
    hub.machine = done
    launch("--dataset", digit_folder, "--yes")
    before, count = hub.repositories[DATASET].branches["main"], len(sent(hub))
    assert count == 7  # PNGs; the others are small, and lie in git itself
    assert "images: 0 MB sent" in launch("--dataset", digit_folder, "--yes").stdout
    assert (hub.repositories[DATASET].branches["main"], len(sent(hub))) == (before, count)
    first, second = sorted(digit_folder.rglob("*.png"))[:2]
    Image.open(first).rotate(180).save(first)
    second.unlink()
    launch("--dataset", digit_folder, "--yes")
    assert len(sent(hub)) == count + 1
    assert set(hub.files(DATASET)) == names(digit_folder) | {MARKER, "README.md", ".gitattributes"}
    assert hub.files(DATASET)[f"{digit_folder.name}/{first.relative_to(digit_folder).as_posix()}"] == first.read_bytes()


@pytest.mark.parametrize(
    ("files", "private", "said"),
    [
        ({"a.png": b""}, False, "ada/mine-data, where images go, is public"),
        ({"thesis.tex": b""}, True, "ada/mine-data holds something else, thesis.tex for one"),
    ],
)
def test_a_repository_of_something_else_or_for_all_to_see_is_left_alone(files, private, said, digit_folder, hub, launch):
    commit = hub.add(DATASET, files, private=private)
    finished = launch("--dataset", digit_folder, "--yes")
    assert finished.returncode == 3
    assert f"error: no job was started: the dataset {said}" in finished.stderr
    assert hub.repositories[DATASET].branches["main"] == commit
    assert hub.jobs == []


# ---- What breaks ----


@pytest.mark.slow
def test_after_a_refusal_of_any_request_the_same_command_sends_only_what_is_missing(digit_folder, hub, launch):
    hub.machine = done
    launch("--dataset", digit_folder, "--yes")
    expected = hub.files(DATASET)
    kinds = {re.sub("[0-9a-f]{40,}", "", line): line for line in hub.requests("mine-data")}
    assert len(kinds) > 7
    for line in kinds.values():
        hub.reset()
        hub.machine = done
        hub.fail(403, line, times=9, error="not now")
        finished = launch("--dataset", digit_folder, "--yes")
        assert finished.returncode == 3
        assert re.search(
            "error: no job was started: .*not now.*; run the same command again: what was sent is not", finished.stderr
        )
        assert hub.jobs == []
        stored = hub.stored(DATASET)
        hub.faults, hub.log = [], []
        launch("--dataset", digit_folder, "--yes")
        assert hub.files(DATASET) == expected, line
        assert len(hub.jobs) == 1
        assert [oid for oid in stored for put in sent(hub) if oid in put] == [], line
        assert hub.repositories[DATASET].private


@pytest.mark.slow
@pytest.mark.exhaustive
def test_own_images_are_trained_on_as_at_home_though_the_connection_broke(digits, hub_and_commands, tmp_path):
    hub, commands = hub_and_commands
    hub.reset()
    hub.machine = run_job(tmp_path)
    for number, (image, label) in enumerate(zip(*(each[:500] for each in digits), strict=True)):
        (tmp_path / f"my digits/{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / f"my digits/{label}/{number}.png")
    own = ["--dataset", str(tmp_path / "my digits"), *EPOCH]
    hub.fail("cut upload", f"PUT /lfs/{DATASET}", number=250)
    hub.fail(403, f"POST /api/{DATASET}/commit")
    first = commands.run("train", "--hosted", "cpu-basic", *PUSH, *own, "--yes")
    assert (first.returncode, hub.jobs) == (3, [])
    assert "what was sent is not sent twice" in first.stderr
    stored, hub.faults, hub.log = hub.stored(DATASET), [], []
    finished = commands.run("train", "--hosted", "cpu-basic", *PUSH, *own, "--yes")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert len(stored) > 200
    assert len(sent(hub)) == 500 - len(stored)
    assert hub.repositories["ada/mine"].private
    assert hub.repositories[DATASET].private
    assert commands.run("train", *own, "--output", str(tmp_path / "here")).returncode == 0
    here = load((tmp_path / "here" / WEIGHTS_FILE).read_bytes())
    hosted = load(hub.files("ada/mine")[WEIGHTS_FILE])
    assert here.keys() == hosted.keys()
    for name, weights in here.items():
        assert torch.equal(weights, hosted[name]), name
