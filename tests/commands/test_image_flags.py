"""Which images are meant: a folder here before the Hub."""

import argparse

import pytest

from siamese.commands.image_flags import add_flags, choices_of, fetched
from siamese.data.own_images import ANYTHING, HubChoices


def test_flags_are_the_choices():
    parser = argparse.ArgumentParser()
    add_flags(parser)
    given = "--dataset-config small --dataset-split train --image-column photo --label-column genus"
    given += " --classes-from-names a+"
    assert choices_of(parser.parse_args(given.split())) == HubChoices("small", "photo", "genus", "train", "a+")
    assert choices_of(parser.parse_args([])) == ANYTHING


def test_a_folder_wins_and_that_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ada" / "signs").mkdir(parents=True)
    assert fetched("ada/signs", ANYTHING) == "ada/signs"
    assert capsys.readouterr().err == (
        "note: ada/signs is the folder here; for a dataset of the Hub, write ada/signs@main\n"
    )
    with pytest.raises(ValueError, match="--dataset-config is about a dataset of the Hub, and ada/signs is a folder here"):
        fetched("ada/signs", HubChoices("small"))


def test_a_name_below_a_folder_that_is_here_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures" / "trees").mkdir(parents=True)
    for name in ("pictures/treees", "pictures/pairs.csv"):
        with pytest.raises(ValueError, match=f"{name} is not a folder here; for a dataset of the Hub, write {name}@main"):
            fetched(name, ANYTHING)


@pytest.mark.parametrize("dataset", ["mnist", "./nothing", "a/b/c"])
def test_what_can_be_no_dataset_of_the_hub_stays_as_it_is(dataset):
    assert fetched(dataset, ANYTHING) == dataset
