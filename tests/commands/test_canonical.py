"""siamese canonical: what the network sees, as files that any program reads; nothing is replaced by accident."""

import numpy as np
import pytest
from PIL import Image
from terminal import assert_refused, run


def test_files_hold_what_the_network_sees(pictures, trained_folder, verifier, tmp_path, capsys):
    command = ["canonical", pictures["small"], pictures["sketch"], "--model", trained_folder, "-o", tmp_path / "seen"]
    code, stdout, stderr = run(command, capsys)
    assert (code, stderr) == (0, "")
    assert "2 images of 28 x 28 px" in stdout
    assert {file.name for file in (tmp_path / "seen").iterdir()} == {"small.png", "sketch.png"}
    for name in ("small", "sketch"):
        with Image.open(tmp_path / "seen" / f"{name}.png") as image:
            assert image.mode == "L"
            assert np.array_equal(np.asarray(image), verifier.canonical(pictures[name]))
            assert np.array_equal(verifier.canonical(np.asarray(image)), np.asarray(image))  # seen again, it stays


@pytest.mark.parametrize("name", ["missing", "notes", "blank"])
def test_where_one_image_cannot_be_used_none_is_written(name, pictures, trained_folder, tmp_path, capsys):
    command = ["canonical", pictures["small"], pictures[name], "--model", trained_folder, "-o", tmp_path / "seen"]
    assert_refused(run(command, capsys), "blank" if name == "blank" else pictures[name].name)
    assert not (tmp_path / "seen").exists()


def test_no_image_takes_the_place_of_another_or_of_itself(pictures, trained_folder, tmp_path, capsys):
    (tmp_path / "small.jpg").write_bytes(pictures["sketch"].read_bytes())
    same_name = ["canonical", pictures["small"], tmp_path / "small.jpg", "--model", trained_folder, "-o", tmp_path / "seen"]
    assert_refused(run(same_name, capsys), "small.png", "another --output")
    (tmp_path / "own.png").write_bytes(before := pictures["small"].read_bytes())
    itself = ["canonical", tmp_path / "own.png", "--model", trained_folder, "-o", tmp_path]
    assert_refused(run(itself, capsys), "own.png", "the image itself")
    assert (tmp_path / "own.png").read_bytes() == before
