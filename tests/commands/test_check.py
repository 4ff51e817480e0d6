"""siamese check: what a training would do with a folder, before it does."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from hub_fake.client import ROOT
from PIL import Image

from siamese.__main__ import main
from siamese.commands import train
from siamese.data.datasets.mnist import load_sample_digits
from siamese.training.settings import TrainingSettings, fill_in


def test_check_says_what_training_would_do(digit_folder, capsys):
    (digit_folder / "digit 2" / "bad.png").write_text("no picture")
    assert main(["check", str(digit_folder), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["classes"] == {f"digit {label}": 4 for label in range(7)}
    assert (answer["preprocess"], answer["image_size"], answer["channels"]) == ("ink", 28, 1)
    assert [Path(entry["file"]).name for entry in answer["left_out"]] == ["bad.png"]
    assert main(["check", str(digit_folder)]) == 0
    out = capsys.readouterr().out
    assert "bad.png: 'bad.png' is not an image" in out
    assert "28 usable images in 7 classes, 4 in each; 1 left out" in out


def test_check_of_nothing_is_refused(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 2
    assert "there are no images in" in capsys.readouterr().err


def test_names_that_are_no_utf8_are_printed_by_strict_terminals_and_in_json(digit_folder, capsys):
    folder = os.fsdecode(os.fsencode(digit_folder.parent) + b"/Z\xfcrich")
    digit_folder.rename(folder)
    os.rename(f"{folder}/digit 6", os.fsdecode(os.fsencode(folder) + b"/caf\xe9"))
    Path(os.fsdecode(os.fsencode(folder) + b"/digit 1/copie\xe9.png")).write_bytes(
        Path(folder, "digit 0/0.png").read_bytes()
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    command = [sys.executable, "-m", "siamese", "check", folder]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert main(["check", folder, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert "caf\\xe9" in answer["classes"]
    assert answer["left_out"][0]["file"].endswith("Z\\xfcrich/digit 1/copie\\xe9.png")
    json.dumps(answer, ensure_ascii=False).encode()  # strict readers of JSON take it


def test_what_check_refuses_training_refuses_with_the_same_words_and_what_it_approves_trains(digit_folder, tmp_path, capsys):
    for label in range(2, 7):
        shutil.rmtree(digit_folder / f"digit {label}")
    for images, code in ((4, 2), (6, 0)):
        for label in range(2):
            for number in range(4, images):
                drawing = load_sample_digits()[0][load_sample_digits()[1] == label][number]
                Image.fromarray(drawing).save(digit_folder / f"digit {label}" / f"{number}.png")
        assert main(["check", str(digit_folder)]) == code
        checked = capsys.readouterr()
        assert train.main(["--dataset", str(digit_folder), "--epochs", "1", "--output", str(tmp_path / "model")]) == code
        trained = capsys.readouterr()
        assert f"{2 * images} usable images in 2 classes" in checked.out
        if code:
            (line,) = [line for line in checked.err.splitlines() if line.startswith("error: ")]
            assert "too few classes (2)" in line
            assert "too few classes (2)" in trained.err
            assert "--" not in line
    assert "tested on other images of the same classes" in checked.out
    assert "2 classes, too few to hold out whole ones" in trained.err


def test_check_suggests_classes_by_the_names_of_files_and_training_takes_them_when_asked(digits, tmp_path, capsys):
    for label, name in enumerate(("birch", "oak", "elm", "ash", "fir", "yew", "pine")):
        for number, image in enumerate(digits[0][digits[1] == label][:4]):
            (tmp_path / "flat").mkdir(exist_ok=True)
            Image.fromarray(image).save(tmp_path / "flat" / f"{name}_{number:03}.png")
    assert main(["check", str(tmp_path / "flat")]) == 2
    error = capsys.readouterr().err
    assert "there is only one class" in error
    option, expression = shlex.split(error.partition("tell classes, add ")[2])
    assert main(["check", str(tmp_path / "flat"), option, expression]) == 0
    assert "28 usable images in 7 classes, 4 in each" in capsys.readouterr().out
    settings = fill_in(TrainingSettings(str(tmp_path / "flat"), classes_from_names=expression))
    assert settings.split == "classes"
