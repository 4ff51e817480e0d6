"""The loop as a generator: what it yields, and how it is asked to end."""

import dataclasses
import itertools
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from siamese.commands import train as command_line
from siamese.config import ModelFolderConfig, TrainingRecord
from siamese.data.datasets.mnist import load_mnist_sample
from siamese.images.canonical import to_tensor
from siamese.model_folder.files import RESUME_FILE, WriteError
from siamese.model_folder.weights import load_model
from siamese.network import embed_all
from siamese.training import loop as training
from siamese.training.events import Ask, EpochEnded, Finished, Fitted, Interrupted, OutOfMemory, Started, Stepped
from siamese.training.loop import train
from siamese.training.settings import TrainingSettings, what_to_lower

SHORT = TrainingSettings("mnist-sample", device="cpu", batch_size=64, epochs=2)  # 28 steps an epoch


def ask(wish: Ask, answers_before: int) -> Callable[[], Ask | None]:
    """A user who lets it go on so many times; asked is after each step and after each epoch."""
    return itertools.chain(itertools.repeat(None, answers_before), itertools.repeat(wish)).__next__


@pytest.fixture(scope="module")
def finished_early(tmp_path_factory) -> list:
    """All events of a training that was asked to finish in its second epoch, after step 38 of 56."""
    settings = dataclasses.replace(SHORT, output=tmp_path_factory.mktemp("early") / "model")
    return list(train(settings, asked=ask(Ask.FINISH, 38)))


def of(kind: type, events: list) -> list:
    return [event for event in events if isinstance(event, kind)]


def test_events_come_in_their_order_and_count_the_steps(finished_early):
    kinds = [type(event) for event in finished_early]
    assert kinds == [Started, *[Stepped] * 28, EpochEnded, *[Stepped] * 10, EpochEnded, Fitted, Finished]
    steps = of(Stepped, finished_early)
    assert [step.step for step in steps] == list(range(1, 39))
    assert [step.epoch for step in steps] == [1] * 28 + [2] * 10
    assert {step.steps for step in steps} == {56}
    seconds = [step.seconds for step in steps]
    assert seconds == sorted(seconds)
    assert all(step.loss.shape == () and not step.loss.requires_grad for step in steps)
    pickle.dumps(finished_early)


def test_an_epoch_has_the_mean_of_the_losses_of_its_steps(finished_early):
    losses = [step.loss.item() for step in of(Stepped, finished_early)]
    records = [event.record for event in of(EpochEnded, finished_early)]
    assert [record.epoch for record in records] == [1, 2]
    assert records[0].loss == pytest.approx(np.mean(losses[:28]), rel=1e-5)
    assert records[1].loss == pytest.approx(np.mean(losses[28:]), rel=1e-5)


def test_asked_to_finish_it_keeps_the_best_so_far_and_says_so(finished_early):
    started, finished = finished_early[0], finished_early[-1]
    network, config = load_model(finished.folder)
    assert config == finished.config
    assert not (finished.folder / RESUME_FILE).exists()
    best = max(of(EpochEnded, finished_early), key=lambda event: (event.record.balanced_accuracy, event.record.epoch))
    assert config.training.best_epoch == best.record.epoch == of(Fitted, finished_early)[0].best_epoch
    assert best.is_best
    assert (config.training.finished_at_step, config.training.epochs, len(config.history)) == (38, 2, 2)
    assert config.metrics.balanced_accuracy > 80
    assert "ended early by its user, after step 38 in epoch 2" in (finished.folder / "README.md").read_text()
    assert started.parameters == config.training.parameters
    assert torch.allclose(embed_all(network, to_tensor(finished.test.images)), finished.embeddings, atol=1e-5)


def test_composed_classes_join_each_step(tmp_path):
    few, losses = dataclasses.replace(SHORT, batch_size=24, epochs=1, output=tmp_path / "model"), []
    for compose in (False, True):
        events = train(dataclasses.replace(few, compose=compose))
        losses.append(next(event for event in events if isinstance(event, Stepped)).loss.item())
        events.close()
    assert losses[1] > losses[0] + 0.1  # each drawing is told from 35 others instead of 23


def test_the_sample_holds_the_same_validation_images_after_each_epoch_where_the_network_puts_them(finished_early):
    first, last = (event.sample for event in of(EpochEnded, finished_early))
    assert np.array_equal(first.labels, last.labels)
    assert len(first.labels) <= training.SAMPLE_IMAGES
    assert not torch.equal(first.embeddings, last.embeddings)
    ended = of(EpochEnded, finished_early)[finished_early[-1].config.training.best_epoch - 1]
    network, _ = load_model(finished_early[-1].folder)
    images, _ = load_mnist_sample()  # validation is a part of these
    known = embed_all(network, to_tensor(images.images))
    for embedding, label in zip(ended.sample.embeddings, ended.sample.labels, strict=True):
        nearest = (known - embedding).norm(dim=1).argmin()
        assert torch.allclose(known[nearest], embedding, atol=1e-5)
        assert images.labels[nearest] == label


