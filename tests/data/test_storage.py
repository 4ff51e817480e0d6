"""Arrays of images, in memory or in a file: the same images."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from full_disk import REASON, files_of_at_most

from siamese.data import storage
from siamese.data.storage import allocate, let_go, take_images


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """The folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("most_in_memory", [1 << 28, 1000], ids=["in memory", "in a file"])
def test_what_is_taken_is_what_the_indices_say(most_in_memory, digits, own_folder, monkeypatch):
    monkeypatch.setattr(storage, "MOST_IN_MEMORY", most_in_memory)
    indices = np.random.default_rng(0).integers(0, 1000, 12_000)  # more than are taken at a time
    taken = take_images(digits[0], indices)
    assert isinstance(taken, np.memmap) == (most_in_memory == 1000)
    assert taken.dtype == np.uint8
    np.testing.assert_array_equal(taken, digits[0][indices])
    assert list(own_folder.iterdir()) == []  # a file without a name is gone with the process, whatever ends it


def test_images_are_taken_out_of_a_file_too(digits, own_folder, monkeypatch):
    monkeypatch.setattr(storage, "MOST_IN_MEMORY", 1000)
    first = take_images(digits[0], np.arange(100))
    np.testing.assert_array_equal(take_images(first, np.arange(99, -1, -1)), digits[0][99::-1])
    assert not isinstance(take_images(first, np.arange(1)), np.memmap)


def test_room_is_made_in_memory_up_to_the_limit(own_folder, monkeypatch):
    monkeypatch.setattr(storage, "MOST_IN_MEMORY", 28 * 28)
    assert type(allocate((1, 28, 28))) is np.ndarray
    large = allocate((2, 28, 28))
    assert isinstance(large, np.memmap)
    assert (large.shape, large.dtype) == ((2, 28, 28), np.uint8)
    large[:] = 7
    assert large.sum() == 2 * 28 * 28 * 7


def test_a_full_temporary_folder_is_told_by_name_before_anything_is_read(own_folder, monkeypatch):
    monkeypatch.setattr(storage, "MOST_IN_MEMORY", 1000)
    with files_of_at_most(10_000), pytest.raises(OSError, match=f"need 78,400 bytes in .*{own_folder}: {REASON}.*TMPDIR"):
        allocate((100, 28, 28))
    assert list(own_folder.iterdir()) == []


def resident() -> int:
    """Bytes of this process that are in memory."""
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("of", [lambda images: images, lambda images: images[5:9]], ids=["all", "a view"])
def test_what_is_let_go_takes_no_memory_and_is_there_as_before(of, own_folder, monkeypatch):
    monkeypatch.setattr(storage, "MOST_IN_MEMORY", 1000)
    images = allocate((20_000, 50, 50))
    images[:] = np.arange(20_000)[:, None, None] % 251
    before = resident()
    let_go(of(images))
    assert before - resident() > 40_000_000
    np.testing.assert_array_equal(images[:, 7, 7], np.arange(20_000) % 251)
    let_go(np.zeros((3, 2, 2), np.uint8))  # in memory: nothing happens
