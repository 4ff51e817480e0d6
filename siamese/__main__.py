"""Command line for trained models: compare two images, evaluate on a dataset."""

import argparse
import dataclasses
import json
import sys

import torch

from siamese.calibration import measure
from siamese.checkpoint import split_revision
from siamese.data import DATASETS, load_dataset
from siamese.metrics import balanced_accuracy_interval, pair_distances
from siamese.model import embed_all
from siamese.preprocess import to_tensor
from siamese.verifier import Verifier


def build_parser() -> argparse.ArgumentParser:
    """The command line; every flag states its default."""
    parser = argparse.ArgumentParser(prog="python -m siamese", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        sub.add_argument("--model", help="model folder or Hub repository USER/NAME[@REVISION]; default: the bundled digits")
        sub.add_argument("--device", default="cpu", help="cpu, cuda, mps or auto (default: cpu)")
        sub.add_argument("--json", action="store_true", help="print one JSON object instead of words")
        return sub

    sub = command("compare", compare, "Say whether two images show the same.")
    sub.add_argument("image_a", metavar="A", help="an image file")
    sub.add_argument("image_b", metavar="B", help="another one")
    sub.add_argument("--threshold", type=float, help="largest distance called same (default: the model's own)")
    sub = command("evaluate", evaluate, "Measure a model on all pairs of a dataset's test images.")
    sub.add_argument("--dataset", required=True, help=f"one of: {', '.join(DATASETS)}")
    sub.add_argument("--data-dir", default="data", help="folder of datasets, as for train.py (default: data)")
    return parser


def compare(arguments: argparse.Namespace) -> None:
    """`compare A B`: the verdict, its confidence, the distance beside its threshold."""
    verifier = load(arguments)
    verdict = verifier.verify(arguments.image_a, arguments.image_b, arguments.threshold)
    if arguments.json:
        print(json.dumps({**verdict.to_dict(), "model": verifier.name}))
        return
    print(
        f"{'same' if verdict.is_same else 'different'} ({100 * verdict.confidence:.1f}% sure), "
        f"distance {verdict.distance:.4f}, threshold {verdict.threshold:.4f}, model {verifier.name}"
    )


def evaluate(arguments: argparse.Namespace) -> None:
    """`evaluate`: every metric over all pairs of the test images, at the model's threshold."""
    verifier = load(arguments)
    config = verifier.config
    _, test = load_dataset(arguments.dataset, arguments.data_dir, config.preprocess, config.encoder)
    labels = torch.from_numpy(test.labels)
    embeddings = embed_all(verifier.network, to_tensor(test.images), progress="embedding")
    interval = balanced_accuracy_interval(embeddings, labels, config.calibration.threshold)
    metrics = measure(pair_distances(embeddings, labels), config.calibration, interval)
    if arguments.json:
        print(json.dumps({"dataset": arguments.dataset, "model": verifier.name, **dataclasses.asdict(metrics)}))
        return
    print(
        f"{verifier.name} on {arguments.dataset}, {metrics.same_pairs:,} same, {metrics.different_pairs:,} different pairs"
    )
    print(f"threshold                 {config.calibration.threshold:.4f}")
    print(
        f"balanced pair accuracy    {metrics.balanced_accuracy:.2f}%  "
        f"(95% interval {metrics.balanced_accuracy_low:.2f} to {metrics.balanced_accuracy_high:.2f})"
    )
    print(f"different pairs accepted  {metrics.false_accept_rate:.3f}%")
    print(f"same pairs rejected       {metrics.false_reject_rate:.3f}%")
    print(f"equal error rate          {metrics.equal_error_rate:.3f}%")
    print(f"ROC-AUC                   {metrics.roc_auc:.6f}")
    print(f"TAR at FAR 1%, 0.1%       {metrics.tar_at_far_1:.2f}%, {metrics.tar_at_far_01:.2f}%")
    print(f"calibration error         {metrics.calibration_error:.2f}%")


def load(arguments: argparse.Namespace) -> Verifier:
    """The model that the command line names."""
    source, revision = split_revision(arguments.model)
    return Verifier.from_pretrained(source, revision, arguments.device)


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, or 2 for a mistake in the input."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
