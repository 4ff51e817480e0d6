"""What a visitor of the demo teaches: a few examples of a few new classes, for as long as the page is open.

Nothing is trained; a gallery of so few examples is made anew for each question. Each example is embedded by every model that
the visitor may choose, so that the picture itself need not be kept.
"""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from siamese.config import shorten
from siamese.gallery import Gallery, Identification
from siamese.verifier import Image, Look, Verifier

MAX_CLASSES = 10
MAX_EXAMPLES = 5  # of each class
MAX_NAME_LENGTH = 40


@dataclass(frozen=True)
class Example:
    """One picture of a class, as each model sees it."""

    name: str  # of the class
    looks: Mapping[str, Look]  # by the name of the model


def teach(
    examples: Sequence[Example], name: str, image: Image, models: Mapping[str, Verifier], model: str
) -> tuple[Example, ...]:
    """The examples with one more, of a new class or a known one.

    Raises ValueError where `model` cannot use the image, for a name that is empty or too long, and where there are
    MAX_CLASSES, or MAX_EXAMPLES of the class, already. Another of the `models` that cannot use the image goes without it.
    """
    name = class_name(name)
    known = class_names(examples)
    if name not in known and len(known) == MAX_CLASSES:
        raise ValueError(f"there are {MAX_CLASSES} classes, as many as fit: remove one first")
    if sum(example.name == name for example in examples) == MAX_EXAMPLES:
        raise ValueError(f"{name} has {MAX_EXAMPLES} examples, as many as fit")
    looks = {model: models[model].look(image)}
    for other in models.keys() - looks.keys():
        with contextlib.suppress(ValueError):
            looks[other] = models[other].look(image)
    return (*examples, Example(name, looks))


def class_name(name: str) -> str:
    """The name of a class as it is shown. Raises ValueError for one that is empty, too long, or of broken characters."""
    name = " ".join(name.split())
    if not name:
        raise ValueError(f"the class has no name yet: name it first; allowed: 1 to {MAX_NAME_LENGTH} characters")
    is_whole = name == name.encode(errors="ignore").decode()  # else there are halves of letters, which no page can show
    if len(name) > MAX_NAME_LENGTH or not is_whole:
        raise ValueError(f"the name is {shorten(name)}, allowed: 1 to {MAX_NAME_LENGTH} characters")
    return name


def forget(examples: Sequence[Example], name: str) -> tuple[Example, ...]:
    """The examples without those of a class."""
    return tuple(example for example in examples if example.name != name)


def class_names(examples: Sequence[Example]) -> list[str]:
    """The classes, in the order in which they were first taught."""
    return list(dict.fromkeys(example.name for example in examples))


def knows_any(examples: Sequence[Example], model: str) -> bool:
    """Whether there is an example that the model can use."""
    return any(model in example.looks for example in examples)


def recognise(examples: Sequence[Example], look: Look, verifier: Verifier) -> Identification:
    """All classes that the model knows examples of, those that fit what it sees best first.

    Raises ValueError where there are none.
    """
    gallery = Gallery(verifier)
    for example in examples:
        if verifier.name in example.looks:
            gallery.enrol_embeddings(example.name, torch.from_numpy(example.looks[verifier.name].embedding)[None])
    found = gallery.identify_embedding(torch.from_numpy(look.embedding), top=MAX_CLASSES, prototypes=True)
    return dataclasses.replace(found, is_familiar=look.is_familiar, remark=look.remark)
