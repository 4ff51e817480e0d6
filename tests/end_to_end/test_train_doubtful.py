"""A training on photographs of which some lie in the wrong folder: its card names these first, and only here."""

import re
import shutil

import pytest

from siamese.commands import train
from siamese.hub.published import published
from siamese.model_folder.model_card import DOUBTFUL_PICTURE
from siamese.model_folder.weights import load_model

pytestmark = pytest.mark.slow

PEOPLE = 12
MOVED = {"s3/2.pgm": "s9", "s7/5.pgm": "s2", "s11/8.pgm": "s4"}  # file -> the folder that it is put into


@pytest.mark.parametrize("split", ["classes", pytest.param("within", marks=pytest.mark.exhaustive)])
def test_photographs_in_the_folder_of_another_are_named_first(split, full_mnist_root, tmp_path, capsys):
    faces, folder, model = full_mnist_root / "faces", tmp_path / "people", tmp_path / "model"
    if not faces.is_dir():
        pytest.skip("SIAMESE_TEST_DATA holds no faces")
    for number in range(1, PEOPLE + 1):
        shutil.copytree(faces / f"s{number}", folder / f"s{number}")
    for file, other in MOVED.items():
        (folder / file).rename(folder / other / f"of {file.replace('/', ' ')}")
    flags = ["--dataset", str(folder), "--split", split, "--encoder", "hog", "--epochs", "1", "--output", str(model)]
    assert train.main(flags) == 0
    said = re.search(
        r"([\d,]+) of 1[12]\d images are nearer to another class than to their own: see the list in (.+)",
        capsys.readouterr().out,
    )
    assert said[2] == str(model / "README.md")
    card = (model / "README.md").read_text().partition("## How it was made")[0]
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \| ([\d.]+) \| ([\d.]+) \|$", card, re.M)
    assert len(rows) == min(20, int(said[1]))
    margins = [float(own) - float(others) for *_, own, others in rows]
    assert margins == sorted(margins, reverse=True)
    expected = {
        (rf"{other}\/of {file.replace('/', ' ')}".replace(".", r"\."), other, file.split("/")[0])
        for file, other in MOVED.items()
    }
    assert {tuple(row[:3]) for row in rows[: len(MOVED)]} == expected
    assert (model / DOUBTFUL_PICTURE).stat().st_size > 1000
    sent = published(model, load_model(model)[1])
    assert DOUBTFUL_PICTURE not in sent
    assert "s11" not in sent["README.md"].decode()
    assert DOUBTFUL_PICTURE in published(model, load_model(model)[1], publish_pictures=True)
