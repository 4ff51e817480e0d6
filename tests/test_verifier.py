"""Verdicts on pairs of real digits: what must hold for every encoder, loss and threshold, and every kind of image."""

import concurrent.futures
import dataclasses
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from siamese import BlankImageError, Verdict, Verifier
from siamese.config import Calibration
from siamese.images.remarks import SEVERAL

digit_numbers = st.integers(0, 999)
thresholds = st.none() | st.floats(1e-6, 1e6)  # None is the calibrated one


def assert_consistent(verdict: Verdict) -> None:
    assert verdict.is_same == (verdict.probability_same >= 0.5) == (verdict.distance <= verdict.threshold)
    assert verdict.confidence == max(verdict.probability_same, 1 - verdict.probability_same)
    assert 0 <= verdict.probability_same <= 1
    assert 0.5 <= verdict.confidence <= 1
    assert verdict.distance >= 0


# ---- Every encoder with every loss ----


@given(digit_numbers, digit_numbers, thresholds)
def test_the_order_of_the_images_does_not_matter(any_verifier, digits, first, second, threshold):
    a, b = digits[0][first], digits[0][second]
    assert any_verifier.verify(a, b, threshold) == any_verifier.verify(b, a, threshold)


@given(digit_numbers)
def test_an_image_is_at_distance_zero_from_itself(any_verifier, digits, number):
    verdict = any_verifier.verify(digits[0][number], digits[0][number].copy())
    assert verdict.distance == 0
    assert verdict.is_same
    assert_consistent(verdict)


@given(digit_numbers, digit_numbers, thresholds)
def test_verdict_confidence_and_threshold_agree(any_verifier, digits, first, second, threshold):
    verdict = any_verifier.verify(digits[0][first], digits[0][second], threshold)
    assert_consistent(verdict)
    assert verdict.threshold == (any_verifier.config.calibration.threshold if threshold is None else threshold)


@given(digit_numbers, digit_numbers)
def test_they_agree_where_the_threshold_is_just_the_distance(any_verifier, digits, first, second):
    a, b = digits[0][first], digits[0][second]
    distance = any_verifier.verify(a, b).distance
    for threshold, is_same in (
        (distance, True),
        (math.nextafter(distance, math.inf), True),
        (math.nextafter(distance, 0), False),
    ):
        if threshold > 0:
            verdict = any_verifier.verify(a, b, threshold)
            assert verdict.is_same == is_same
            assert_consistent(verdict)


@given(digit_numbers, st.lists(digit_numbers, min_size=3, max_size=8), thresholds)
def test_the_nearer_the_more_probable(any_verifier, digits, number, others, threshold):
    verdicts = [any_verifier.verify(digits[0][number], digits[0][other], threshold) for other in others]
    verdicts.sort(key=lambda verdict: verdict.distance)
    probabilities = [verdict.probability_same for verdict in verdicts]
    assert probabilities == sorted(probabilities, reverse=True)


@given(digit_numbers, digit_numbers)
def test_distance_is_that_of_the_embeddings(any_verifier, digits, first, second):
    a, b = digits[0][first], digits[0][second]
    embeddings = any_verifier.embed([a, b])
    assert embeddings.shape == (2, any_verifier.config.encoder.embedding_dim)
    assert embeddings.dtype == np.float32
    length = float(np.linalg.norm(embeddings, axis=1).max())
    assert any_verifier.verify(a, b).distance == pytest.approx(math.dist(*embeddings.tolist()), abs=1e-4 * length)


# ---- A trained model ----


def test_most_pairs_of_digits_are_judged_right(verifier, digits):
    generator = np.random.default_rng(0)
    images, labels = digits
    right = {True: [], False: []}
    for first, second in generator.integers(0, len(labels), (600, 2)):
        is_same = bool(labels[first] == labels[second])
        if first != second and len(right[is_same]) < 50:
            right[is_same].append(verifier.verify(images[first], images[second]).is_same == is_same)
    assert np.mean(right[True]) > 0.8
    assert np.mean(right[False]) > 0.8


def test_every_way_to_give_an_image_gives_the_same_verdict(verifier, digits, tmp_path):
    a, b = digits[0][3], digits[0][8]
    Image.fromarray(a).save(tmp_path / "a.png")
    colour = np.repeat(a[..., None], 3, axis=2)
    expected = verifier.verify(a, b)
    for image in (
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        Image.fromarray(a),
    ):
        assert verifier.verify(image, b) == expected
        assert verifier.verify(b, image) == expected
    opaque = np.dstack([colour, np.full_like(a, 255)])
    in_colour = [verifier.verify(image, b) for image in (colour, opaque, Image.fromarray(colour), Image.fromarray(opaque))]
    assert all(verdict == in_colour[0] for verdict in in_colour)


def test_the_caller_keeps_his_image_unchanged(verifier, digits):
    array = digits[0][5].copy()
    image = Image.fromarray(array)
    verifier.verify(array, image)
    assert np.array_equal(array, digits[0][5])
    assert np.array_equal(np.asarray(image), digits[0][5])


def test_embedding_nothing_gives_no_rows(verifier):
    embeddings = verifier.embed([])
    assert embeddings.shape == (0, verifier.config.encoder.embedding_dim)
    assert embeddings.dtype == np.float32


def test_canonical_is_what_the_encoder_takes(verifier, digits):
    canonical = verifier.canonical(Image.fromarray(digits[0][7]).resize((280, 280)))
    assert canonical.shape == (28, 28)
    assert canonical.dtype == np.uint8


