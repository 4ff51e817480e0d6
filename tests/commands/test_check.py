"""siamese check: what a training would do with a folder, before it does."""

import json
import os
import subprocess
import sys
from pathlib import Path

from hub_fake.client import ROOT

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


def test_names_that_are_no_utf8_are_printed_by_strict_terminals_and_in_json(digit_folder):
    folder = os.fsdecode(os.fsencode(digit_folder.parent) + b"/Z\xfcrich")
    digit_folder.rename(folder)
    os.rename(f"{folder}/digit 6", os.fsdecode(os.fsencode(folder) + b"/caf\xe9"))
    Path(os.fsdecode(os.fsencode(folder) + b"/digit 1/copie\xe9.png")).write_bytes(
        Path(folder, "digit 0/0.png").read_bytes()
    )
    for encoding in ("utf-8:strict", "ascii:strict"):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        for json_flag in ([], ["--json"]):
            command = [sys.executable, "-m", "siamese", "check", folder, *json_flag]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert "Traceback" not in done.stderr
    answer = json.loads(done.stdout)
    assert "caf\\xe9" in answer["classes"]
    assert answer["left_out"][0]["file"].endswith("Z\\xfcrich/digit 1/copie\\xe9.png")
    json.dumps(answer, ensure_ascii=False).encode()  # strict readers of JSON take it
