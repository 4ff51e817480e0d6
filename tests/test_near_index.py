"""The index of very many embeddings: nearly the neighbours of an exact search, and files that are no index are refused."""

import sys

import numpy as np
import pytest

from siamese import gallery
from siamese.gallery import Gallery
from siamese.near_index import NearIndex


@pytest.fixture(scope="module")
def embeddings(bundled, digits) -> np.ndarray:
    """Of 500 digits, each with nine points around it that are as far as digits of a class are."""
    pytest.importorskip("usearch", reason="needs the extra siamese[index]")
    real = bundled.embed(list(digits[0][:500]))
    noise = np.random.default_rng(0).standard_normal((9, *real.shape)).astype(np.float32) * 0.01
    return np.concatenate([real, *(real + noise)])


def test_it_finds_nearly_what_an_exact_search_finds(embeddings, bundled, digits):
    index = NearIndex.of(embeddings)
    assert len(index) == 5000
    found = []
    for query in bundled.embed(list(digits[0][500:600])):
        exact = np.argsort(((embeddings - query) ** 2).sum(axis=1))[:10]
        found.append(len(set(index.nearest(query, 10).tolist()) & set(exact.tolist())))
    assert np.mean(found) >= 9.5


def test_a_gallery_is_searched_by_it_from_a_size_on_with_exact_distances(embeddings, bundled, digits, monkeypatch, tmp_path):
    names = [f"class {number % 50}" for number in range(len(embeddings))]
    exact, fast = Gallery(bundled), Gallery(bundled)
    for each in (exact, fast):
        each.enrol_all(names, embeddings)
    assert not fast.make_index()
    monkeypatch.setattr(gallery, "INDEX_FROM", 5000)
    assert fast.make_index()
    fast.save(tmp_path / "g.safetensors")
    loaded = Gallery.load(tmp_path / "g.safetensors", bundled, with_index=True)
    queries = bundled.embed(list(digits[0][600:640]))
    same = 0
    for query in queries:
        expected, found = exact.identify_embedding(query), fast.identify_embedding(query)
        assert loaded.identify_embedding(query) == found
        same += found.matches[0] == expected.matches[0]
        for match in found.matches:
            mine = embeddings[[name == match.name for name in names]]
            assert match.distance >= np.linalg.norm(mine - query, axis=1).min() - 1e-5
    assert same >= 38
    fast.enrol_all(["new"], queries[:1])
    assert fast.identify_embedding(queries[0]).name == "new"  # exact again


def test_an_index_of_another_gallery_or_none_is_refused(embeddings, bundled, monkeypatch, tmp_path):
    monkeypatch.setattr(gallery, "INDEX_FROM", 10)
    for name, rows in (("a", embeddings[:20]), ("b", embeddings[20:40])):
        made = Gallery(bundled)
        made.enrol_all(["one"] * 20, rows)
        assert made.make_index()
        made.save(tmp_path / name)
    (tmp_path / "a.index").replace(tmp_path / "b.index")
    for name in ("a", "b"):
        with pytest.raises(ValueError, match=rf"{name}.index' is not the index of"):
            Gallery.load(tmp_path / name, bundled, with_index=True)
        assert len(Gallery.load(tmp_path / name, bundled)) == 20
    (tmp_path / "text").write_text("no index")
    with pytest.raises(ValueError, match="text' is not an index of embeddings"):
        NearIndex.load(tmp_path / "text", 64, 20)
    with pytest.raises(ValueError, match=r"the index of 20 embeddings, allowed: of the 21"):
        NearIndex.load(tmp_path / "b.index", 64, 21)


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ValueError, match="pip install usearch"):
        NearIndex(64)


def test_an_index_is_made_where_many_ask(embeddings, bundled, monkeypatch):
    monkeypatch.setattr(gallery, "INDEX_FROM", 10)
    made = Gallery(bundled)
    made.enrol_all(["one"] * 20, embeddings[:20])
    assert not made.make_index_for(gallery.WORTH_AN_INDEX - 1)
    assert made.make_index_for(gallery.WORTH_AN_INDEX)
