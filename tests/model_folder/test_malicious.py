"""Model folders made to do harm, or broken: none loads, none executes, and none takes 1 s or 500 MB.

All of them are loaded by one process of its own, which measures each.
"""

import gzip
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hub_fake.client import ROOT, make_model_folder
from safetensors.torch import load_file, save_file

from siamese.config import EncoderConfig
from siamese.model_folder.files import CONFIG_FILE, MAX_CONFIG_BYTES, MAX_WEIGHTS_BYTES, WEIGHTS_FILE
from siamese.network import SiameseNetwork

MOST_SECONDS, MOST_BYTES = 1.0, 500e6

MEASURE = """
import json, re, sys, time
from pathlib import Path
from siamese.model_folder.weights import load_model

def memory(field):
    return 1024 * int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

for folder in map(Path, sys.argv[1:]):
    peak, seconds = 0, []
    for _ in range(2):  # the shorter time counts: another process may have had the processor
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts again from here
        before, started = memory("VmRSS"), time.perf_counter()
        try:
            load_model(folder)
            outcome = "loaded"
        except ValueError as error:
            outcome = str(error)
        except BaseException as error:
            outcome = f"not a ValueError: {error!r}"
        seconds.append(time.perf_counter() - started)
        peak = max(peak, memory("VmHWM") - before)
    print(json.dumps([folder.name, outcome, min(seconds), peak]), flush=True)
"""


