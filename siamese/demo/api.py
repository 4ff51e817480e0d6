"""The public endpoints, for programs: /compare, /embed and /distances; with --mcp, tools for assistants as well."""

import base64
import csv
import io
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr
import numpy as np
from gradio_client.utils import is_file_obj_with_meta
from PIL import Image

from siamese.data.datasets.mnist import load_sample_digits
from siamese.demo.gradio_patches import Demo, refusal
from siamese.demo.gradio_programs import Described, serve_endpoint
from siamese.demo.many.batch import MAX_IMAGES, Batch, look_at_all
from siamese.inputs import INPUTS, Input, reworded
from siamese.inputs.cells import MOST_SENT
from siamese.verifier import Verifier

ENDPOINTS = ("compare", "embed", "distances")
TYPES = {"images": "image/png", "numbers": "text/csv"}  # of files, by the page that an input has; see also at the end
A_PICTURE = "an http(s) URL, or base64 as in data:{};base64,...; with gradio_client also handle_file(path or URL)"
ANSWERS = "{} has these forms: handle_file(path or URL) of gradio_client, an http(s) URL, data:{};base64,..."


class Compared(TypedDict):
    """What /compare answers, see siamese.verifier.Verdict."""

    is_same: bool
    probability_same: float
    confidence: float
    distance: float
    threshold: float
    is_familiar: bool | None
    remark: str
    model: str


class Embedded(TypedDict):
    """What /embed answers: N rows of D numbers."""

    embeddings: list[list[float]]
    model: str


class Distances(TypedDict):
    """What /distances answers: N rows of N distances; the same: at most the threshold."""

    distances: list[list[float]]
    threshold: float
    model: str


def create_api(verifier: Verifier, blocks: Demo) -> None:
    """Serve the endpoints with this model. To be called within `blocks`."""
    kind = INPUTS[verifier.config.preprocess.mode]

    def compare(image_a: str, image_b: str, request: gr.Request) -> Compared:
        """Say whether two pictures show the same thing, how sure that is, and the distance of their embeddings."""
        blocks.forget_call(request)
        given = {name: _content(value, name, kind) for name, value in (("image_a", image_a), ("image_b", image_b))}
        looks = verifier.look_at_each(list(given.values()))
        for name, look in zip(given, looks, strict=True):
            if isinstance(look, ValueError):
                raise refusal(f"{name}: {look}") from look
            if isinstance(look, Exception):
                raise look
        return {**verifier.verify_looks(*looks).to_dict(), "model": verifier.name}

    def embed(images: list[str], request: gr.Request) -> Embedded:
        """The embeddings of 1 to 32 pictures, whose Euclidean distances are those of compare."""
        blocks.forget_call(request)
        return {"embeddings": _batch(verifier, images, kind).embeddings.tolist(), "model": verifier.name}

    def distances(images: list[str], request: gr.Request) -> Distances:
        """The distances between all of 1 to 32 pictures; two are the same where theirs is at most the threshold."""
        blocks.forget_call(request)
        threshold = verifier.config.calibration.threshold
        found = _batch(verifier, images, kind).distances().tolist()
        return {"distances": found, "threshold": threshold, "model": verifier.name}

    first, second = EXAMPLES[kind.page](verifier)
    forms = A_PICTURE.format(TYPES[kind.page])
    picture, several = {"type": "string", "description": reworded(f"A picture: {forms}", kind.noun)}, {
        "type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_IMAGES,
        "description": reworded(f"1 to {MAX_IMAGES} pictures, each {forms}", kind.noun),
    }  # fmt: skip
    for endpoint in (compare, embed, distances):
        endpoint.__doc__ = reworded(endpoint.__doc__, kind.noun)
    serve_endpoint(blocks, compare, {"image_a": Described(picture, first), "image_b": Described(picture, second)})
    for endpoint in (embed, distances):
        serve_endpoint(blocks, endpoint, {"images": Described(several, [first, second])})


def _answers(kind: Input) -> tuple[str, str]:
    """What is asked for, and the forms that it may have."""
    a_picture = reworded("a picture", kind.noun)
    return a_picture, ANSWERS.format(a_picture, TYPES[kind.page])


def _content(value: Any, name: str, kind: Input) -> str | bytes:
    """What the model is given of a file. Raises gr.Error where `value`, the argument `name`, is none or cannot be read."""
    # The same test by which Gradio moves uploads into its cache: any other path is one it has not checked.
    if not is_file_obj_with_meta(value):
        raise refusal("{} is not {}; {}".format(name, *_answers(kind)))
    try:
        return CONTENTS[kind.page](value["path"])
    except ValueError as error:
        raise refusal(f"{name}: {error}") from error


def _batch(verifier: Verifier, images: list, kind: Input = INPUTS["ink"]) -> Batch:
    """What the model makes of the files of a request. Raises gr.Error where one of them is no good."""
    if not isinstance(images, list) or not images:
        several = reworded("pictures", kind.noun)
        raise refusal(f"images is no list of {several}, allowed: 1 to {MAX_IMAGES}; {_answers(kind)[1]}")
    names = [f"images[{place}]" for place in range(len(images))]
    given = [_content(value, name, kind) for value, name in zip(images, names, strict=True)]
    try:
        found, problems = look_at_all(verifier, given, names)
    except ValueError as error:
        raise refusal(str(error)) from error
    if problems:
        raise refusal("; ".join(problems.values()))
    return found


def _digits(verifier: Verifier) -> tuple[str, str]:
    """Two digits of the bundled sample as data URLs, short enough to be read past in a line of code."""
    digits, labels = load_sample_digits()
    urls = []
    for digit in digits[labels == 7][:2]:
        content = io.BytesIO()
        Image.fromarray(digit).point(lambda value: 255 * (value < 128)).convert("1").save(content, "PNG", optimize=True)
        urls.append(_data_url("images", content.getvalue()))
    return urls[0], urls[1]


def _means(verifier: Verifier) -> tuple[str, str]:
    """Data URLs of what lies at the mean of the training data, and a deviation from there; a few steps of a sequence."""
    numbers = verifier.config.preprocess.numbers
    mean, deviation, steps = np.array(numbers.mean), np.array(numbers.deviation), np.arange(3 if numbers.length else 1)
    urls = []
    for away in (0, 1):
        rows = mean + deviation * (steps + away)[:, None]  # (T, F)
        if numbers.time_column:
            rows = np.column_stack([rows, steps])
        names = [*numbers.columns, *([numbers.time_column] if numbers.time_column else [])]
        text = io.StringIO()
        csv.writer(text).writerows([names, *([f"{value:.4g}" for value in row] for row in rows)])
        urls.append(_data_url("numbers", text.getvalue().encode()))
    return urls[0], urls[1]


def _data_url(page: str, content: bytes) -> str:
    return f"data:{TYPES[page]};base64,{base64.b64encode(content).decode()}"


def _beginning(path: str) -> bytes:
    """What stands in a file, as far as it is read: what has more is refused. Raises ValueError where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MOST_SENT + 1)
    except OSError as error:
        raise ValueError(f"{Path(path).name} is no longer here: send it again") from error


EXAMPLES = {"images": _digits, "numbers": _means}
CONTENTS = {"images": str, "numbers": _beginning}  # what the model is given of the path of a file
