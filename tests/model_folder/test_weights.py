"""Model folders: what is saved comes back exactly, weights that do not fit are refused, and writing is all or nothing."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from full_disk import REASON, files_of_at_most
from safetensors.torch import load_file, save_file

from siamese.config import EncoderConfig, ModelFolderConfig
from siamese.encoders import ENCODERS
from siamese.model_folder.weights import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    WriteError,
    check_writable,
    load_model,
    save_weights,
    staged,
    write_file,
    write_text,
)
from siamese.network import SiameseNetwork


def write_folder(folder: Path, name: str = "compact", **settings) -> SiameseNetwork:
    """The least that can be loaded: random weights of any encoder and a config."""
    encoder = EncoderConfig(name, **{"embedding_dim": 16, **settings})
    network = SiameseNetwork(encoder)
    save_weights(network, folder / WEIGHTS_FILE)
    write_text(folder / CONFIG_FILE, ModelFolderConfig(encoder=encoder).to_json())
    return network


def change_weights(folder: Path, change) -> None:
    """Rewrite the weights file after `change(tensors)`."""
    tensors = load_file(folder / WEIGHTS_FILE)
    change(tensors)
    save_file(tensors, folder / WEIGHTS_FILE)


# ---- Round trip ----


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_model_comes_back_exactly(name, channels, tmp_path):
    network = write_folder(tmp_path / "model", name, channels=channels)
    images = torch.rand(3, channels, 28, 28)
    expected = network.eval().embed(images)
    loaded, config = load_model(tmp_path / "model")
    assert config.encoder == network.config
    assert not loaded.training
    assert loaded.state_dict().keys() == network.state_dict().keys()
    for key, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key
    torch.testing.assert_close(loaded.embed(images), expected)


# ---- Weights that do not fit ----


STATE = SiameseNetwork(EncoderConfig("compact", 16)).state_dict()
FIRST = next(iter(STATE))
COUNTER = next(name for name in STATE if name.endswith("num_batches_tracked"))
SHAPE = list(STATE[FIRST].shape)


def replaced(change):
    """The first weight becomes what `change` makes of it."""
    return lambda tensors: tensors.update({FIRST: change(tensors[FIRST])})


DEFECTS = {
    "missing": (lambda tensors: tensors.pop(FIRST), f"missing {FIRST}"),
    "extra": (lambda tensors: tensors.update(surprise=torch.zeros(1)), "unknown surprise"),
    "renamed": (lambda tensors: tensors.update({"a.b": tensors.pop(FIRST)}), f"missing {FIRST}; unknown a.b"),
    "misshapen": (replaced(lambda weight: weight[1:].clone()), f"F32 [{SHAPE[0] - 1}, {SHAPE[1]}, "),
    "flattened": (replaced(torch.flatten), f"F32 [{STATE[FIRST].numel()}], the encoder needs F32 {SHAPE}"),
    "half precision": (replaced(torch.Tensor.half), f"F16 {SHAPE}, the encoder needs F32 {SHAPE}"),
    "double precision": (replaced(torch.Tensor.double), f"F64 {SHAPE}, the encoder needs F32 {SHAPE}"),
    "float counter": (lambda tensors: tensors.update({COUNTER: torch.zeros(())}), "F32 [], the encoder needs I64 []"),
    "NaN": (
        replaced(lambda weight: weight.index_fill(0, torch.tensor(3), torch.nan)),
        f"{FIRST} holds values that are not finite",
    ),
    "infinite": (
        replaced(lambda weight: weight.index_fill(0, torch.tensor(3), -torch.inf)),
        f"{FIRST} holds values that are not",
    ),
}


@pytest.mark.parametrize(("change", "message"), DEFECTS.values(), ids=DEFECTS)
def test_weights_that_do_not_fit_are_refused_by_name(untrained_folder, change, message):
    change_weights(untrained_folder, change)
    with pytest.raises(ValueError, match=re.escape(message)):
        load_model(untrained_folder)


@pytest.mark.parametrize("name", ["compact", "seed"])
def test_weights_of_another_encoder_are_refused(name, tmp_path):
    write_folder(tmp_path, name)
    other = next(encoder for encoder in ENCODERS if encoder != name)
    encoder = EncoderConfig(other, 16)
    write_text(tmp_path / CONFIG_FILE, ModelFolderConfig(encoder=encoder).to_json())
    with pytest.raises(ValueError, match="does not fit the encoder: missing "):
        load_model(tmp_path)


# ---- Writing ----


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half of the new")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_file(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_replaces_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new folder" / "file.txt"
    for text in ("old", "größer"):
        write_text(path, text)
        assert path.read_text(encoding="utf-8") == text
        assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_is_told_by_its_name_whoever_writes(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    weights = {"weight": torch.zeros(1000)}
    for write in (
        lambda file: file.write_bytes(bytes(4000)),
        lambda file: save_file(weights, file),
        lambda file: np.savez(file.open("wb"), weights=weights["weight"]),
    ):
        with files_of_at_most(1000), pytest.raises(WriteError, match=f"file' cannot be written: .*{REASON}"):
            write_file(path, write)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]


def test_staged_files_come_all_or_none(tmp_path):
    def write(folder: Path, one: str, two: str) -> None:
        with staged(folder) as place:
            (place / "one").write_text(one)
            (place / "two").write_text(two)

    folder = tmp_path / "a" / "model"
    for content in ("first", "second"):
        write(folder, content, content)
        assert {file.name: file.read_text() for file in folder.iterdir()} == {"one": content, "two": content}
    with files_of_at_most(1000), pytest.raises(WriteError, match=f"model' cannot be written: {REASON}"):
        write(folder, "third", 2000 * "x")
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"one": "second", "two": "second"}
    with files_of_at_most(1000), pytest.raises(WriteError, match="cannot be written"):
        write(tmp_path / "b" / "model", "third", 2000 * "x")
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


def test_where_nothing_can_be_written_is_found_out_and_nothing_is_left(tmp_path):
    (tmp_path / "file").write_text("mine")
    check_writable(tmp_path / "a" / "b")
    check_writable(tmp_path)
    for folder in (tmp_path / "file" / "model", tmp_path / ("n" * 300), tmp_path / "c" / ("n" * 300), Path("/proc/model")):
        with pytest.raises(WriteError, match="cannot be written: "):
            check_writable(folder)
    with files_of_at_most(1000), pytest.raises(WriteError, match=REASON):
        check_writable(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# ---- What Git LFS leaves ----


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_pointer_of_git_lfs_is_called_so(name, untrained_folder):
    (untrained_folder / name).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{64 * 'a'}\nsize 12345\n")
    with pytest.raises(ValueError, match=f"{name} only points to a file that Git LFS keeps elsewhere: run `git lfs pull`"):
        load_model(untrained_folder)