class Trap:
    """Makes the file `sprung` beside the folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder.parent / "sprung")

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def weights(change: Callable[[dict], object]) -> Callable[[Path], None]:
    """The tensors are what `change` makes of them."""

    def harm(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS_FILE)
        change(tensors)
        save_file(tensors, folder / WEIGHTS_FILE)

    return harm


def header(change: Callable[[dict, str], object]) -> Callable[[Path], None]:
    """The header of the weights is what `change(header, name of the first tensor)` returns, or has made of it."""

    def harm(folder: Path) -> None:
        content = (folder / WEIGHTS_FILE).read_bytes()
        length = struct.unpack("<Q", content[:8])[0]
        entries = json.loads(content[8 : 8 + length])
        changed = change(entries, next(name for name in entries if name.endswith("weight")))
        text = changed if isinstance(changed, bytes) else json.dumps(entries).encode()
        (folder / WEIGHTS_FILE).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])

    return harm


def length(value: int) -> Callable[[Path], None]:
    """The header claims to have this many bytes."""

    def harm(folder: Path) -> None:
        with (folder / WEIGHTS_FILE).open("r+b") as file:
            file.write(struct.pack("<Q", value))

    return harm


def config(*keys: str, value: object) -> Callable[[Path], None]:
    """The config has this value at the place that the keys name."""

    def harm(folder: Path) -> None:
        raw = place = json.loads((folder / CONFIG_FILE).read_text())
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        (folder / CONFIG_FILE).write_text(json.dumps(raw))

    return harm


def config_text(content: bytes | Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """The config is this, or made of what it was."""
    change = content if callable(content) else lambda _: content
    return lambda folder: (folder / CONFIG_FILE).write_bytes(change((folder / CONFIG_FILE).read_bytes()))


def replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    """The file `name` gives way to what `make` puts there."""

    def harm(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return harm


def as_large_as_allowed(folder: Path) -> None:
    """Well formed to the last byte, which is a part of a value that is not finite; the disk holds hardly any of it."""
    bytes_per_dimension = 4 * 256 * 101**2  # of the last layer, which has nearly all of the weights
    encoder = EncoderConfig("seed", embedding_dim=int(0.95 * MAX_WEIGHTS_BYTES / bytes_per_dimension), image_size=224)
    with torch.device("meta"):
        state = SiameseNetwork(encoder).state_dict()
    start, entries = 0, {}
    for key, tensor in state.items():
        entries[key] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [start, start + 4 * tensor.numel()]}
        start += 4 * tensor.numel()
    text = json.dumps(entries).encode()
    assert 0.9 * MAX_WEIGHTS_BYTES < start < MAX_WEIGHTS_BYTES
    with (folder / WEIGHTS_FILE).open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + start)
        file.seek(-4, os.SEEK_END)
        file.write(struct.pack("<f", float("nan")))
    config("encoder", value=vars(encoder))(folder)


def entry(**changes) -> Callable[[Path], None]:
    """What the header says of the first tensor."""
    return header(lambda entries, first: entries[first].update(changes))


def with_code(folder: Path) -> None:
    """As transformers would import it, were it trusted to."""
    for name in ("model.py", "__init__.py", "modeling_siamese.py", "sitecustomize.py"):
        (folder / name).write_text(f"import os; os.system('touch {folder.parent / 'sprung'}')")


def with_code_named(folder: Path) -> None:
    with_code(folder)
    config("auto_map", value={"AutoModel": "modeling_siamese.Model"})(folder)


NAN = torch.tensor(torch.nan)
ONE_NUMBER = '{"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'
KINDS = {
    # Something else in place of the weights
    "pickle": lambda folder: (folder / WEIGHTS_FILE).write_bytes(pickle.dumps(Trap(folder), protocol=2)),
    "torch.save": lambda folder: torch.save({"encoder": Trap(folder)}, folder / WEIGHTS_FILE),
    "old torch.save": lambda folder: torch.save(Trap(folder), folder / WEIGHTS_FILE, _use_new_zipfile_serialization=False),
    "pickle beside no weights": replaced(
        WEIGHTS_FILE, lambda path: torch.save(Trap(path.parent), path.with_name("pytorch_model.bin"))
    ),
    "pickle behind the weights": lambda folder: (folder / WEIGHTS_FILE).open("ab").write(pickle.dumps(Trap(folder))),
    "zip bomb": lambda folder: (folder / WEIGHTS_FILE).write_bytes(gzip.compress(bytes(10**8), 1)),
    "empty": lambda folder: os.truncate(folder / WEIGHTS_FILE, 0),
    "truncated": lambda folder: os.truncate(folder / WEIGHTS_FILE, 100_000),
    "bytes too many": lambda folder: os.truncate(folder / WEIGHTS_FILE, 2_000_000),
    "too large": lambda folder: os.truncate(folder / WEIGHTS_FILE, MAX_WEIGHTS_BYTES + 1),
    "as large as allowed": as_large_as_allowed,
    # A header that lies
    "header of no bytes": length(0),
    "header of a terabyte": length(2**40),
    "header of 2**64 bytes": length(2**64 - 1),
    "header of 999 KB": length(999_000),
    "header is a list": header(lambda entries, first: b"[]"),
    "header is nested": header(lambda entries, first: b"[" * 400_000),
    "header is text": header(lambda entries, first: b"__import__('os').system('touch sprung')"),
    "many tensors": header(lambda entries, first: entries.update({f"x{i}": entries[first] for i in range(9000)})),
    "long name": header(lambda entries, first: entries.update({"x" * 900_000: entries[first]})),
    "path as name": header(lambda entries, first: entries.update({"../../../etc/passwd": entries.pop(first)})),
    "name twice": header(lambda entries, first: json.dumps(entries).encode()[:-1] + f', "{first}": {{}}}}'.encode()),
    "name twice, in another shape": header(
        lambda entries, first: f'{{"{first}": {ONE_NUMBER}, '.encode() + json.dumps(entries).encode()[1:]
    ),
    "escape codes as name": header(lambda entries, first: entries.update({"\x1b[2J\x07": entries[first]})),
    "absurd shape": entry(shape=[2**40, 2**40]),
    "negative shape": entry(shape=[-32, 1, 3, -3]),
    "shape of floats": entry(shape=[32.0, 1, 3, 3]),
    "shape of truth": entry(shape=[32, True, 3, 3]),
    "unknown type": entry(dtype="PYOBJECT"),
    "type of other size": entry(dtype="F64"),
    "offsets beyond the end": entry(data_offsets=[2**50, 2**50 + 1152]),
    "offsets swapped": entry(data_offsets=[1152, 0]),
    "offsets negative": entry(data_offsets=[-1152, 0]),
    "offsets beyond counting": entry(data_offsets=[0, 2**70]),
    "offsets overlap": header(lambda entries, first: entries["encoder.layers.3.weight"].update(data_offsets=[0, 36864])),
    "entry is null": header(lambda entries, first: entries.update({first: None})),
    "metadata is no text": header(lambda entries, first: entries.update(__metadata__={"format": [1, 2]})),
    # Weights that do not fit
    "missing": weights(lambda tensors: tensors.pop(next(iter(tensors)))),
    "extra": weights(lambda tensors: tensors.update(surprise=torch.zeros(3))),
    "no tensors": weights(dict.clear),
    "NaN": weights(lambda tensors: next(t for n, t in tensors.items() if n.endswith("weight")).view(-1)[-1:].fill_(NAN)),
    "infinite": weights(lambda tensors: next(t for n, t in tensors.items() if n.endswith("bias")).fill_(torch.inf)),
    "negative variance": weights(lambda tensors: next(t for n, t in tensors.items() if n.endswith("running_var")).neg_()),
    # The config
    "newer version": config("format_version", value=2),
    "version of a far future": config("format_version", value=10**30),
    "version true": config("format_version", value=True),
    "version text": config("format_version", value="1"),
    "unknown key": config("surprise", value=1),
    "unknown key within": config("encoder", "__class__", value="os.system"),
    "code named in the config": with_code_named,
    "unknown encoder": config("encoder", "name", value="__import__('os').system('touch sprung')"),
    "unknown encoder of a long name": config("encoder", "name", value="x" * 900_000),
    "unknown mode": config("preprocess", "mode", value="../../../etc/passwd"),
    "vast embedding": config("encoder", "embedding_dim", value=10**12),
    "vast image": config("encoder", "image_size", value=10**9),
    "vast and in range": config("encoder", value={"name": "seed", "embedding_dim": 4096, "image_size": 512, "channels": 3}),
    "no image": config("encoder", "image_size", value=0),
    "threshold NaN": config("calibration", "threshold", value=float("nan")),
    "threshold infinite": config_text(lambda text: text.replace(b'"threshold": 1.0', b'"threshold": 1e999')),
    "whole number no float can hold": config("calibration", "threshold", value=10**400),
    "whole number of 5000 digits": config_text(
        lambda text: text.replace(b'"threshold": 1.0', b'"threshold": ' + b"9" * 5000)
    ),
    "missing key": config_text(lambda text: text.replace(b'"seed": 0,', b"")),
    "list for text": config("data", "dataset", value=["mnist"] * 1000),
    "history is nested": config("history", value=[[[[[]]]]]),
    "huge config": config("data", "dataset", value="x" * MAX_CONFIG_BYTES),
    "config nested beyond reason": config_text(b'{"a":' * 100_000),
    "config is a list": config_text(b"[]"),
    "config is YAML": config_text(b"!!python/object/apply:os.system ['touch sprung']"),
    "config is a pickle": lambda folder: (folder / CONFIG_FILE).write_bytes(pickle.dumps(Trap(folder))),
    "config in UTF-16": config_text(lambda text: text.decode().encode("utf-16")),
    "config with a mark": config_text(lambda text: b"\xef\xbb\xbf" + text),
    "config of zero bytes": config_text(bytes(1000)),
    "config is empty": config_text(b""),
    # Things that are no files
    "weights are a folder": replaced(WEIGHTS_FILE, Path.mkdir),
    "config is a folder": replaced(CONFIG_FILE, Path.mkdir),
    "weights are a pipe": replaced(WEIGHTS_FILE, os.mkfifo),
    "config is a pipe": replaced(CONFIG_FILE, os.mkfifo),
    "weights link to zeros without end": replaced(WEIGHTS_FILE, lambda path: path.symlink_to("/dev/zero")),
    "config links to zeros without end": replaced(CONFIG_FILE, lambda path: path.symlink_to("/dev/zero")),
    "config links to secrets": replaced(CONFIG_FILE, lambda path: path.symlink_to("/proc/self/environ")),
    "config links to what never ends": replaced(CONFIG_FILE, lambda path: path.symlink_to("/proc/kmsg")),
    "config links to memory": replaced(CONFIG_FILE, lambda path: path.symlink_to("/proc/self/mem")),
    "weights link to themselves": replaced(WEIGHTS_FILE, lambda path: path.symlink_to(WEIGHTS_FILE)),
    "config links to nothing": replaced(CONFIG_FILE, lambda path: path.symlink_to("nowhere")),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float, int]]:
    """By kind: what load_model said, how long it took (s), and by how much memory grew (bytes)."""
    parent = tmp_path_factory.mktemp("malicious")
    for name, harm in {"good": lambda folder: None, "good with code": with_code, **KINDS}.items():
        make_model_folder(parent / name)
        harm(parent / name)
    secret = {**os.environ, "PYTHONPATH": str(ROOT), "A_SECRET": "do-not-tell"}
    command = [sys.executable, "-c", MEASURE]
    found, left = {}, sorted(path.name for path in parent.iterdir())
    while left:
        with subprocess.Popen([*command, *left], cwd=parent, env=secret, text=True, stdout=subprocess.PIPE) as process:
            watchdog = threading.Timer(60, process.kill)
            watchdog.start()
            found |= {name: values for name, *values in map(json.loads, process.stdout)}
            watchdog.cancel()
        left = [name for name in left if name not in found][1:]  # the first of them did not end: go on with the others
    assert not list(parent.parent.rglob("sprung")), "something was executed"
    return found


def test_an_honest_folder_loads_and_code_that_lies_in_it_is_left_alone(outcomes):
    assert outcomes["good"][0] == outcomes["good with code"][0] == "loaded"


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured as Linux shows it")
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_malicious_or_broken_is_refused_in_a_sentence_at_once(kind, outcomes):
    message, seconds, memory = outcomes.get(kind, ("did not end", 0, 0))
    assert message not in ("loaded", "did not end")
    assert not message.startswith("not a ValueError")
    assert len(message) < 1000
    assert message.isprintable()
    assert "do-not-tell" not in message
    assert seconds < MOST_SECONDS
    assert memory < MOST_BYTES
