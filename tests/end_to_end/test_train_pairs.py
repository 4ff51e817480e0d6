"""Training and measuring on labelled pairs alone."""

import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pair_files import write_csv, write_images
from safetensors.torch import load_file
from sklearn.metrics import balanced_accuracy_score
from terminal import wait_for

from siamese import Verifier
from siamese.__main__ import main
from siamese.commands import train
from siamese.data.pairs import list_pairs
from siamese.model_folder.files import RESUME_FILE, WEIGHTS_FILE

pytestmark = pytest.mark.slow


@pytest.fixture
def images(digits, tmp_path) -> Path:
    """Ten images of each digit, as digits/LABEL-NUMBER.png."""
    return write_images(tmp_path / "digits", digits)


@pytest.fixture
def pairs_file(images, tmp_path) -> Path:
    """A CSV file beside the images' folder: rings of four images, two of each of two digits, all six pairs of each ring."""
    rows = []
    for label, number in itertools.product(range(0, 10, 2), range(0, 10, 2)):
        ring = [f"{kind}-{n}" for kind in (label, label + 1) for n in (number, number + 1)]
        rows += [(f"digits/{a}.png", f"digits/{b}.png", int(a[0] == b[0])) for a, b in itertools.combinations(ring, 2)]
    return write_csv(tmp_path / "pairs.csv", rows)


SHORT = ["--device", "cpu", "--epochs", "2", "--batch-size", "8", "--encoder", "seed"]


def test_training_on_pairs_from_end_to_end(pairs_file, images, tmp_path, capsys):
    (images / "0-0.png").write_text("no picture")
    folder = tmp_path / "model"
    arguments = ["--pairs", str(pairs_file), *SHORT, "--validation-share", "0.3", "--test-share", "0.3"]
    assert train.main([*arguments, "--output", str(folder)]) == 0
    stdout, stderr = capsys.readouterr()
    assert "labelled pairs to train on; seen as ink, 28 x 28 px, grey" in stdout
    assert "left out" in stderr
    assert "0-0.png" in stderr
    assert "note: 3 pairs left out because an image is" in stderr
    assert "pairs of a kind: trust the interval" in stderr
    verifier = Verifier.from_pretrained(folder)
    config, data = verifier.config, verifier.config.data
    assert (data.dataset, data.split, data.classes, data.left_out, config.loss.name) == ("pairs.csv", "pairs", 0, 1, "bce")
    assert data.pairs + config.metrics.same_pairs + config.metrics.different_pairs < 147
    assert data.training_images + data.validation_images + data.test_images == 99
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"({data.pairs} labelled pairs)" in card
    assert "no image is in two" in card
    assert "0-0.png" in card
    assert "0 classes" not in card

    assert main(["evaluate", "--pairs", str(pairs_file), "--model", str(folder), "--json"]) == 0
    stdout, stderr = capsys.readouterr()
    answer = json.loads(stdout)
    assert "0-0.png" in stderr
    rows = [row for row in list_pairs(pairs_file) if "0-0.png" not in (row[1].name, row[2].name)]
    a, b = (verifier.embed([row[side] for row in rows]).astype(np.float64) for side in (1, 2))
    is_same = np.array([row[3] for row in rows])
    accepted = np.linalg.norm(a - b, axis=1) <= config.calibration.threshold
    assert (answer["same_pairs"], answer["different_pairs"]) == (is_same.sum(), (~is_same).sum())
    assert answer["dataset"] == str(pairs_file)
    assert answer["balanced_accuracy"] == pytest.approx(100 * balanced_accuracy_score(is_same, accepted), abs=1.5)
    assert answer["balanced_accuracy_low"] <= answer["balanced_accuracy"] <= answer["balanced_accuracy_high"]


@pytest.mark.exhaustive
def test_an_interrupted_training_on_pairs_ends_as_if_never_interrupted(pairs_file, root, tmp_path):
    arguments = ["--pairs", str(pairs_file), *SHORT, "--loss", "contrastive", "--validation-share", "0.3"]
    assert train.main([*arguments, "--output", str(tmp_path / "whole")]) == 0
    folder = tmp_path / "model"
    command = [sys.executable, "train.py", *arguments, "--output", str(folder)]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for("epoch 1/2 ", process)  # which is over then
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert [path.name for path in folder.iterdir()] == [RESUME_FILE]
    assert train.main(["--resume", "--output", str(folder)]) == 0
    continued, whole = (load_file(place / WEIGHTS_FILE) for place in (folder, tmp_path / "whole"))
    assert all(torch.equal(continued[name], tensor) for name, tensor in whole.items())


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--loss", "supcon"], "loss supcon needs classes, and --pairs has none; allowed: bce, contrastive"),
        (["--dataset", "mnist-sample"], "leave --dataset out"),
        (["--split", "within"], "leave --split out"),
        (["--rotations"], "leave --rotations out"),
        (["--compose"], "leave --compose out"),
        (["--test-share", "0.01"], "test would have"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_does_not_go_with_pairs_is_refused(flags, expected, pairs_file, tmp_path, capsys):
    assert train.main(["--pairs", str(pairs_file), *flags, "--output", str(tmp_path / "model")]) == 2
    stderr = capsys.readouterr().err
    assert expected in stderr
    assert "error: " in stderr
    assert stderr.count("\n") == 1


def test_evaluate_takes_a_dataset_or_pairs(pairs_file, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", "--pairs", str(pairs_file), "--dataset", "mnist-sample"])
    assert caught.value.code == 2
    assert main(["evaluate", "--pairs", str(pairs_file), "--ways", "5"]) == 2
    assert "--ways is 5" in capsys.readouterr().err
