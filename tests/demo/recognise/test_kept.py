"""What is taught goes into a file and comes back the same; of anything else a sentence says what is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from page_elements import HOSTILE
from safetensors.torch import save_file

from siamese import Gallery, Verifier
from siamese.demo.recognise import kept, taught, view


@pytest.fixture
def file(examples, models, tmp_path) -> Path:
    """What was taught of two classes, as the model "model" knows it."""
    (path := tmp_path / "kept.safetensors").write_bytes(kept.as_file(examples, models["model"]))
    return path


def test_it_comes_back_with_the_same_answers(file, examples, models, digits):
    model = models["model"]
    back = kept.read(file, (), model)
    assert [example.name for example in back] == [example.name for example in examples]
    for index in np.flatnonzero(digits[1] == 7)[5:8]:
        look = model.look(digits[0][index])
        assert taught.recognise(back, look, model) == taught.recognise(examples, look, model)
    shown = view.taught(back, "model")
    assert shown.count("<small>2 examples without a picture</small>") == len(back) / 2  # and no empty frames
    assert 'class="picture"' not in shown
    assert Gallery.load(file, model).names == ["four", "seven"]


def test_it_is_added_to_what_is_there(file, examples, models):
    assert len(kept.read(file, examples, models["model"])) == 2 * len(examples)
    assert kept.as_file((), models["model"]) == b""
    assert view.to_keep(b"") == ""


def test_another_model_is_named(file, models):
    other = next(model for name, model in models.items() if name != "model")
    with pytest.raises(ValueError, match="made with another model than digits"):
        kept.read(file, (), other)


def named(*names: str, **changes: object):
    """Writes a gallery of these classes, an example each, with changes to its tensors and what it says of itself."""

    def write(path: Path, model: Verifier) -> None:
        count, dim = len(names), model.config.encoder.embedding_dim
        tensors = {"embeddings": torch.zeros(count, dim), "labels": torch.arange(count)}
        about = {"format": "siamese-gallery-1", "names": json.dumps(names), "model": model.network.fingerprint()}
        tensors |= {name: value for name, value in changes.items() if isinstance(value, torch.Tensor)}
        about |= {name: value for name, value in changes.items() if isinstance(value, str)}
        save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata=about)

    return write


def raw(data: bytes):
    return lambda path, model: path.write_bytes(data)


HEADER = b'{"__metadata__":{"format":"siamese-gallery-1"}}'
HOSTILE_FILES = {
    "empty": raw(b""),
    "text": raw(b"gallery"),
    "a script": raw(b"<script>alert(1)</script>"),
    "a pickle": raw(b"\x80\x04cos\nsystem\n(S'touch /tmp/x'\ntR."),
    "a header that promises much": raw(b"\xff" * 8),
    "a header that ends early": raw(len(HEADER).to_bytes(8, "little") + HEADER[:20]),
    "no tensors": raw(len(HEADER).to_bytes(8, "little") + HEADER),
    "deep JSON": raw((100_000).to_bytes(8, "little") + b"[" * 100_000),
    "too large": raw(bytes(5 * 1024 * 1024 + 1)),
    "names that are deep JSON": named("a", names="[" * 100_000),
    "names that are no JSON": named("a", names="{'a'"),
    "names that are an object": named("a", names='{"a": 1}'),
    "names that are numbers": named("a", names="[1]"),
    "names that are twice": named("a", "b", names='["a", "a"]'),
    "no names": named("a", names="[]"),
    "too many names": named("a", names='["a", "b"]'),
    "a name that is empty": named(""),
    "a name of spaces": named(" \u2003\t"),
    "a name that is too long": named("x" * 41),
    "a name of a megabyte": named("x" * 1_000_000),
    "a name that is half a letter": named("a", names='["\\ud800"]'),
    "too many classes": named(*map(str, range(11))),
    "too many examples": named("a", labels=torch.zeros(6, dtype=torch.int64), embeddings=torch.zeros(6, 16)),
    "another format": named("a", format="siamese-gallery-2"),
    "another model": named("a", model="0" * 64),
    "no model": named("a", model=""),
    "embeddings that are not numbers": named("a", embeddings=torch.full((1, 16), torch.nan)),
    "embeddings without an end": named("a", embeddings=torch.full((1, 16), torch.inf)),
    "embeddings of another width": named("a", embeddings=torch.zeros(1, 3)),
    "embeddings of another kind": named("a", embeddings=torch.zeros(1, 16, dtype=torch.float64)),
    "labels below 0": named("a", labels=torch.tensor([-1])),
    "labels too large": named("a", labels=torch.tensor([7])),
    "labels that are fractions": named("a", labels=torch.tensor([0.5])),
    "another tensor": named("a", more=torch.zeros(1)),
}


@pytest.mark.parametrize("write", HOSTILE_FILES.values(), ids=HOSTILE_FILES)
def test_whatever_else_is_brought_is_answered_in_a_sentence(write, examples, verifier, tmp_path):
    write(path := tmp_path / "hostile.safetensors", verifier)
    with pytest.raises(ValueError, match=r"\w") as refused:
        kept.read(path, examples, verifier)
    said = str(refused.value)
    assert len(said.split()) >= 6
    assert len(said) < 300
    assert "\n" not in said
    assert str(tmp_path) not in said


def test_names_of_a_file_are_text(verifier, tmp_path):
    name = HOSTILE[:40]
    named(name)(path := tmp_path / "named.safetensors", verifier)
    back = kept.read(path, (), verifier)
    shown = view.taught(back, verifier.name) + view.to_keep(kept.as_file(back, verifier))
    assert "<script" not in shown
    assert back[0].name == " ".join(name.split())
