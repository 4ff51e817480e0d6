"""The recipe: batches by the number of images, the same on the terminal and the page."""

import pytest

from siamese.training.recipe import batch_size_for
from siamese.training.settings import TrainingSettings, fill_in
from siamese.visitors.task import SAMPLE, Checked


@pytest.mark.parametrize(("images", "size"), [(12, 32), (999, 32), (1000, 64), (9999, 64), (10_000, 256), (60_000, 256)])
def test_small_sets_get_small_batches(images, size):
    assert batch_size_for(images) == size


def test_terminal_and_page_take_the_same():
    assert fill_in(TrainingSettings(SAMPLE)).batch_size == Checked("sample", SAMPLE, 10, 3000).plan()["batch_size"]
    assert fill_in(TrainingSettings("mnist")).batch_size == 256  # what the bundled weights were trained with
    assert fill_in(TrainingSettings(SAMPLE, batch_size=100)).batch_size == 100
