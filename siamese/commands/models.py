"""List the models on this machine, with how good they were on their tests."""

import argparse
import json
import sys
from pathlib import Path

from siamese.command_line import styled
from siamese.commands import parser_of, run
from siamese.commands.tables import print_table
from siamese.config import ModelFolderConfig, readable

USUAL = "runs"  # where trainings write, if not told otherwise


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese models`; each states its default."""
    parser = parser_of("models", __doc__)
    parser.add_argument("folders", metavar="FOLDER", nargs="*", help=f"where to look for model folders (default: {USUAL})")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(models, build_parser().parse_args(argv))


def models(arguments: argparse.Namespace) -> None:
    """`models`: those that come with the package, those in folders, and those fetched from the Hub before."""
    from siamese.hub.local_models import local_models  # brings the library of the Hub

    found = local_models([Path(each) for each in arguments.folders or [USUAL] * Path(USUAL).is_dir()])
    usable = [model for model in found if model.config]
    if arguments.json:
        listed = [
            {"name": readable(model.name), "kind": model.kind, "folder": readable(str(model.folder)),
             "megabytes": model.megabytes, **_numbers(model.config)}
            for model in usable
        ]  # fmt: skip
        broken = [
            {"name": readable(model.name), "kind": model.kind, "problem": model.problem}
            for model in found
            if not model.config
        ]
        print(json.dumps({"models": listed, "unusable": broken}))
        return
    rows = []
    for model in usable:
        numbers = _numbers(model.config)
        is_measured = numbers["test_pairs"] > 0
        accuracy, eer = (f"{numbers[key]:.2f}%" if is_measured else "" for key in ("balanced_accuracy", "equal_error_rate"))
        trained_on = f"{numbers['dataset'] or 'unknown'}, {numbers['encoder']}, {numbers['loss']}"
        rows.append(
            (model.name, model.kind, accuracy, eer, f"{numbers['test_pairs']:,}", trained_on, f"{model.megabytes:.1f} MB")
        )
    print_table(
        ("--model", "is", "accuracy#", "EER#", "test pairs#", "trained on", "size#"), rows, title="Models on this machine"
    )
    for model in found:
        if not model.config:
            print(f"{styled('cannot be used', 'yellow', sys.stderr)} {model.name}: {model.problem}", file=sys.stderr)


def _numbers(config: ModelFolderConfig) -> dict:
    metrics = config.metrics
    return {
        "encoder": config.encoder.name, "embedding_dim": config.encoder.embedding_dim, "loss": config.loss.name,
        "dataset": readable(config.data.dataset), "balanced_accuracy": metrics.balanced_accuracy,
        "balanced_accuracy_low": metrics.balanced_accuracy_low, "balanced_accuracy_high": metrics.balanced_accuracy_high,
        "equal_error_rate": metrics.equal_error_rate, "test_pairs": metrics.same_pairs + metrics.different_pairs,
        "threshold": config.calibration.threshold, "date": config.training.date, "commit": config.training.commit,
    }  # fmt: skip
