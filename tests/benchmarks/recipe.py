"""What the recipe is chosen by, on validation: any settings beside each other; without --vary, two details of the loop.

    python tests/benchmarks/recipe.py --epochs 3
    python tests/benchmarks/recipe.py --vary epochs=1,3,8 --vary batch_size=32,64 --first 100

The two details: which parameters decay, and where on the schedule a step lies.
"""

import argparse
import ast
import contextlib
import itertools
import statistics
import sys
import tempfile
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese.training import loop, setup
from siamese.training.events import Fitted
from siamese.training.settings import TrainingSettings

VARIANTS = {
    "weights alone decay, steps at their middle": (True, 0.5),
    "all decay, steps at their middle": (False, 0.5),
    "all decay, the first step at 0": (False, 0.0),
}


def validated(settings: TrainingSettings, is_split: bool, offset: float) -> tuple[float, float]:
    """Balanced pair accuracy and EER of the best epoch on validation, in percent; the test is not measured."""
    schedule = loop._schedule
    with contextlib.ExitStack() as stack:
        if not is_split:
            stack.enter_context(mock.patch.object(setup, "parameter_groups", lambda parameters, _: [{"params": parameters}]))
        if offset == 0:
            made, total = itertools.count(), []  # one group of parameters asks once a step

            def at_start(progress: float) -> float:
                if not total:
                    total.append(round(0.5 / progress))
                return schedule(next(made) / total[0])

            stack.enter_context(mock.patch.object(loop, "_schedule", at_start))
        records, events = [], loop.train(settings)
        with contextlib.closing(events):
            for event in events:
                if isinstance(event, loop.EpochEnded):
                    records.append(event.record)
                if isinstance(event, Fitted):
                    break
    best = max(records, key=lambda record: record.balanced_accuracy)
    return best.balanced_accuracy, best.equal_error_rate


def main(argv: list[str] | None = None) -> int:
    """Print mean and spread of each variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist-sample", help="default: mnist-sample")
    parser.add_argument("--data-dir", default="data", help="torchvision root (default: data)")
    parser.add_argument("--epochs", type=int, default=8, help="default: 8")
    parser.add_argument("--batch-size", type=int, default=64, help="default: 64")
    parser.add_argument("--vary", action="append", default=[], metavar="SETTING=VALUE,...", help="all combinations")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    arguments = parser.parse_args(argv)
    varied = [each.split("=") for each in arguments.vary]
    values = [[(name, _value(text)) for text in texts.split(",")] for name, texts in varied]
    common = {"data_dir": arguments.data_dir, "device": "cpu"}
    cases = [(", ".join(f"{name} {value}" for name, value in each), dict(each)) for each in itertools.product(*values)]
    if not arguments.vary:
        common |= {"epochs": arguments.epochs, "batch_size": arguments.batch_size}
        cases = [(title, {}) for title in VARIANTS]
    for title, chosen in cases:
        results = []
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            with tempfile.TemporaryDirectory() as output:
                given = common | chosen | {"seed": seed, "output": Path(output) / "model"}
                results.append(validated(TrainingSettings(arguments.dataset, **given), *VARIANTS.get(title, (True, 0.5))))
        accuracies, errors = zip(*results, strict=True)
        spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
        each = ", ".join(f"{accuracy:.2f}" for accuracy in accuracies)
        mean = f"{statistics.mean(accuracies):.2f}% ({spread:.2f}; {each}), EER {statistics.mean(errors):.2f}%"
        print(f"{title:44} {mean}", flush=True)
    return 0


def _value(text: str) -> object:
    """A number, true or false, or a word."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


if __name__ == "__main__":
    sys.exit(main())
