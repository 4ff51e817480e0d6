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
