"""What a card cites: the sources of what made the model, and of nothing else."""

import dataclasses

import pytest

from siamese.config import EncoderConfig, LossConfig, ModelFolderConfig, PreprocessConfig, TrainingRecord
from siamese.encoders import ENCODERS
from siamese.losses import LOSSES
from siamese.model_folder import citations as module
from siamese.model_folder.citations import citations


def cited(encoder: str = "compact", loss: str = "supcon", mode: str = "ink", command: str = "", augment: bool = True) -> str:
    training = TrainingRecord(command=command, augment=augment)
    parts = {"encoder": EncoderConfig(encoder), "loss": LossConfig(loss), "preprocess": PreprocessConfig(mode)}
    return citations(dataclasses.replace(ModelFolderConfig(), training=training, **parts))


def test_every_encoder_and_every_loss_is_thought_of():
    assert module.ENCODERS.keys() == ENCODERS.keys()
    assert module.LOSSES.keys() == LOSSES.keys()


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_card_cites_its_encoder_and_its_loss_once_and_no_other(encoder, loss):
    text = cited(encoder, loss)
    assert all(line.startswith("- ") and line[2].isupper() for line in text.splitlines())
    assert len(set(text.splitlines())) == len(text.splitlines())
    for names, chosen in ((module.ENCODERS, encoder), (module.LOSSES, loss)):
        for source in set(names.values()) - {""}:
            assert (f"{source[0].upper()}{source[1:]}" in text) == (source == names[chosen])
    assert "Bromley" in text
    assert "Platt" in text


def test_what_was_done_to_the_images_is_cited_where_it_was():
    assert ("Santoro" in cited(command="python train.py --rotations"), "Santoro" in cited()) == (True, False)
    covered = {
        (mode, augment): "Cutout" in cited(mode=mode, augment=augment) for mode in ("ink", "photo") for augment in (0, 1)
    }
    assert [key for key, is_cited in covered.items() if is_cited] == [("photo", 1)]
