"""What a training was begun with is known again, and what has changed since is named."""

import dataclasses
import os
import re
import sys

import numpy as np
import pytest
import torch
from terminal import Screen

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.folders import read_folder
from siamese.data.splits import load_splits
from siamese.training import fingerprint
from siamese.training.fingerprint import (
    Fingerprint,
    check_files,
    check_split,
    fingerprint_files,
    fingerprint_split,
)
from siamese.training.settings import TrainingSettings


@pytest.fixture
def settings(digit_folder) -> TrainingSettings:
    return TrainingSettings(str(digit_folder))


def test_the_same_files_are_known_again_whatever_their_dates_are(settings, digit_folder):
    before = fingerprint_files(settings)
    assert len(before.files) == 28
    for file in digit_folder.rglob("*.*"):
        os.utime(file, (0, 0))
    check_files(before, fingerprint_files(settings), "digits")
    check_files(None, fingerprint_files(settings), "digits")  # a state of an older version


@pytest.mark.parametrize("place", [0, 0.5, -1])
def test_a_byte_of_a_file_is_noticed_wherever_it_is(place, settings, digit_folder):
    before, file = fingerprint_files(settings), digit_folder / "digit 3" / "1.bmp"
    content = bytearray(file.read_bytes())
    content[int(place * len(content)) if place >= 0 else -1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"'digits' has changed .*: 1 file different \(digit 3/1\.bmp\)\. Put it back"):
        check_files(before, fingerprint_files(settings), "digits")


def test_what_is_new_gone_or_different_is_counted_and_a_few_are_named(settings, digit_folder):
    before = fingerprint_files(settings)
    (digit_folder / "digit 0").rename(digit_folder / "digit 9")
    (digit_folder / "digit 1" / "0.png").write_bytes(b"other")
    with pytest.raises(ValueError, match="has changed") as caught:
        check_files(before, fingerprint_files(settings), "digits")
    assert "4 files new (digit 9/0.png, digit 9/1.bmp, digit 9/2.pgm, ...); " in str(caught.value)
    assert "4 files gone (digit 0/0.png, digit 0/1.bmp, digit 0/2.pgm, ...); " in str(caught.value)
    assert "1 file different (digit 1/0.png). " in str(caught.value)


def test_labelled_pairs_are_their_file_and_the_images_that_it_names(digit_folder, tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text("image_a,image_b,is_same\ndigits/digit 0/0.png,digits/digit 1/0.png,0\n")
    before = fingerprint_files(TrainingSettings(pairs=str(table)))
    assert set(before.files) == {"pairs.csv", "digits/digit 0/0.png", "digits/digit 1/0.png"}
    table.write_text(table.read_text().replace(",0\n", ",1\n"))
    with pytest.raises(ValueError, match=r"1 file different \(pairs\.csv\)"):
        check_files(before, fingerprint_files(TrainingSettings(pairs=str(table))), str(table))


def test_it_comes_back_as_it_was_saved_with_any_name(digit_folder, tmp_path):
    name = os.fsdecode(b"Z\xfcrich.png")  # no UTF-8
    (digit_folder / "digit 0" / "0.png").rename(digit_folder / "digit 0" / name)
    for files in (fingerprint_files(TrainingSettings(str(digit_folder))).files, {}):
        fingerprint = Fingerprint(files, "a digest")
        torch.save(fingerprint.plain(), tmp_path / "state")
        assert Fingerprint.from_plain(torch.load(tmp_path / "state", weights_only=True)) == fingerprint
    assert f"digit 0/{name}" in fingerprint_files(TrainingSettings(str(digit_folder))).files


def test_another_split_of_the_same_images_is_another(digit_folder):
    def split(seed: int) -> str:
        preprocess, encoder = PreprocessConfig("ink"), EncoderConfig(image_size=28)
        return fingerprint_split(load_splits(str(digit_folder), "", preprocess, encoder, "classes", 0.2, 0.2, False, seed))

    before = Fingerprint({}, split(0))
    assert split(0) == before.split != split(1)
    check_split(before, Fingerprint({}, split(0)), "digits")
    check_split(None, Fingerprint({}, split(1)), "digits")
    with pytest.raises(ValueError, match="'digits' gives other images for training, validation or test"):
        check_split(before, Fingerprint({}, split(1)), "digits")


def test_every_pixel_and_label_counts():
    preprocess, encoder = PreprocessConfig("ink"), EncoderConfig(image_size=28)
    splits = load_splits("mnist-sample", "", preprocess, encoder, None, 0.1, 0.2, False, 0)
    before = fingerprint_split(splits)
    for part in ("training", "validation", "test"):
        for field in ("images", "labels"):
            data = getattr(splits, part)
            changed = np.array(getattr(data, field))
            changed[-1] = (changed[-1] + 1) % 10
            other = dataclasses.replace(splits, **{part: dataclasses.replace(data, **{field: changed})})
            assert fingerprint_split(other) != before, (part, field)


def test_what_takes_long_has_a_bar_at_a_terminal_alone(settings, digit_folder, monkeypatch, capsys):
    monkeypatch.setattr(fingerprint, "PATIENCE", 0)
    preprocess, encoder = PreprocessConfig("ink"), EncoderConfig(image_size=28)
    fingerprint_files(settings)
    read_folder(digit_folder, preprocess, encoder, progress=True)
    assert capsys.readouterr().err == ""
    for progress in (True, False):
        monkeypatch.setattr(sys, "stderr", Screen())
        fingerprint_files(settings)
        read_folder(digit_folder, preprocess, encoder, progress=progress)
        assert re.search(r"noting which files: .*/28", sys.stderr.getvalue())
        assert bool(re.search(r"reading images: .*/28", sys.stderr.getvalue())) == progress
