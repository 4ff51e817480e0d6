"""What a visitor has taught as a file to keep, and from such a file: a siamese.gallery.Gallery, which holds no picture."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from siamese.demo.recognise.taught import MAX_CLASSES, MAX_EXAMPLES, Example, class_name, class_names, knows_any
from siamese.gallery import Gallery
from siamese.verifier import Look, Verifier
from siamese.visitors.limits import MEGABYTE

NAME = "taught.safetensors"
MOST_MEGABYTES = 5  # of a file: as many examples as fit take 1 MB with the widest embeddings
DAMAGED = "the file is no gallery of taught classes, or a damaged one: choose one that was saved here, or by Gallery.save"


def as_file(examples: Sequence[Example], verifier: Verifier) -> bytes:
    """A gallery file of what this model knows of the examples; empty where that is nothing."""
    if not knows_any(examples, verifier.name):
        return b""
    gallery = Gallery(verifier)
    for example in examples:
        if verifier.name in example.looks:
            gallery.enrol_embeddings(example.name, torch.from_numpy(example.looks[verifier.name].embedding)[None])
    with tempfile.TemporaryDirectory() as folder:
        gallery.save(path := Path(folder) / NAME)
        return path.read_bytes()


def read(path: str | Path, examples: Sequence[Example], verifier: Verifier) -> tuple[Example, ...]:
    """The examples with those of a gallery file, which this model alone knows, and without pictures.

    Raises ValueError for what is no gallery of this model, for names that `class_name` refuses, and where there are too many
    classes or examples then.
    """
    path = Path(path)
    if path.stat().st_size > MOST_MEGABYTES * MEGABYTE:
        size = path.stat().st_size / MEGABYTE
        raise ValueError(f"the file has {size:,.1f} MB, allowed: a gallery of at most {MOST_MEGABYTES} MB")
    try:
        gallery = Gallery.load(path, verifier)
    except ValueError as error:
        is_of_another = "another model" in str(error)
        said = f"the gallery was made with another model than {verifier.name}: choose that one at the top, or teach anew"
        raise ValueError(said if is_of_another else DAMAGED) from error
    names = [class_name(name) for name in gallery.names]
    pairs = zip(gallery.labels.tolist(), gallery.embeddings.numpy(), strict=True)
    found = tuple(Example(names[label], {verifier.name: Look(None, embedding)}) for label, embedding in pairs)
    together = (*examples, *found)
    classes = class_names(together)
    if len(classes) > MAX_CLASSES:
        raise ValueError(f"that makes {len(classes):,} classes, allowed: at most {MAX_CLASSES}")
    for name in classes:
        count = sum(example.name == name for example in together)
        if count > MAX_EXAMPLES:
            raise ValueError(f"that makes {count:,} examples of {name}, allowed: at most {MAX_EXAMPLES}")
    return together
