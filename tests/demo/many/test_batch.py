"""Many images at once: the distances of verify, reasons for what cannot be used, and a table that says the same."""

import numpy as np
import pytest

from siamese.demo.many.batch import MAX_IMAGES, look_at_all, sample_files


def test_distances_are_those_of_verify_whatever_else_is_in_the_batch(verifier, digits):
    images = list(digits[0][:5])
    batch, problems = look_at_all(verifier, images, "abcde")
    expected = [[verifier.verify(a, b).distance for b in images] for a in images]
    assert batch.distances() == pytest.approx(np.array(expected), abs=1e-4)
    assert (batch.distances() == batch.distances().T).all()
    assert problems == {}
    assert list(batch.is_familiar) == [verifier.look(image).is_familiar for image in images]


def test_remarks_are_those_of_each_image_and_stay_with_it_where_others_are_left_out(verifier, digits):
    two = np.pad(255 - np.kron(np.hstack(list(digits[0][:2])), np.ones((8, 8), np.uint8)), 40, constant_values=255)
    batch, problems = look_at_all(verifier, [np.zeros((28, 28), np.uint8), digits[0][0], two], "abc")
    assert list(problems) == [0]
    assert batch.remarks == ("", verifier.look(two).remark)
    assert verifier.look(two).remark


def test_what_cannot_be_used_is_named_and_the_rest_goes_on(verifier, digits, tmp_path):
    (tmp_path / "text.png").write_text("text")
    images = [digits[0][0], tmp_path / "text.png", np.zeros((28, 28), np.uint8), digits[0][1]]
    batch, problems = look_at_all(verifier, images, ["a", "text.png", "c", "d"])
    assert batch.distances().shape == (2, 2)
    assert problems[1].startswith("'text.png' is not an image")
    assert problems[2].startswith("c: the image is blank")
    batch, problems = look_at_all(verifier, images[1:2], ["text.png"])
    assert batch.distances().shape == (0, 0)
    with pytest.raises(ValueError, match=f"at most {MAX_IMAGES}"):
        look_at_all(verifier, [digits[0][0]] * (MAX_IMAGES + 1), ["a"] * (MAX_IMAGES + 1))


def test_samples_are_files_that_fall_into_groups_of_their_classes(bundled, tmp_path):
    paths, names = [], []
    for name, data in sample_files():
        (tmp_path / name).write_bytes(data)
        paths.append(tmp_path / name)
        names.append(name)
    batch, problems = look_at_all(bundled, paths, names)
    assert (len(names), problems) == (12, {})
    found = batch.groups(bundled.config.calibration.threshold)
    by_class = {}
    for name, group in zip(names, found, strict=True):
        by_class.setdefault(name[0], set()).add(int(group))
    assert len(by_class) == 4
    assert all(len(groups) == 1 for groups in by_class.values())
