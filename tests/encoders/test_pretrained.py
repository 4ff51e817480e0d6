"""Weights that others have trained: from files of several kinds, an installed package, and a Hub that is not there."""

import importlib.util

import pytest
import torch
from safetensors.torch import save_file

from siamese.encoders.pretrained import PACKAGES, find_weights, read_weights

pytest.importorskip("timm", reason="timm is an extra")
NAME = "timm/mobilenetv3_small_050"


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    import timm

    torch.manual_seed(0)
    return timm.create_model("mobilenetv3_small_050").state_dict()


def test_a_file_of_either_kind_is_read_and_recorded_by_its_digest(weights, tmp_path):
    save_file(weights, tmp_path / "a.safetensors")
    torch.save({"state_dict": weights}, tmp_path / "b.pth")
    for file in ("a.safetensors", "b.pth"):
        found = find_weights(NAME, str(tmp_path / file))
        assert found.source.startswith("a file, SHA-256 ")
        assert str(tmp_path) not in found.source
        read = read_weights(NAME, found)
        assert all(torch.equal(read[name], tensor) for name, tensor in weights.items())


def test_other_names_are_taken_where_order_and_shapes_agree(weights, tmp_path):
    torch.save(
        {f"their.{number}.{name.rpartition('.')[2]}": each for number, (name, each) in enumerate(weights.items())},
        tmp_path / "a.pth",
    )
    read = read_weights(NAME, find_weights(NAME, str(tmp_path / "a.pth")))
    assert list(read) == list(weights)
    assert all(torch.equal(read[name], tensor) for name, tensor in weights.items())


def test_what_does_not_fit_is_one_sentence(weights, tmp_path):
    torch.save({f"x.{number}": each for number, each in enumerate(weights.values())}, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no weights")
    torch.save([1, 2], tmp_path / "list.pth")
    for file, what in (
        ("other.pth", "are of another network"),
        ("text.pth", "cannot be read"),
        ("list.pth", "holds no weights"),
    ):
        with pytest.raises(ValueError, match=what):
            read_weights(NAME, find_weights(NAME, str(tmp_path / file)))
    with pytest.raises(ValueError, match=r"--backbone-weights is 'missing.pth', and there is no such file, allowed"):
        find_weights(NAME, "missing.pth")


def test_where_no_hub_is_reachable_one_sentence_says_what_else_helps(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        ValueError, match=r"cannot be had from the Hugging Face Hub \(somebody/nothing\): .*--backbone-weights FILE"
    ):
        find_weights(NAME, "somebody/nothing@0123456789012345678901234567890123456789")


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_the_weights_of_an_installed_package_are_taken_by_themselves(name, package):
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed, which is an extra")
    found = find_weights(f"timm/{name}")
    assert found.asked == package
    assert found.source.startswith(f"the package {package} ")
    read = read_weights(f"timm/{name}", found)
    import timm

    network = timm.create_model(name)
    network.load_state_dict(read, strict=True)
    assert min(tensor.min() for key, tensor in read.items() if key.endswith("running_var")) >= 0
