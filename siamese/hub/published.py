"""What of a model folder goes to the Hub: of images of one's own, no picture, no name of a file and no path unless asked."""

import dataclasses
import re
import shlex
from pathlib import Path

from siamese.config import NORMALISATIONS, PREPROCESS_MODES, SPLITS, ModelFolderConfig
from siamese.data.datasets import DATASETS, is_own
from siamese.encoders import ENCODERS, ENCODERS_OF_NUMBERS
from siamese.losses import LOSSES
from siamese.model_folder.files import CARD_FILE, CONFIG_FILE, METRICS_FILE, ONNX_FILE, REFERENCE_FILE, WEIGHTS_FILE
from siamese.model_folder.model_card import (
    BEFORE_ONNX,
    DOUBTFUL_PICTURE,
    ONNX_IN_WORDS,
    PLOTS,
    SHOW_PIXELS,
    render_card,
)
from siamese.model_folder.reference import load_reference, without_class_names
from siamese.network import SiameseNetwork

OWN = "own-images"  # what a folder or a file of pairs is called on the Hub
ABOUT_REFERENCE = r"\n`reference\.safetensors` holds .*?leaves them out\.\n"  # in a card, of any version and kind of input
HIDDEN = "..."  # what was given on a command line and is nobody else's business
# Of a command line, what says nothing of its user: the name of a flag, a number, or one of the choices.
PLAIN = re.compile(r"--?[a-z_-]+|[\d.]+(e-?\d+)?|timm/[\w.-]+", re.IGNORECASE)
WORDS = {"python", "torchrun", "siamese", "train", "train.py", "auto", "cpu", "cuda", "mps", "float32", "bfloat16"}
WORDS |= {*DATASETS, *ENCODERS, *ENCODERS_OF_NUMBERS, *LOSSES, *PREPROCESS_MODES, *NORMALISATIONS, *SPLITS}


def published(
    folder: Path, config: ModelFolderConfig, publish_pictures: bool = False, without_reference: bool = False
) -> dict[str, Path | bytes]:
    """The files to send of a complete model folder with this config: name -> the file, or what is sent instead of it.

    Of a model of one's own images the card and the config are written anew, without what would tell of them, and plots that
    show them are left out; with `publish_pictures`, and of datasets by name, all is sent as it lies. Raises ValueError for
    a folder that is not complete.
    """
    is_hidden = is_own(config.data) and not publish_pictures
    left_out = {*SHOW_PIXELS} if is_hidden else set()
    left_out |= {REFERENCE_FILE} if without_reference else set()
    optional = [name for name in (METRICS_FILE, REFERENCE_FILE, *PLOTS, DOUBTFUL_PICTURE) if (folder / name).exists()]
    names = [WEIGHTS_FILE, CONFIG_FILE, CARD_FILE, *(name for name in optional if name not in left_out)]
    for name in names:
        if (folder / name).is_symlink() or not (folder / name).is_file():  # a link could lead to anything
            raise ValueError(f"{str(folder)!r} is not a complete model folder: {name} is missing or not a plain file")
    files: dict[str, Path | bytes] = {name: folder / name for name in names}
    if is_hidden:
        config = without_names(config)
        files[CONFIG_FILE] = config.to_json().encode()
        files[CARD_FILE] = render_card(
            config, plots=files.keys() & PLOTS.keys(), has_reference=REFERENCE_FILE in files
        ).encode()
        if REFERENCE_FILE in files:
            files[REFERENCE_FILE] = without_class_names(folder / REFERENCE_FILE)
    elif without_reference and is_own(config.data):
        card = (folder / CARD_FILE).read_text(encoding="utf-8")
        files[CARD_FILE] = re.sub(ABOUT_REFERENCE, "", card, flags=re.DOTALL).encode()
    return files


def published_as_onnx(folder: Path, network: SiameseNetwork, files: dict[str, Path | bytes]) -> dict[str, bytes]:
    """The model as ONNX, which says no more than the other `files` that are sent, and the card, which now mentions it.

    Raises ValueError where it cannot be written, as without the libraries for it.
    """
    from siamese.export.write import export_network

    if network.config.shape is not None:
        raise ValueError("ONNX is written of models of images alone")
    texts = {
        name: file if isinstance(file := files[name], bytes) else file.read_bytes() for name in (CONFIG_FILE, CARD_FILE)
    }
    config = ModelFolderConfig.from_json(texts[CONFIG_FILE].decode())
    reference = load_reference(folder, network, config.data.split) if REFERENCE_FILE in files else None
    card = texts[CARD_FILE].decode().replace(BEFORE_ONNX, ONNX_IN_WORDS + BEFORE_ONNX, 1)
    return {ONNX_FILE: export_network(network, config, reference=reference), CARD_FILE: card.encode()}


def without_names(config: ModelFolderConfig) -> ModelFolderConfig:
    """The config of a model of one's own images, without the name of the folder and the paths of the command.

    A dataset of the Hub that everybody may read keeps its name.
    """
    data = config.data if config.data.is_public else dataclasses.replace(config.data, dataset=OWN, revision="")
    command = without_paths(config.training.command)
    return dataclasses.replace(config, data=data, training=dataclasses.replace(config.training, command=command))


def without_paths(command: str) -> str:
    """A command line with HIDDEN for each word that is no flag, no number and none of the choices."""
    try:
        words = shlex.split(command)
    except ValueError:
        return HIDDEN
    shown = []
    for word in words:
        flag, equals, value = word.partition("=")
        is_known = not equals and (PLAIN.fullmatch(word) or word in WORDS)
        if equals and flag.startswith("-") and PLAIN.fullmatch(flag):
            shown.append(f"{flag}={value if PLAIN.fullmatch(value) or value in WORDS else HIDDEN}")
        else:
            shown.append(word if is_known else HIDDEN)
    return " ".join(shown)
