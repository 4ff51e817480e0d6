"""What `Verifier.verify` costs beside the network itself: both timed in turn, in one run.

python tests/benchmarks/verify_latency.py [--model FOLDER]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese import Verifier
from siamese.data.datasets.mnist import load_sample_digits
from siamese.images.canonical import to_tensor


def main(argv: list[str] | None = None) -> int:
    """Print the median milliseconds of each and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="model folder (default: the bundled digits)")
    parser.add_argument("--rounds", type=int, default=500, help="how often each is timed (default: 500)")
    arguments = parser.parse_args(argv)

    verifier = Verifier.from_pretrained(arguments.model)
    digits, _ = load_sample_digits()
    a, b = digits[0], digits[1]
    tensors = [to_tensor(digit[None]) for digit in (a, b)]

    def two_bare_passes() -> None:
        with torch.inference_mode():
            for tensor in tensors:
                verifier.network(tensor)

    def verify() -> None:
        verifier.verify(a, b)

    for _ in range(50):
        two_bare_passes()
        verify()
    bare, whole = [], []
    for _ in range(arguments.rounds):
        bare.append(_milliseconds(two_bare_passes))
        whole.append(_milliseconds(verify))
    bare_median, whole_median = statistics.median(bare), statistics.median(whole)
    print(f"two bare encoder passes  {bare_median:.3f} ms")
    print(
        f"verify                   {whole_median:.3f} ms  ({whole_median / bare_median:.2f}x), two 28x28 arrays, CPU, warm"
    )
    return 0


def _milliseconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
