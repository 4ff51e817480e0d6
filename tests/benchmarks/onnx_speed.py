"""How fast a model is as ONNX under ONNX Runtime, beside PyTorch: one pair, and 1,000 images; both with one thread.

python tests/benchmarks/onnx_speed.py [--model NAME ...] [--rounds N]

The two take turns, in a random order. "verify" is `Verifier.verify` of two canonical digits, "embed" is
`Verifier.embed_canonical` of 1,000, two at a time, and "in batches" is the encoder alone, in batches of 100.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese import Verifier
from siamese.data.datasets.mnist import load_sample_digits
from siamese.devices import use_one_thread
from siamese.export.write import export_network
from siamese.images.canonical import to_tensor

AT_ONCE = 100


def main(argv: list[str] | None = None) -> int:
    """Print the median milliseconds of each and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["digits", "glyphs"], help="models (default: digits glyphs)")
    parser.add_argument("--rounds", type=int, default=10, help="how often 1,000 images are timed (default: 10)")
    arguments = parser.parse_args(argv)

    use_one_thread()
    for name in arguments.model:
        own = Verifier.from_pretrained(name)
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / "model.onnx"
            file.write_bytes(export_network(own.network, own.config, reference=own.reference))
            found = Verifier.from_pretrained(file)
        images = np.stack([own.canonical(image) for image in load_sample_digits()[0]])
        difference = np.abs(found.embed_canonical(images) - own.embed_canonical(images)).max()
        print(f"{name}: embeddings differ by {difference:.1e} at most")
        report("verify", lambda verifier, images=images: verifier.verify(*images[:2]), own, found, 50 * arguments.rounds)
        report("embed", lambda verifier, images=images: verifier.embed_canonical(images), own, found, arguments.rounds)
        report("in batches", lambda verifier, images=images: in_batches(verifier, images), own, found, arguments.rounds)
    return 0


def in_batches(verifier: Verifier, images: np.ndarray) -> None:
    """The encoder alone."""
    for start in range(0, len(images), AT_ONCE):
        part = images[start : start + AT_ONCE]
        if isinstance(verifier.network, torch.nn.Module):
            with torch.inference_mode():
                verifier.network(to_tensor(part))
        else:
            verifier.network.compute(part)


def report(case: str, call: Callable[[Verifier], object], own: Verifier, found: Verifier, rounds: int) -> None:
    """Print the median milliseconds of a call with each, and how many times as long it takes with the latter."""
    milliseconds = {"PyTorch": [], "ONNX Runtime": []}
    for number in range(rounds + 1):
        for name, verifier in random.Random(number).sample([("PyTorch", own), ("ONNX Runtime", found)], 2):
            start = time.perf_counter()
            call(verifier)
            if number:  # the first is slower
                milliseconds[name].append(1000 * (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in milliseconds.items()}
    ratio = medians["ONNX Runtime"] / medians["PyTorch"]
    print(f"  {case:<11} {'  '.join(f'{name} {value:.2f} ms' for name, value in medians.items())}  {ratio:.2f}x")


if __name__ == "__main__":
    sys.exit(main())
