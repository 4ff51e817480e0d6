"""What a card says of images that disagree with their class: their files, whatever part of the data they are in."""

import numpy as np
import pytest
import torch

from siamese.config import DataRecord
from siamese.data.labelled_images import LabelledImages, sources_of
from siamese.data.pairs import LabelledPairs
from siamese.data.splits import Splits, with_rotations
from siamese.model_folder import doubtful
from siamese.model_folder.doubtful import Doubtful, DoubtfulImage, find_doubtful, in_card
from siamese.network import embed_all

WRONG = {"2/7.png": 3, "2/11.png": 8, "1/4.png": 0, "7/5.png": 9, "9/2.png": 6}  # image -> the class that it is put into


def split_of(digits, split: str) -> Splits:
    """Digits by the class that they lie in, of which some are wrong; for `classes`, each part counts from 0."""
    images, truth = digits
    places = np.concatenate([np.flatnonzero(truth == digit)[:20] for digit in range(10)])
    sources = [f"{truth[place]}/{rank % 20}.png" for rank, place in enumerate(places)]
    labels = np.array([WRONG.get(name, truth[place]) for name, place in zip(sources, places, strict=True)])
    parts = []
    for number, digits_of_part in enumerate(([0, 1, 2, 3], [4, 5, 6], [7, 8, 9])):
        is_in = np.isin(labels, digits_of_part) if split == "classes" else np.arange(len(places)) % 3 == number
        names = tuple(f"digit {digit}" for digit in (digits_of_part if split == "classes" else range(10)))
        numbers = labels[is_in] - (digits_of_part[0] if split == "classes" else 0)
        parts.append(
            LabelledImages(images[places[is_in]], numbers, None, None, names, sources_of(sources).__getitem__(is_in))
        )
    return Splits(*parts, DataRecord("own", split=split))


def found_in(network, splits: Splits, **choices) -> Doubtful:
    embeddings = [embed_all(network, part.images) for part in (splits.validation, splits.test)]
    return find_doubtful(network, splits, *embeddings, **{"with_rotations": False, "seed": 0, **choices})


@pytest.mark.parametrize("split", ["within", "classes"])
def test_images_in_the_wrong_class_come_first_with_file_class_and_what_they_look_like(bundled, digits, split):
    splits = split_of(digits, split)
    found = found_in(bundled.network, splits)
    assert (found.compared, len(found.shown)) == (200, min(found.count, 20))
    first = {each.source: (each.own, each.looks_like) for each in found.shown[: len(WRONG)]}
    assert first == {name: (f"digit {label}", f"digit {name[0]}") for name, label in WRONG.items()}
    by_source = {str(name): image for part in (splits.training, splits.validation, splits.test)
                 for name, image in zip(part.sources, part.images, strict=True)}  # fmt: skip
    for each in found.shown:
        np.testing.assert_array_equal(each.pictures[0], by_source[each.source])
        assert each.to_own > each.to_others > 0


def test_turned_copies_are_passed_over_and_what_has_no_name_has_its_part_and_number(bundled, digits):
    splits = split_of(digits, "within")
    plain = found_in(bundled.network, splits)
    turned = Splits(with_rotations(splits.training), splits.validation, splits.test, splits.record)
    assert [each.source for each in found_in(bundled.network, turned, with_rotations=True).shown] == [
        each.source for each in plain.shown
    ]
    parts = [LabelledImages(part.images, part.labels) for part in (splits.training, splits.validation, splits.test)]
    bare = found_in(bundled.network, Splits(*parts, splits.record)).shown
    for each, named in zip(bare, plain.shown, strict=True):
        part, _, number = each.source.partition(" ")
        assert str(getattr(splits, part).sources[int(number)]) == named.source
        assert f"digit {each.own}" == named.own


def test_of_very_many_images_a_seeded_draw_is_compared(bundled, digits, monkeypatch):
    monkeypatch.setattr(doubtful, "MOST_COMPARED", 100)
    monkeypatch.setattr("siamese.evaluation.disagreement.LEAST_OF_CLASS", 5)
    splits = split_of(digits, "within")
    found = found_in(bundled.network, splits)
    assert 80 <= found.compared <= 100
    assert found_in(bundled.network, splits).shown[0].source == found.shown[0].source


def test_labelled_pairs_have_no_classes(bundled, digits):
    pairs = LabelledPairs(digits[0][:4], np.array([[0, 1], [2, 3]]), np.array([True, False]))
    empty = torch.zeros(4, 64)
    assert find_doubtful(bundled.network, Splits(pairs, pairs, pairs, DataRecord()), empty, empty, False, 0) is None
    assert in_card(None, "a.png") == ""


def shown(source: str, own: str = "a") -> Doubtful:
    black = np.zeros((8, 8), np.uint8)
    return Doubtful(7, 1234, (DoubtfulImage(source, own, "b", 1.5, 0.25, (black, black)),))


def test_a_card_has_a_row_for_each_and_their_picture():
    text = in_card(shown("anna/3.png"), "disagreeing.png")
    assert "7 of 1,234 images are nearer to another class than to their own" in text
    assert "| anna\\/3\\.png | a | b | 1.500 | 0.250 |" in text
    assert text.endswith("\n\ndisagreeing.png\n")
    assert in_card(Doubtful(0, 50, ()), "x.png") == "\n0 of 50 images are nearer to another class than to their own.\n"


@pytest.mark.parametrize(
    "name", ["a|b", "`rm`", "![x](http://evil)", "<img src=x>", "a\n# b", "\\|", "@ada", "www.evil.org"]
)
def test_no_name_of_a_file_breaks_out_of_its_cell(name):
    markdown = pytest.importorskip("markdown_it").MarkdownIt
    text = in_card(shown(name, own=name), "disagreeing.png").split("\n\n")[1]
    tokens = markdown("gfm-like", {"linkify": False}).parse(text)
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 10
    assert {child.type for child in cells[5].children} <= {"text", "text_special"}
    assert "".join(child.content for child in cells[5].children) == " ".join(name.split())
