"""The models on this machine: bundled, in folders at some depth, and in the cache of the Hub."""

import shutil

import pytest
from huggingface_hub import constants

from siamese.hub import local_models as module
from siamese.hub.local_models import local_models
from siamese.hub.sources import bundled_models


@pytest.fixture
def cache(tmp_path, monkeypatch, untrained_folder):
    """A cache with a model of this project, at two commits, and one of another library."""
    place = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(place))
    for commit in ("a" * 40, "b" * 40):
        shutil.copytree(untrained_folder, place / "models--user--mine" / "snapshots" / commit)
    (place / "models--user--mine" / "refs").mkdir()
    (place / "models--user--mine" / "refs" / "main").write_text("b" * 40)
    other = place / "models--user--other" / "snapshots" / ("c" * 40)
    shutil.copytree(untrained_folder, other)
    (other / "config.json").write_text('{"architectures": ["Bert"]}')
    return place


def test_bundled_ones_come_first_and_cached_ones_have_the_names_that_load_them(cache):
    found = local_models([])
    assert [(model.name, model.kind) for model in found] == [
        *((name, "bundled") for name in bundled_models()),
        (f"user/mine@{'a' * 40}", "cached"),
        ("user/mine", "cached"),
    ]
    assert all(model.config and not model.problem and model.megabytes > 0 for model in found)


def test_folders_are_searched_so_deep_and_hidden_ones_passed_over(cache, untrained_folder, tmp_path):
    top = tmp_path / "runs"
    for place in ("a", "family/b", "1/2/3", "1/2/3/4/too deep", ".hidden"):
        shutil.copytree(untrained_folder, top / place)
    (top / "a" / "config.json").write_text("{")
    found = {model.name: model for model in local_models([top]) if model.kind == "folder"}
    assert set(found) == {str(top / place) for place in ("a", "family/b", "1/2/3")}
    assert found[str(top / "a")].config is None
    assert found[str(top / "a")].problem
    assert module.DEEPEST == 3
    with pytest.raises(ValueError, match="nowhere' is not a folder"):
        local_models([tmp_path / "nowhere"])
