"""siamese check: what a training would do with a folder, before it does."""

import json
from pathlib import Path

from siamese.__main__ import main


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
