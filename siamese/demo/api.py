"""The public endpoints, for programs: /compare, /embed and /distances; with --mcp, tools for assistants as well."""

import base64
import io
from typing import Any, TypedDict

import gradio as gr
from gradio_client.utils import is_file_obj_with_meta
from PIL import Image

from siamese.data.datasets.mnist import load_sample_digits
from siamese.demo.gradio_patches import Demo, refusal
from siamese.demo.gradio_programs import Described, serve_endpoint
from siamese.demo.many.batch import MAX_IMAGES, Batch, look_at_all
from siamese.verifier import Verifier

ENDPOINTS = ("compare", "embed", "distances")
A_PICTURE = "an http(s) URL, or base64 as in data:image/png;base64,...; with gradio_client also handle_file(path or URL)"
ANSWERS = "a picture has these forms: handle_file(path or URL) of gradio_client, an http(s) URL, data:image/png;base64,..."


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

    def compare(image_a: str, image_b: str, request: gr.Request) -> Compared:
        """Say whether two pictures show the same thing, how sure that is, and the distance of their embeddings."""
        blocks.forget_call(request)
        looks = []
        for name, path in [(name, _path(value, name)) for name, value in (("image_a", image_a), ("image_b", image_b))]:
            try:
                looks.append(verifier.look(path))
            except ValueError as error:
                raise refusal(f"{name}: {error}") from error
        return {**verifier.verify_looks(*looks).to_dict(), "model": verifier.name}

    def embed(images: list[str], request: gr.Request) -> Embedded:
        """The embeddings of 1 to 32 pictures, whose Euclidean distances are those of compare."""
        blocks.forget_call(request)
        return {"embeddings": _batch(verifier, images).embeddings.tolist(), "model": verifier.name}

    def distances(images: list[str], request: gr.Request) -> Distances:
        """The distances between all of 1 to 32 pictures; two are the same where theirs is at most the threshold."""
        blocks.forget_call(request)
        threshold = verifier.config.calibration.threshold
        found = _batch(verifier, images).distances().tolist()
        return {"distances": found, "threshold": threshold, "model": verifier.name}

    first, second = _examples()
    picture, several = {"type": "string", "description": f"A picture: {A_PICTURE}"}, {
        "type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_IMAGES,
        "description": f"1 to {MAX_IMAGES} pictures, each {A_PICTURE}",
    }  # fmt: skip
    serve_endpoint(blocks, compare, {"image_a": Described(picture, first), "image_b": Described(picture, second)})
    for endpoint in (embed, distances):
        serve_endpoint(blocks, endpoint, {"images": Described(several, [first, second])})


def _examples() -> tuple[str, str]:
    """Two digits of the bundled sample as data URLs, short enough to be read past in a line of code."""
    digits, labels = load_sample_digits()
    urls = []
    for digit in digits[labels == 7][:2]:
        content = io.BytesIO()
        Image.fromarray(digit).point(lambda value: 255 * (value < 128)).convert("1").save(content, "PNG", optimize=True)
        urls.append(f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}")
    return urls[0], urls[1]


def _batch(verifier: Verifier, images: list) -> Batch:
    """What the model makes of the pictures of a request. Raises gr.Error where one of them is no good."""
    if not isinstance(images, list) or not images:
        raise refusal(f"images is no list of pictures, allowed: 1 to {MAX_IMAGES}; {ANSWERS}")
    names = [f"images[{place}]" for place in range(len(images))]
    try:
        found, problems = look_at_all(verifier, [_path(*pair) for pair in zip(images, names, strict=True)], names)
    except ValueError as error:
        raise refusal(str(error)) from error
    if problems:
        raise refusal("; ".join(problems.values()))
    return found


def _path(value: Any, name: str) -> str:
    """The path of a picture. Raises gr.Error where `value`, the argument `name`, is none."""
    # The same test by which Gradio moves uploads into its cache: any other path is one it has not checked.
    if not is_file_obj_with_meta(value):
        raise refusal(f"{name} is not a picture; {ANSWERS}")
    return value["path"]
