"""The recipe: numbers by the images and by how they are learnt, the same on the terminal and the page."""

import pytest

from siamese.encoders import ENCODERS
from siamese.training.recipe import BATCHES, ENOUGH_STEPS, EPOCHS, learning_of, recipe_for
from siamese.training.settings import TrainingSettings, fill_in
from siamese.visitors.task import SAMPLE, Checked


@pytest.mark.parametrize("images", [12, 280, 2000, 10_000, 60_000, 1_000_000])
@pytest.mark.parametrize("learning", EPOCHS)
def test_few_epochs_get_batches_small_enough_to_learn_from(images, learning):
    for epochs in (1, 2, 3, 8, 24, 100):
        recipe = recipe_for(images, learning, epochs)
        assert recipe.epochs == epochs
        larger = [size for size in BATCHES if size > recipe.batch_size]
        assert recipe.batch_size == min(BATCHES) or epochs * images / recipe.batch_size >= ENOUGH_STEPS
        assert all(epochs * images / size < ENOUGH_STEPS for size in larger)


def test_how_an_encoder_learns_says_how_many_epochs():
    assert {name: learning_of(name, 5000) for name in ENCODERS} == {
        "compact": "new", "residual": "new", "seed": "new", "hog": "fitted",
    }  # fmt: skip
    name = "timm/tf_efficientnet_lite0"
    assert [learning_of(name, images) for images in (1999, 2000)] == ["frozen", "tuned"]
    assert [learning_of(name, 2000, tune) for tune in (False, True)] == ["frozen", "tuned"]
    assert recipe_for(500, "frozen").epochs == 1


@pytest.mark.parametrize("dataset", [SAMPLE, "mnist", "folder"])
@pytest.mark.parametrize("encoder", [None, "hog"])
def test_terminal_and_page_take_the_same(dataset, encoder, digit_folder):
    place = str(digit_folder) if dataset == "folder" else dataset
    filled = fill_in(TrainingSettings(place, encoder=encoder))
    checked = Checked("zip", place, 7, {"folder": 28, SAMPLE: 2000, "mnist": 60_000}[dataset])
    epochs, why = checked.epochs(encoder, 1000)
    assert filled.epochs == epochs
    assert f"{epochs} epoch" in why
    asked = fill_in(TrainingSettings(place, encoder=encoder, epochs=epochs))
    assert (asked.batch_size, asked.lr) == (filled.batch_size, filled.lr)


def test_what_is_allowed_bounds_what_the_page_suggests_and_it_says_so():
    checked = Checked("zip", "folder", 7, 500)
    why = f"{EPOCHS['new']} epochs suit these images with the compact encoder; 10 are allowed here"
    assert checked.epochs(None, 10) == (10, why)
    assert checked.epochs("timm/resnet18", 10) == (1, "1 epoch suits these images with the timm/resnet18 encoder")


def test_what_is_given_stays():
    filled = fill_in(TrainingSettings(SAMPLE, batch_size=100, lr=1e-4, epochs=5))
    assert (filled.batch_size, filled.lr, filled.epochs) == (100, 1e-4, 5)


def test_the_commands_of_the_bundled_weights_mean_what_they_meant():
    """What their cards record: 24 epochs, or 7 of Omniglot's 19,280 drawings, of batches of 256 at 0.003."""
    filled = fill_in(TrainingSettings("mnist"))
    assert (filled.epochs, filled.batch_size, filled.lr) == (24, 256, 3e-3)
    recipe = recipe_for(19_280, "new", 7)
    assert (recipe.batch_size, recipe.lr) == (256, 3e-3)
