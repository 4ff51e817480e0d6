"""How long until a program has what it imports, and until a comparison at the terminal is done: each a process of its own.

python tests/benchmarks/import_time.py [--rounds N]

All cases in turn, in every round; the disk's cache is warm. `python -c pass` is what Python itself takes.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese.data.datasets.mnist import load_sample_digits

ROOT = Path(__file__).parents[2]


def main(argv: list[str] | None = None) -> int:
    """Print the median seconds of every case, of the clock and of the processor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="how often each case is timed (default: 15)")
    arguments = parser.parse_args(argv)

    with tempfile.TemporaryDirectory() as place:
        pair = [str(Path(place) / name) for name in ("a.png", "b.png")]
        for file, digit in zip(pair, load_sample_digits()[0], strict=False):
            Image.fromarray(digit).save(file)
        model = str(Path(place) / "digits.onnx")
        subprocess.run([sys.executable, "-m", "siamese", "export", "digits", "-o", model], cwd=ROOT, check=True)
        compare = ["-m", "siamese", "compare"]
        cases = {
            "python -c pass": ["-c", "pass"],
            "import siamese": ["-c", "import siamese"],
            "siamese compare --help": [*compare, "--help"],
            "from siamese import Verifier": ["-c", "from siamese import Verifier"],
            "siamese compare, ONNX Runtime": [*compare, *pair, "--model", model],
            "siamese compare, PyTorch": [*compare, *pair],
        }
        seconds = {name: [] for name in cases}
        for number in range(arguments.rounds + 1):
            for name in random.Random(number).sample(list(cases), len(cases)):
                taken = run(cases[name])
                if number:  # the first round warms the disk's cache
                    seconds[name].append(taken)
    for name, values in seconds.items():
        clock, processor = zip(*values, strict=True)
        print(
            f"{name:<30} {statistics.median(clock):.2f} s ({min(clock):.2f} to {max(clock):.2f}), "
            f"{statistics.median(processor):.2f} s of the processor"
        )
    return 0


def run(arguments: list[str]) -> tuple[float, float]:
    """Seconds of the clock and of the processor that Python takes with these arguments."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{arguments} ended with code {process.returncode}")
    return taken, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
