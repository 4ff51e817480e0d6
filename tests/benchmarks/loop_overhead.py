"""What a step of training costs now against what it cost at an earlier commit, in the same run and in turns.

python tests/benchmarks/loop_overhead.py            # against the last commit at which the loop was in train.py

Two processes train on the bundled sample by the real train.py, each from its own copy of the code. One waits while the other
makes a block of steps, so that both see the same machine. Small batches make the loop itself weigh as much as it can.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEFORE = "d700f6a"
BLOCK = 20  # steps in a row


def main() -> None:
    """Print seconds per step of both, and their ratio: below 1 is faster now."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default=BEFORE, metavar="COMMIT", help=f"to compare with ({BEFORE} if not given)")
    parser.add_argument("--rounds", type=int, default=60, help=f"blocks of {BLOCK} steps for each (default: 60)")
    parser.add_argument("--batch-size", type=int, default=32, help="images per step (default: 32)")
    parser.add_argument("--steps-of", metavar="FOLDER", help=argparse.SUPPRESS)  # what the two processes are started with
    arguments = parser.parse_args()
    if arguments.steps_of:
        make_steps(Path(arguments.steps_of), arguments.batch_size)
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", arguments.before], cwd=ROOT, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        both = [Steps(Path(folder), arguments.batch_size), Steps(ROOT, arguments.batch_size)]
        blocks = []
        for number in range(arguments.rounds + 1):
            turn = both if number % 2 else both[::-1]
            seconds = {steps: steps.block() for steps in turn}
            blocks.append([seconds[steps] for steps in both])
        for steps in both:
            steps.process.kill()
    for name, index in (("wall-clock", 0), ("processor", 1)):
        before, now = ([pair[side][index] / BLOCK for pair in blocks[1:]] for side in (0, 1))  # the first is to warm up
        ratios = sorted(b / a for a, b in zip(before, now, strict=True))
        quarter = len(ratios) // 4
        print(
            f"{name}: {1000 * statistics.median(before):.2f} ms a step at {arguments.before}, "
            f"{1000 * statistics.median(now):.2f} ms now; now/before {statistics.median(ratios):.4f} (median of "
            f"{len(ratios)} blocks in turns, middle half {ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f})"
        )


class Steps:
    """A training in a process of its own that goes on when told to."""

    def __init__(self, code: Path, batch_size: int) -> None:
        command = [sys.executable, __file__, "--steps-of", str(code), "--batch-size", str(batch_size)]
        self.process = subprocess.Popen(
            command, cwd=code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.block()  # the first step

    def block(self) -> tuple[float, float]:
        """Make a block of steps: seconds by the clock, and of the processor."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return tuple(json.loads(self.process.stdout.readline()))


def make_steps(code: Path, batch_size: int) -> None:
    """Train by the code of `code`, a block for each line on stdin."""
    sys.path.insert(0, str(code))
    answers = sys.stdout
    try:
        from siamese.training.loop import train
        from siamese.training.settings import TrainingSettings
    except ImportError:  # code from before the package had rooms
        from siamese.settings import TrainingSettings

        from siamese.training import train
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingSettings(
            "mnist-sample", device="cpu", epochs=1000, batch_size=batch_size, output=Path(folder) / "model"
        )
        sys.stdin.readline()
        clocks, step = (0.0, 0.0), 0
        for event in train(settings):
            if type(event).__name__ != "Stepped":
                continue
            step += 1
            if step % BLOCK == 1:
                now = (time.perf_counter(), time.process_time())
                passed = [after - before for after, before in zip(now, clocks, strict=True)]
                print(json.dumps(passed), file=answers, flush=True)
                if not sys.stdin.readline():
                    os._exit(0)
                clocks = (time.perf_counter(), time.process_time())


if __name__ == "__main__":
    main()
