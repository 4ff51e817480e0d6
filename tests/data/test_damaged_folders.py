"""Model folders that are damaged, made to do harm, or something else: refused without running or unpickling a byte."""

import dataclasses
import json
import pickle
import struct
from pathlib import Path

import pytest
import torch

from siamese.config import EncoderConfig, ModelFolderConfig
from siamese.model_folder import files as checkpoint
from siamese.model_folder.files import CONFIG_FILE, RESUME_FILE, WEIGHTS_FILE, write_text
from siamese.model_folder.weights import load_model
from siamese.training.state import TrainingState


@pytest.fixture
def folder(untrained_folder: Path) -> Path:
    return untrained_folder


WEIGHT = "encoder.layers.0.weight"


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "save", [lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2)), torch.save], ids=["pickle", "torch"]
)
@pytest.mark.parametrize("file", [WEIGHTS_FILE, RESUME_FILE])
def test_nothing_is_unpickled(folder, tmp_path, save, file):
    save(Trap(tmp_path / "sprung"), folder / file)
    with pytest.raises(ValueError, match=file):
        load_model(folder) if file == WEIGHTS_FILE else TrainingState.load(folder, "auto")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("share", [0, 0.0001, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(folder, share):
    content = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=WEIGHTS_FILE):
        load_model(folder)


def test_bytes_too_many_are_refused(folder):
    with (folder / WEIGHTS_FILE).open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match=WEIGHTS_FILE):
        load_model(folder)


@pytest.mark.parametrize("length", [0, 1, 10**7, 2**40, 2**64 - 1])
def test_a_header_of_absurd_length_is_refused(folder, length):
    content = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(struct.pack("<Q", length) + content[8:])
    with pytest.raises(ValueError, match=f"its header would have {length:,} bytes"):
        load_model(folder)


@pytest.mark.parametrize("header", [b"[]", b"null", b"{{", b"\xff\xfe", b"[" * 50_000], ids=lambda header: repr(header[:3]))
def test_a_header_that_is_no_object_is_refused(folder, header):
    (folder / WEIGHTS_FILE).write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(ValueError, match="is not a safetensors file: its header is"):
        load_model(folder)


@pytest.mark.parametrize("entry", [None, [], {}, {"dtype": "F32"}, {"dtype": ["F32"], "shape": 3}], ids=repr)
def test_an_entry_that_describes_no_tensor_is_refused(folder, entry):
    content = (folder / WEIGHTS_FILE).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.dumps({**json.loads(content[8 : 8 + length]), WEIGHT: entry}).encode()
    (folder / WEIGHTS_FILE).write_bytes(struct.pack("<Q", len(header)) + header + content[8 + length :])
    with pytest.raises(ValueError, match=WEIGHT):
        load_model(folder)


def test_files_of_absurd_size_are_refused_unread(folder):
    for name, limit in ((CONFIG_FILE, checkpoint.MAX_CONFIG_BYTES), (WEIGHTS_FILE, checkpoint.MAX_WEIGHTS_BYTES)):
        original = (folder / name).read_bytes()
        with (folder / name).open("r+b") as file:
            file.truncate(limit + 1)  # sparse: takes no space on the disk
        with pytest.raises(ValueError, match=f"{name} has {limit + 1:,} bytes, allowed: at most {limit:,}"):
            load_model(folder)
        (folder / name).write_bytes(original)


# ---- The config ----


def test_an_absurd_config_is_refused_before_it_takes_memory(folder):
    encoder = EncoderConfig("seed", 4096, image_size=512)  # 63 billion weights
    write_text(folder / CONFIG_FILE, ModelFolderConfig(encoder=encoder).to_json())
    with pytest.raises(ValueError, match="does not fit the encoder"):
        load_model(folder)


def test_a_config_that_is_no_text_is_refused(folder):
    (folder / CONFIG_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"config\.json is not UTF-8 text"):
        load_model(folder)


def test_a_config_out_of_range_is_refused_by_folder_and_key(folder):
    raw = json.loads((folder / CONFIG_FILE).read_text())
    raw["calibration"]["threshold"] = -1
    (folder / CONFIG_FILE).write_text(json.dumps(raw))
    with pytest.raises(ValueError, match=r"model folder '.*model'.*calibration\.threshold is -1"):
        load_model(folder)


def test_an_unknown_encoder_is_refused_with_the_choices(folder):
    encoder = dataclasses.replace(EncoderConfig(), name="vast")
    write_text(folder / CONFIG_FILE, ModelFolderConfig(encoder=encoder).to_json())
    with pytest.raises(ValueError, match="unknown encoder 'vast', available: "):
        load_model(folder)


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_folder_without_one_of_its_files_is_no_model(folder, name):
    (folder / name).unlink()
    with pytest.raises(ValueError, match=f"is not a model folder: it has no {name}"):
        load_model(folder)


def test_no_folder_is_no_model(tmp_path):
    with pytest.raises(ValueError, match="there is no such folder"):
        load_model(tmp_path / "nowhere")
