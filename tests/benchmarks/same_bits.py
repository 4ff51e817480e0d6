"""What the same bits alone and in any batch cost: processor time of an image by the size of the batch.

python tests/benchmarks/same_bits.py --model digits

Of each size, how many of 256 digits have other bits than in batches of two, and at another place of the batch.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese import Verifier
from siamese.data.datasets.mnist import load_sample_digits
from siamese.devices import use_one_thread
from siamese.images.canonical import to_tensor

COUNT, ROUNDS = 256, 5
SIZES = (1, 2, 4, 8, 32, 256)


def main(argv: list[str] | None = None) -> int:
    """Print a line for each size, the sizes taken in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="model folder (default: the bundled digits)")
    verifier = Verifier.from_pretrained(parser.parse_args(argv).model)
    use_one_thread()
    images = to_tensor(np.stack([verifier.canonical(digit) for digit in load_sample_digits()[0][:COUNT]]))
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(0))
    encode = verifier.network.for_inference()

    def embedded(images: torch.Tensor, size: int) -> torch.Tensor:
        return torch.cat([encode(part) for part in images.split(size)])

    seconds = {size: [] for size in SIZES}
    with torch.inference_mode():
        for _ in range(ROUNDS):
            for size in SIZES:
                started = time.thread_time()
                embedded(images, size)
                seconds[size].append((time.thread_time() - started) / COUNT)
        by_twos = embedded(images, 2)
        for size in SIZES:
            together = embedded(images, size)
            elsewhere = torch.empty_like(together)
            elsewhere[order] = embedded(images[order], size)
            print(
                f"{size:4} at a time: {1000 * statistics.median(seconds[size]):.2f} ms an image; other bits than by twos: "
                f"{int((together != by_twos).any(dim=1).sum())}, at another place: "
                f"{int((together != elsewhere).any(dim=1).sum())} of {COUNT}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
