"""Two images while they come about: what is missing, what is wrong, and else what verify says."""

import numpy as np

from siamese.demo.compare.comparison import compare


def test_a_pair_says_what_is_missing_or_wrong_and_else_what_verify_says(verifier, digits, tmp_path):
    first, second = digits[0][:2]
    blank = np.zeros((28, 28), np.uint8)
    cases = {
        "Draw or upload two images.": [None, None],
        "Draw or upload a second image.": [first, None],
        "Draw or upload a first image.": [None, second],
    }
    for message, images in cases.items():
        pair = compare(verifier, images)
        assert (pair.message, pair.is_problem, pair.verdict(0.5), pair.drivers()) == (message, False, None, None)
    pair = compare(verifier, [first, blank])
    assert pair.message.startswith("Second image: the image is blank")
    assert pair.is_problem
    assert pair.seen[1] is None
    pair = compare(verifier, [first, second])
    assert not pair.message
    assert pair.verdict(0.7) == verifier.verify(first, second, 0.7)


def test_remarks_are_those_of_each_image(verifier, digits):
    two = np.kron(np.hstack(digits[0][:2]), np.ones((8, 8), np.uint8))
    assert compare(verifier, [two, None]).remarks == [verifier.look(two).remark, ""]
    assert compare(verifier, [digits[0][0], two]).remarks == ["", verifier.look(two).remark]
    assert verifier.look(two).remark


def test_a_pair_fits_a_link_only_where_the_same_comes_of_what_is_seen(bundled, digits):
    rng, fitting = np.random.default_rng(0), 0
    for number in range(12):
        first, second = (np.pad(np.kron(image, np.ones((9, 9), np.uint8)), 40) for image in digits[0][number : number + 2])
        pair = compare(bundled, [np.roll(first, rng.integers(-30, 30), 1), 255 - second])
        threshold = bundled.config.calibration.threshold
        if pair.fits_a_link:
            again = compare(bundled, pair.seen)
            assert again.verdict(threshold) == pair.verdict(threshold)
            fitting += 1
        else:
            assert any(pair.remarks) or any((bundled.canonical(seen) != seen).any() for seen in pair.seen)
    assert fitting >= 9
    assert not compare(bundled, [digits[0][0], None]).fits_a_link
    two = np.kron(np.hstack(digits[0][:2]), np.ones((8, 8), np.uint8))
    assert not compare(bundled, [digits[0][0], two]).fits_a_link  # of what is seen, nobody could tell that it was two
