"""Measure a model on all pairs of a dataset's test images, or of the images of a folder."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import torch

from siamese.commands import add_model_flags, image_flags, load, parser_of, run
from siamese.config import Metrics, readable
from siamese.data.datasets import DATASETS, load_dataset
from siamese.data.measured import bootstrap, load_folder, load_pairs
from siamese.data.number_splits import load_measured
from siamese.data.own_numbers import OwnNumbers, own_numbers
from siamese.evaluation.bootstrap import interval_in_words
from siamese.evaluation.calibration import measure
from siamese.evaluation.one_shot import one_shot_error
from siamese.inputs import INPUTS
from siamese.network import SiameseNetwork, embed_all
from siamese.verifier import Verifier


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese evaluate`; each states its default."""
    parser = parser_of("evaluate", __doc__)
    parser.add_argument(
        "--dataset",
        help=f"{', '.join(DATASETS)}; or a folder of class folders; or a table; or USER/NAME[@REVISION] on the Hub",
    )
    image_flags.add_flags(parser)
    parser.add_argument("--pairs", metavar="CSV", help="instead, or of rows of that table: labelled pairs, as for train.py")
    parser.add_argument("--data-dir", default="data", help="folder of datasets, as for train.py (default: data)")
    parser.add_argument("--ways", type=int, help="of a folder: also the error of telling so many classes apart")
    add_model_flags(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if not (arguments.dataset or arguments.pairs):
        parser.error("one of the arguments --dataset --pairs is required")
    if arguments.dataset and arguments.pairs and not Path(arguments.dataset).is_file():
        parser.error("argument --pairs: not allowed with argument --dataset, unless that is a table")
    return run(evaluate, arguments)


def evaluate(arguments: argparse.Namespace) -> None:
    """`evaluate`: every metric over all pairs of the test images, at the model's threshold."""
    verifier = load(arguments)
    config = verifier.config
    what = arguments.pairs or arguments.dataset
    if arguments.pairs:
        own = own_numbers(arguments.dataset or "", arguments.pairs, image_flags.number_choices_of(arguments))
    else:
        own = image_flags.own_of(what, arguments)
    numbers, own = (own, None) if isinstance(own, OwnNumbers) else (None, own)
    check_kind(verifier, what, numbers)
    is_folder, file = own is not None and not own.are_pairs, arguments.pairs or (own and own.are_pairs and own.place)
    if arguments.ways is not None and (arguments.ways < 2 or not is_folder):
        raise ValueError(f"--ways is {arguments.ways}, allowed: at least 2, and only where --dataset is a folder")
    left_out, remarks, split = (), (), "given"
    if numbers:
        test, _, left_out, remarks = load_measured(numbers, config.preprocess.numbers)
        split = "pairs" if numbers.are_pairs else "classes"
    elif file:
        test, left_out, remarks = load_pairs(file, config.preprocess, config.encoder)
        split = "pairs"
    elif is_folder:
        test, names, left_out, remarks = load_folder(own.place, config.preprocess, config.encoder, own.layout)
        split = "classes"
    else:
        _, test = load_dataset(what, arguments.data_dir, config.preprocess, config.encoder)
        split = "given" if test.groups is None else "groups"
    for file, reason in left_out:
        print(f"left out {file}: {reason}", file=sys.stderr)
    for remark in remarks:
        print(f"note: {remark}", file=sys.stderr)
    if isinstance(verifier.network, SiameseNetwork):
        embeddings = embed_all(verifier.network, test.images, progress="embedding")
    else:  # of an ONNX file
        embeddings = torch.from_numpy(verifier.embed_canonical(test.images))
    intervals = bootstrap(test, embeddings, config.calibration.threshold, split)
    metrics = measure(test.distances(embeddings), config.calibration, intervals)
    errors = {}
    if arguments.ways:
        group_names = sorted({name.rpartition("/")[0] for name in names})  # "alphabet" of "alphabet/character"
        groups = torch.tensor([group_names.index(names[label].rpartition("/")[0]) for label in test.labels])
        found = one_shot_error(embeddings, torch.from_numpy(test.labels), groups, arguments.ways)
        errors = {group_names[group]: error for group, error in found.items()}
    if arguments.json:
        answer = {"dataset": readable(what), "model": verifier.name, **dataclasses.asdict(metrics)}
        if metrics.balanced_accuracy_low is None:  # the ends are null: say why
            answer["no_interval"] = interval_in_words(metrics, "balanced_accuracy", 2, split).removeprefix("no interval: ")
        print(json.dumps({**answer, "one_shot_error": errors} if arguments.ways else answer))
        return
    print(f"{verifier.name} on {what}, {metrics.same_pairs:,} same, {metrics.different_pairs:,} different pairs")
    print_metrics(metrics, config.calibration.threshold, split)
    for group, error in errors.items():
        print(f"{error:6.2f}% wrong  {arguments.ways}-way one-shot in {group or what}")
    if errors:
        print(f"{sum(errors.values()) / len(errors):6.2f}% wrong  mean of {len(errors)} groups")


def check_kind(verifier: Verifier, what: str, numbers: OwnNumbers | None) -> None:
    """Raise ValueError where the model takes another kind of input than `what` holds."""
    takes, holds = INPUTS[verifier.config.preprocess.mode].kind, numbers.mode if numbers else "images"
    if takes != holds:
        hint = ", which --series-column may make sequences" if (takes, holds) == ("sequences", "vectors") else ""
        raise ValueError(f"model {verifier.name} takes {takes}, and {what} holds {holds}{hint}")


def print_metrics(metrics: Metrics, threshold: float, split: str) -> None:
    """All metrics, a line each; `split` is that of a siamese.config.DataRecord."""
    print(f"threshold                 {threshold:.4f}")
    for title, name, digits, before in (
        ("balanced pair accuracy  ", "balanced_accuracy", 2, "95% interval "),
        ("different pairs accepted", "false_accept_rate", 3, ""),
        ("same pairs rejected     ", "false_reject_rate", 3, ""),
    ):
        interval = interval_in_words(metrics, name, digits, split, before=before)
        print(f"{title}  {getattr(metrics, name):.{digits}f}%  ({interval})")
    print(f"equal error rate          {metrics.equal_error_rate:.3f}%")
    print(f"ROC-AUC                   {metrics.roc_auc:.6f}")
    for far, rate in (("1%", metrics.tar_at_far_1), ("0.1%", metrics.tar_at_far_01)):
        refused = f"not supported by {metrics.different_pairs:,} different pairs"
        print(f"{f'TAR at FAR {far}':25} {refused if rate is None else f'{rate:.2f}%'}")
    print(f"calibration error         {metrics.calibration_error:.2f}%")
