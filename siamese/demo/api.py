"""The public endpoints, for programs: /compare, /embed and /distances."""

from typing import Any

import gradio as gr
from gradio_client.utils import is_file_obj_with_meta

from siamese.demo.gradio_patches import Demo, refusal
from siamese.demo.many.batch import MAX_IMAGES, Batch, look_at_all
from siamese.verifier import Verifier

ENDPOINTS = ("compare", "embed", "distances")


def create_api(verifier: Verifier, blocks: Demo) -> None:
    """Serve the endpoints with this model. To be called within `blocks`."""

    def compare(image_a: gr.FileData, image_b: gr.FileData, request: gr.Request) -> dict:
        """Compare two image files: {is_same, probability_same, confidence, distance, threshold, is_familiar, model}."""
        blocks.forget_call(request)
        looks = []
        for name, path in [(name, _path(value, name)) for name, value in (("image_a", image_a), ("image_b", image_b))]:
            try:
                looks.append(verifier.look(path))
            except ValueError as error:
                raise refusal(f"{name}: {error}") from error
        return {**verifier.verify_looks(*looks).to_dict(), "model": verifier.name}

    def embed(images: list[gr.FileData], request: gr.Request) -> dict:
        """Embeddings of 1 to 32 image files, whose Euclidean distances are those of /compare: {embeddings, model}."""
        blocks.forget_call(request)
        return {"embeddings": _batch(verifier, images).embeddings.tolist(), "model": verifier.name}

    def distances(images: list[gr.FileData], request: gr.Request) -> dict:
        """Distances between all of 1 to 32 image files: {distances, threshold, model}; same: at most the threshold."""
        blocks.forget_call(request)
        threshold = verifier.config.calibration.threshold
        found = _batch(verifier, images).distances().tolist()
        return {"distances": found, "threshold": threshold, "model": verifier.name}

    for endpoint in (compare, embed, distances):
        gr.api(endpoint, api_name=endpoint.__name__)


def _batch(verifier: Verifier, images: list) -> Batch:
    """What the model makes of the files of a request. Raises gr.Error where one of them is no good."""
    if not isinstance(images, list) or not images:
        raise refusal(f"images is no list of files, allowed: 1 to {MAX_IMAGES} of gradio_client.handle_file(path or URL)")
    names = [f"images[{place}]" for place in range(len(images))]
    try:
        found, problems = look_at_all(verifier, [_path(*pair) for pair in zip(images, names, strict=True)], names)
    except ValueError as error:
        raise refusal(str(error)) from error
    if problems:
        raise refusal("; ".join(problems.values()))
    return found


def _path(value: Any, name: str) -> str:
    """The path of an uploaded file. Raises gr.Error where `value`, the argument `name`, is none."""
    # The same test by which Gradio moves uploads into its cache: any other path is one it has not checked.
    if not is_file_obj_with_meta(value):
        raise refusal(f"{name} is not a file: pass gradio_client.handle_file(path or URL)")
    return value["path"]
