"""Where images of one's own lie: folders, files of pairs, and what was fetched of the Hub."""

from pathlib import Path

import pytest

from siamese.data import own_images as module
from siamese.data.own_images import (
    ANYTHING,
    COMPLETE,
    PAIRS_FILE,
    PUBLIC,
    HubChoices,
    OwnImages,
    fetched_folder,
    hub_name,
    own_images,
)

COMMIT = "0123456789" * 4


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(module.constants, "HF_ASSETS_CACHE", str(tmp_path / "cache"))


def fetch(place: Path, *files: str) -> Path:
    place.mkdir(parents=True)
    for name in (COMPLETE, *files):
        (place / name).touch()
    return place


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada/signs", ("ada/signs", None)),
        ("ada/signs-2.0@main", ("ada/signs-2.0", "main")),
        (f"ada/signs@{COMMIT}", ("ada/signs", COMMIT)),
        ("ada/signs@refs/pr/1", ("ada/signs", "refs/pr/1")),
    ],
)
def test_names_of_the_hub(text, expected):
    assert hub_name(text) == expected


@pytest.mark.parametrize(
    "text", ["mnist", "./ada/signs", "/ada/signs", "ada/signs/", "a/b/c", "ada\\signs", "~/signs", "ada/signs@", ""]
)
def test_what_can_be_no_name_of_the_hub(text):
    assert hub_name(text) is None


def test_a_folder_goes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = fetch(fetched_folder("ada/signs", COMMIT))
    assert own_images(f"ada/signs@{COMMIT}") == OwnImages(place, "ada/signs", commit=COMMIT)
    (tmp_path / "ada" / "signs").mkdir(parents=True)
    assert own_images("ada/signs") == OwnImages(Path("ada/signs"), "signs")


def test_a_folder_has_the_name_by_which_it_was_given(tmp_path, monkeypatch):
    (tmp_path / "store" / "v7").mkdir(parents=True)
    (tmp_path / "signs").symlink_to(tmp_path / "store" / "v7")
    assert own_images(str(tmp_path / "signs")).name == own_images(str(tmp_path / "store" / ".." / "signs")).name == "signs"
    monkeypatch.chdir(tmp_path / "store")
    assert own_images(".").name == "store"


def test_what_is_not_here_as_a_whole_is_nothing(tmp_path):
    assert own_images("ada/signs") is None
    assert own_images(f"ada/signs@{COMMIT}") is None
    fetch(fetched_folder("ada/signs", COMMIT)).joinpath(COMPLETE).unlink()
    assert own_images(f"ada/signs@{COMMIT}") is None


def test_rows_belong_to_the_choices_that_they_were_fetched_with():
    choices = HubChoices(label_column="genus")
    place = fetch(fetched_folder("ada/signs", COMMIT, choices))
    assert own_images(f"ada/signs@{COMMIT}", choices).place == place
    assert own_images(f"ada/signs@{COMMIT}", ANYTHING) is None
    assert own_images(f"ada/signs@{COMMIT}", HubChoices("small", label_column="genus")) is None


def test_pairs_are_told_from_classes():
    fetch(fetched_folder("ada/pairs", COMMIT, ANYTHING), PAIRS_FILE)
    assert own_images(f"ada/pairs@{COMMIT}").are_pairs
    fetch(fetched_folder("ada/signs", COMMIT, ANYTHING), "labels.csv")
    assert not own_images(f"ada/signs@{COMMIT}").are_pairs


def test_what_everybody_may_read_is_public(tmp_path):
    place = fetch(fetched_folder("ada/signs", COMMIT))
    assert not own_images(f"ada/signs@{COMMIT}").is_public
    (place / COMPLETE).write_text(PUBLIC)
    assert own_images(f"ada/signs@{COMMIT}").is_public
    assert not own_images(str(tmp_path)).is_public