@pytest.mark.slow
def test_asked_to_interrupt_it_can_be_continued(tmp_path):
    settings = dataclasses.replace(SHORT, output=tmp_path / "model", epochs=1)
    with pytest.raises(Interrupted, match="after step 5 of 28"):
        list(train(settings, asked=ask(Ask.INTERRUPT, 4)))
    assert [path.name for path in (tmp_path / "model").iterdir()] == [RESUME_FILE]
    assert command_line.main(["--resume", "--output", str(tmp_path / "model")]) == 0
    assert load_model(tmp_path / "model")[1].training.finished_at_step == 0


def test_to_close_it_is_to_stop_at_once_and_leave_nothing(tmp_path):
    events = train(dataclasses.replace(SHORT, output=tmp_path / "model"))
    assert [type(next(events)) for _ in range(3)] == [Started, Stepped, Stepped]
    events.close()
    with pytest.raises(StopIteration):
        next(events)
    assert list(tmp_path.iterdir()) == []


def test_names_of_classes_come_with_the_sample(digits, tmp_path):
    images, labels = digits
    for name, digit in zip("abcdefg", range(7), strict=True):
        (tmp_path / "letters" / name).mkdir(parents=True)
        for number, image in enumerate(images[labels == digit][:6]):
            Image.fromarray(255 - image).save(tmp_path / "letters" / name / f"{number}.png")
    settings = TrainingSettings(str(tmp_path / "letters"), epochs=1, device="cpu", output=tmp_path / "model", image_size=28)
    events = train(settings, asked=lambda: Ask.FINISH)
    *events, finished = events
    assert finished.config.training.batch_size == 18  # all training images, fewer than the 256 that were asked for
    (ended,) = of(EpochEnded, events)
    assert len(ended.sample.names) == 2  # classes of validation
    assert set(ended.sample.names) < set("abcdefg")
    assert sorted(ended.sample.labels) == [0] * 6 + [1] * 6


def test_no_step_is_made_at_learning_rate_0():
    rates = [training._schedule((step + 0.5) / 56) for step in range(56)]
    assert min(rates) > 0
    assert max(rates) == pytest.approx(1, abs=0.02)
    assert sum(rates) == pytest.approx(56 / 2, rel=0.01)  # as much as the triangle


# ---- What the machine does not have ----


def test_too_little_memory_is_told_with_what_takes_it_and_ends_the_training(tmp_path, monkeypatch):
    monkeypatch.setitem(training.AUGMENTATIONS, "ink", lambda *_: torch.empty(1 << 50))  # a batch that is too large
    with pytest.raises(OutOfMemory, match="not enough memory to train with 64 images of 28 x 28 px in a step") as caught:
        list(train(dataclasses.replace(SHORT, output=tmp_path / "model")))
    assert what_to_lower(caught.value.settings) == "--batch-size (64)"
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_torch_stay_what_they_are(tmp_path, monkeypatch):
    monkeypatch.setitem(training.AUGMENTATIONS, "ink", lambda *_: torch.ones(2, 3) @ torch.ones(2, 3))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        list(train(dataclasses.replace(SHORT, output=tmp_path / "model")))


def test_a_folder_that_cannot_be_written_is_known_before_the_data_are_read(tmp_path):
    (tmp_path / "file").write_text("mine")
    settings = dataclasses.replace(SHORT, dataset="what is never read", output=tmp_path / "file" / "model")
    with pytest.raises(WriteError, match="model' cannot be written: Not a directory"):
        next(train(settings))


# ---- Settings ----


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epochs": 0}, "--epochs is 0, allowed: 1 to 10000"),
        ({"encoder": "none"}, "allowed|available"),
        ({"image_size": 28}, "about a folder of images"),
        ({"margin": 0.5}, "loss supcon has none"),
        ({"compose": True, "loss": "proxy"}, "--compose makes new classes, and loss proxy has to know them all"),
        ({"compose": True}, "and these are 10, seen as ink; allowed: ink, and more than 16 classes with --batch-size 64"),
        ({"backbone_weights": "a.pth", "encoder": "compact"}, "and --encoder is compact, allowed: --encoder timm/NAME"),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_its_first_event(changes, sentence, tmp_path):
    settings = dataclasses.replace(SHORT, output=tmp_path / "model", **changes)
    with pytest.raises(ValueError, match=sentence):
        next(train(settings))
    assert list(tmp_path.iterdir()) == []


def test_configs_from_before_trainings_could_end_early_are_read():
    text = ModelFolderConfig(training=TrainingRecord(finished_at_step=7)).to_json()
    assert ModelFolderConfig.from_json(text).training.finished_at_step == 7
    older = text.replace(',\n    "finished_at_step": 7', "")
    assert older != text
    assert ModelFolderConfig.from_json(older).training.finished_at_step == 0