def test_the_verdict_as_a_dictionary_holds_plain_values(verifier, digits):
    verdict = verifier.verify(digits[0][0], digits[0][1])
    values = verdict.to_dict()
    assert values == dataclasses.asdict(verdict)
    assert list(values) == ["is_same", "probability_same", "confidence", "distance", "threshold", "is_familiar", "remark"]
    assert [type(value) for value in values.values()] == [bool, float, float, float, float, bool, str]


def test_a_pair_is_familiar_where_both_images_are(verifier, digits):
    looks = [dataclasses.replace(verifier.look(digits[0][0]), is_familiar=known) for known in (True, False, None)]
    expected = [[True, False, None], [False, False, False], [None, False, None]]
    assert [[verifier.verify_looks(a, b).is_familiar for b in looks] for a in looks] == expected
    verdict = verifier.verify_looks(looks[1], looks[1], 0.5)
    assert dataclasses.replace(verdict, is_familiar=None) == verifier.verify_embeddings(
        looks[0].embedding, looks[0].embedding, 0.5
    )


def test_of_many_images_each_gets_its_look_or_its_error(verifier, digits):
    images = [digits[0][0], b"no picture", *digits[0][1:11], "nowhere.png"]
    found = verifier.look_at_each(images)
    for image, look in zip(images, found, strict=True):
        if isinstance(image, np.ndarray):
            alone = verifier.look(image)
            assert (look.embedding.tobytes(), look.is_familiar, look.remark) == (
                alone.embedding.tobytes(), alone.is_familiar, alone.remark,
            )  # fmt: skip
        else:
            with pytest.raises(ValueError, match=re.escape(str(look))):
                verifier.look(image)
    assert verifier.look_at_each([]) == []


def test_many_threads_get_the_answers_of_one(verifier, digits):
    jobs = [(digits[0][number], digits[0][number + 1]) for number in range(0, 80, 2)]
    expected = [verifier.verify(*job) for job in jobs]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda job: verifier.verify(*job), jobs)) == expected


def test_the_fitted_calibration_is_used_unless_a_threshold_is_given(verifier, digits):
    calibration = Calibration(threshold=0.25, same_slope=3.0, different_slope=40.0)
    changed = Verifier(
        verifier.network, dataclasses.replace(verifier.config, calibration=calibration), "changed", verifier.device
    )
    for other in range(1, 20):
        verdict = changed.verify(digits[0][0], digits[0][other])
        gap = 0.25 - verdict.distance
        log_odds = gap * (3.0 if gap > 0 else 40.0)
        assert verdict.probability_same == pytest.approx(1 / (1 + math.exp(-log_odds)))
        assert verdict.threshold == 0.25


# ---- Bad input ----


BAD_IMAGES = {
    "none": None,
    "number": 7,
    "float array": np.zeros((28, 28)),
    "one dimension": np.zeros(28, np.uint8),
    "two channels": np.zeros((28, 28, 2), np.uint8),
    "empty array": np.zeros((0, 28), np.uint8),
    "missing file": "no such file.png",
}


@pytest.mark.parametrize("image", BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_what_is_no_image_is_a_value_error_on_either_side(verifier, digits, image):
    good = digits[0][0]
    for call in (
        lambda: verifier.verify(image, good),
        lambda: verifier.verify(good, image),
        lambda: verifier.embed([good, image]),
    ):
        with pytest.raises(ValueError, match=r"\w+ \w+"):
            call()


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_blank_image_is_an_error_of_its_own(verifier, digits, shade):
    blank = np.full((60, 60), shade, np.uint8)
    with pytest.raises(BlankImageError):
        verifier.verify(blank, digits[0][0])
    with pytest.raises(BlankImageError):
        verifier.verify(digits[0][0], blank)
    assert issubclass(BlankImageError, ValueError)


@pytest.mark.parametrize("threshold", [0, -1, math.nan, math.inf, -math.inf])
def test_a_threshold_that_is_no_distance_is_refused(verifier, digits, threshold):
    with pytest.raises(ValueError, match=f"threshold is {float(threshold)}, allowed: a distance above 0"):
        verifier.verify(digits[0][0], digits[0][1], threshold)


# ---- Loading ----


def test_the_name_is_that_of_the_folder(verifier, trained_folder):
    assert verifier.name == trained_folder.name


def test_a_device_that_is_not_there_is_refused_with_those_that_are(trained_folder):
    with pytest.raises(ValueError, match="device 'abacus' is not available on this machine, available: auto, cpu"):
        Verifier.from_pretrained(trained_folder, device="abacus")


def test_the_bundled_weights_are_the_default(bundled_folder, digits):
    bundled, by_path = Verifier.from_pretrained(), Verifier.from_pretrained(bundled_folder)
    assert bundled.config == by_path.config
    images = list(digits[0][:20])
    assert np.array_equal(bundled.embed(images), by_path.embed(images))


def test_remarks_on_both_images_are_joined_and_told_by_models_of_digits_alone(verifier, digits):
    large = [np.pad(np.asarray(Image.fromarray(image).resize((200, 200))), 20) for image in digits[0][:2]]
    pair = np.hstack(large)
    single, several = verifier.look(large[0]), verifier.look(pair)
    assert single.remark == ""
    assert several.remark == SEVERAL
    assert verifier.verify_looks(single, single).remark == ""
    assert verifier.verify(large[0], pair).remark == f"the second image {SEVERAL}"
    assert verifier.verify(pair, pair).remark == f"the first image {SEVERAL}; the second image {SEVERAL}"
    for data in ({"dataset": "omniglot"}, {"split": "within"}):  # the latter a folder that happens to be called so
        config = dataclasses.replace(verifier.config, data=dataclasses.replace(verifier.config.data, **data))
        other = Verifier(verifier.network, config, "other", verifier.device)
        assert other.look(pair).remark == ""
        np.testing.assert_array_equal(other.canonical(pair), verifier.canonical(pair))
