"""Two games on the same sketchpads: to fool the network, and to write one sign alike five times. Rules are in play.js."""

import json
import os
from collections.abc import Mapping, Sequence

import numpy as np

from siamese.data.datasets import is_of_digits
from siamese.service.app import KEY
from siamese.verifier import Verifier

DIGITS = range(10)
FOOL = """
<div><h3>Fool the network</h3>
<p>Draw two different digits that it calls same, or one digit twice that it calls different. The clearer both are, the higher
your score.</p>
<button type="button" data-game="daily">Pair of the day</button>
<button type="button" data-game="any">Another pair</button></div>"""
CONSISTENT = """
<div><h3>Are you consistent?</h3>
<p>Write one sign five times, and see how far apart the five are, and how far apart they may be.</p>
<button type="button" data-game="consistent">Write five</button></div>"""


def games(environment: Mapping[str, str] = os.environ) -> str:
    """All of them; but where what programs are told takes a key (`environment`), not the one that asks as they do."""
    return f'<h2>Play</h2>\n<div class="games">{FOOL}{"" if environment.get(KEY, "").strip() else CONSISTENT}</div>'


def nearness(verifier: Verifier, embeddings: Sequence[np.ndarray]) -> str:
    """An element for play.js that tells how far images with these embeddings (D,) are from the nearest test image of each
    digit; empty where the model is not of digits."""
    reference = verifier.reference
    if reference is None or not is_of_digits(verifier.config.data) or set(reference.labels) != set(DIGITS):
        return ""
    told = []
    for embedding in embeddings:
        distances = np.linalg.norm(reference.embeddings - embedding, axis=1)  # (N,)
        told.append([round(float(distances[reference.labels == digit].min()), 3) for digit in DIGITS])
    return f'<span hidden data-near="{json.dumps(told)}"></span>'
