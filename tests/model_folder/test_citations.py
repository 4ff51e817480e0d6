"""What a card cites: the sources of what made the model, and of nothing else."""

import dataclasses

import pytest

from siamese.config import EncoderConfig, LossConfig, ModelFolderConfig, PreprocessConfig, TrainingRecord
from siamese.encoders import ENCODERS
from siamese.losses import LOSSES
from siamese.model_folder.citations import citations


def cited(encoder: str = "compact", loss: str = "supcon", mode: str = "ink", command: str = "", augment: bool = True) -> str:
    training = TrainingRecord(command=command, augment=augment)
    parts = {"encoder": EncoderConfig(encoder), "loss": LossConfig(loss), "preprocess": PreprocessConfig(mode)}
    return citations(dataclasses.replace(ModelFolderConfig(), training=training, **parts))


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_card_cites_its_encoder_and_its_loss_once_and_no_other(encoder, loss):
    lines = cited(encoder, loss).splitlines()
    assert all(line.startswith("- ") and line[2].isupper() for line in lines)
    assert len(set(lines)) == len(lines)
    for registry, chosen in ((ENCODERS, encoder), (LOSSES, loss)):
        for source in {kind.citation for kind in registry.values()} - {""}:
            assert (f"- {source[0].upper()}{source[1:]}" in lines) == (source == registry[chosen].citation)
    for author in ("Bromley", "Platt", "Shamir"):
        assert sum(author in line for line in lines) == 1


def test_what_was_done_to_the_images_is_cited_where_it_was():
    assert ("Santoro" in cited(command="python train.py --rotations"), "Santoro" in cited()) == (True, False)
    assert ("CutMix" in cited(command="python train.py --compose"), "CutMix" in cited()) == (True, False)
    adaptive = dataclasses.replace(ModelFolderConfig(), preprocess=PreprocessConfig(aspect="adaptive"))
    assert ("Liu" in citations(adaptive), "Liu" in cited()) == (True, False)
    covered = {
        (mode, augment): "Cutout" in cited(mode=mode, augment=augment) for mode in ("ink", "photo") for augment in (0, 1)
    }
    assert [key for key, is_cited in covered.items() if is_cited] == [("photo", 1)]
