"""Does a training that is killed outright, at any moment, go on to the same weights?

python tests/benchmarks/killed.py [--count 20] [--seed 0]

Each training is killed once (kill -9), at a moment drawn from the time that it takes, then resumed, or started again where
it had not saved anything yet. One that is over before its moment does not count, and another is started.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from training.test_killed import kill_trainings


def main(argv: list[str] | None = None) -> int:
    """Print a line for each training, and how many were equal; 1 where one was not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="trainings that are killed (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    arguments = parser.parse_args(argv)
    right, resumed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for moment, is_resumed, is_equal in kill_trainings(Path(folder), arguments.count, arguments.seed):
            right, resumed = right + is_equal, resumed + is_resumed
            how = "went on" if is_resumed else "began again"
            print(f"killed after {moment:.1f} s: {how}, {'equal' if is_equal else 'NOT EQUAL'}", flush=True)
    print(f"{right} of {arguments.count} end with the same weights and files; {resumed} went on from a state")
    return 0 if right == arguments.count else 1


if __name__ == "__main__":
    sys.exit(main())
