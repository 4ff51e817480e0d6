"""siamese export: the file goes where it belongs, and mistakes are one sentence."""

import pytest
import torch
from terminal import assert_refused, run

from siamese.commands.export import default_file


def test_a_folder_gets_its_file_and_what_it_takes_and_gives_is_said(untrained_folder, capsys):
    code, stdout, stderr = run(["export", untrained_folder, "--format", "torchscript"], capsys)
    assert (code, stderr) == (0, "")
    assert stdout.startswith(f"wrote {untrained_folder / 'model.torchscript.pt'}, 1.")
    assert "uint8 (N, 28, 28) -> float32 (N, 16), the same up to a distance of 1.0000" in stdout
    assert (untrained_folder / "model.torchscript.pt").is_file()


def test_what_is_exported_already_or_would_have_no_name_of_a_model_is_refused(untrained_folder, capsys):
    (untrained_folder / "model.onnx").write_bytes(b"a model")
    assert_refused(run(["export", untrained_folder / "model.onnx"], capsys), "model.onnx", "is exported already")
    command = ["export", untrained_folder, "--output", untrained_folder / "model.bin"]
    assert_refused(run(command, capsys), "model.bin", "ends with .onnx")
    assert (untrained_folder / "model.onnx").read_bytes() == b"a model"


def test_torchscript_is_written_where_it_is_asked_for(untrained_folder, tmp_path, capsys):
    command = ["export", untrained_folder, "--format", "torchscript", "--input", "float32", "-o", tmp_path / "model.pt"]
    code, stdout, stderr = run(command, capsys)
    assert (code, stderr) == (0, "")
    assert "float32 (N, 1, 28, 28) -> float32 (N, 16)" in stdout
    embeddings, _ = torch.jit.load(tmp_path / "model.pt")(torch.zeros(5, 1, 28, 28))
    assert embeddings.shape == (5, 16)


def test_by_itself_the_file_goes_into_a_folder_or_is_called_as_the_model(tmp_path):
    (tmp_path / "model").mkdir()
    assert default_file(str(tmp_path / "model"), "onnx") == tmp_path / "model" / "model.onnx"
    assert default_file("digits", "torchscript").name == "digits.torchscript.pt"
    assert str(default_file("ada/trees", "torch.export")) == "trees.pt2"
    assert str(default_file("down/trees.zip", "onnx")) == "trees.onnx"


@pytest.mark.parametrize("model", ["nowhere", "missing.onnx"])
def test_what_is_no_model_is_refused(model, capsys):
    assert_refused(run(["export", model, "--format", "torchscript"], capsys), model)
