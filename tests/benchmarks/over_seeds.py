"""Trainings by train.py itself over several seeds, for the benchmarks that compare settings."""

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese.commands import train
from siamese.config import Metrics
from siamese.model_folder.weights import load_model


def trainings(flags: list[str], seeds: int, output: Path) -> list[Metrics]:
    """What the models of seeds 0, 1, ... measure on the test set; folders OUTPUT-SEED that are complete are not made again.

    Exits where a training fails.
    """
    results = []
    for seed in range(seeds):
        folder = output.with_name(f"{output.name}-{seed}")
        command = [*flags, "--seed", str(seed), "--output", str(folder), "--overwrite"]
        if not (folder / "model.safetensors").exists() and (code := train.main(command)):
            sys.exit(code)
        results.append(load_model(folder)[1].metrics)
    return results


def summary(results: list[Metrics]) -> str:
    """Mean, standard deviation and each single balanced pair accuracy, and the mean EER."""
    accuracies = [metrics.balanced_accuracy for metrics in results]
    spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    each = ", ".join(f"{accuracy:.2f}" for accuracy in accuracies)
    error = statistics.mean(metrics.equal_error_rate for metrics in results)
    return f"{statistics.mean(accuracies):.2f}% (standard deviation {spread:.2f}; seeds {each}), EER {error:.2f}%"
