"""Command line for trained models: compare images, recognise classes, evaluate, check folders, push, deploy."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from siamese.data.check import check_folder
from siamese.data.datasets import DATASETS, load_dataset
from siamese.data.folders import find_classes
from siamese.data.measured import bootstrap, load_folder, load_pairs
from siamese.evaluation.calibration import measure
from siamese.evaluation.one_shot import one_shot_error
from siamese.gallery import Gallery
from siamese.hub.sources import split_revision
from siamese.images.canonical import to_tensor
from siamese.network import embed_all
from siamese.verifier import Verifier


def build_parser() -> argparse.ArgumentParser:
    """The command line; every flag states its default."""
    parser = argparse.ArgumentParser(prog="python -m siamese", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    def model_flags(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--model", help="folder, bundled model or Hub repository USER/NAME[@REVISION]; default: digits")
        sub.add_argument("--device", default="cpu", help="cpu, cuda, mps or auto (default: cpu)")
        sub.add_argument("--json", action="store_true", help="print one JSON object instead of words")

    sub = command("compare", compare, "Say whether two images show the same.")
    sub.add_argument("image_a", metavar="A", help="an image file")
    sub.add_argument("image_b", metavar="B", help="another one")
    sub.add_argument("--threshold", type=float, help="largest distance called same (default: the model's own)")
    model_flags(sub)
    sub = command("one-shot", one_shot, "Say which class each image is of, from one or more examples of each class.")
    sub.add_argument("--support", metavar="FOLDER", required=True, help="examples: a folder of images for each class")
    sub.add_argument("--query", metavar="FOLDER", required=True, help="images to recognise; graded if in folders of classes")
    sub.add_argument("--unknown", action="store_true", help="where no class is within the threshold, say so")
    sub.add_argument("--threshold", type=float, help="largest distance that is recognised (default: the model's own)")
    sub.add_argument("--top", type=int, default=5, help="how many classes --json lists for each image (default: 5)")
    model_flags(sub)
    sub = command(
        "evaluate", evaluate, "Measure a model on all pairs of a dataset's test images, or of the images of a folder."
    )
    images = sub.add_mutually_exclusive_group(required=True)
    images.add_argument("--dataset", help=f"{', '.join(DATASETS)}; or a folder of class folders")
    images.add_argument("--pairs", metavar="CSV", help="instead: labelled pairs, as for train.py")
    sub.add_argument("--data-dir", default="data", help="folder of datasets, as for train.py (default: data)")
    sub.add_argument("--ways", type=int, help="of a folder: also the error of telling so many classes apart")
    model_flags(sub)
    sub = command("check", check, "Look through a folder of images as train.py would, and say what it would do with it.")
    sub.add_argument("folder", metavar="FOLDER", help="folder of class folders")
    sub.add_argument("--json", action="store_true", help="print one JSON object instead of words")
    sub = command("push", push, "Upload a model folder to the Hugging Face Hub, in one commit.")
    sub.add_argument("folder", metavar="FOLDER", help="a model folder, as train.py wrote it")
    sub.add_argument("--repo-id", metavar="USER/NAME", required=True, help="repository to push to; made if it is not there")
    sub.add_argument("--private", action="store_true", help="make that repository private (default: as its owner prefers)")
    sub.add_argument("--revision", metavar="BRANCH", help="branch to push to, made if it is not there (default: main)")
    sub = command("deploy", deploy, "Make or update a Hugging Face Space that shows the demo, and wait until it runs.")
    sub.add_argument("--space", metavar="USER/NAME", required=True, help="the Space; made if it is not there")
    sub.add_argument("--model", help="Hub repository USER/NAME[@REVISION], pinned to a commit; default: the bundled models")
    sub.add_argument("--hardware", help="such as cpu-basic or zero-a10g (default: what it has; for a new one: what is free)")
    sub.add_argument("--private", action="store_true", help="make that Space private (default: as its owner prefers)")
    sub.add_argument("--no-wait", action="store_true", help="do not wait until the Space runs")
    sub.add_argument("--timeout", type=float, default=30, help="minutes to wait until the Space runs (default: 30)")
    sub.add_argument("--dry-run", action="store_true", help="print what the Space would hold, and send nothing")
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


def one_shot(arguments: argparse.Namespace) -> None:
    """`one-shot`: the nearest class of each query, and how many are right where the queries lie in folders of classes."""
    verifier = load(arguments)
    gallery = Gallery(verifier)
    queries = [(label, file) for label, files in find_classes(arguments.query).items() for file in files]
    for name, files in tqdm(find_classes(arguments.support).items(), "enrolling", leave=False):
        embeddings = [embedding for file in files if (embedding := embed_or_warn(verifier, file)) is not None]
        if not embeddings:
            raise ValueError(f"class {name!r} of {arguments.support!r} has no readable image")
        gallery.enrol_embeddings(name or Path(arguments.support).name, torch.stack(embeddings))
    results, right = [], []
    for label, file in tqdm(queries, "recognising", leave=False):
        if (embedding := embed_or_warn(verifier, file)) is None:
            continue
        found = gallery.identify_embedding(embedding, arguments.threshold, arguments.top)
        name = found.name if arguments.unknown else found.matches[0].name
        matches = [dataclasses.asdict(match) for match in found.matches]
        results.append({"query": str(file), "name": name, "matches": matches})
        if label in gallery.names:
            right.append(name == label)
    accuracy = 100 * sum(right) / len(right) if right else None
    if arguments.json:
        print(json.dumps({"model": verifier.name, "accuracy": accuracy, "results": results}))
        return
    for result in results:
        nearest = result["matches"][0]
        name = f"none of these, nearest {nearest['name']}" if result["name"] is None else result["name"]
        print(
            f"{result['query']}: {name} (distance {nearest['distance']:.4f}, {100 * nearest['probability_same']:.1f}% same)"
        )
    if right:
        print(
            f"{sum(right):,} of {len(right):,} right ({accuracy:.2f}%), {len(gallery.names)} classes, model {verifier.name}"
        )


def embed_or_warn(verifier: Verifier, file: Path) -> torch.Tensor | None:
    """The embedding (D,) of an image file, or None and a line on stderr where it has none."""
    try:
        return torch.from_numpy(verifier.embed([file]))[0]
    except ValueError as error:
        tqdm.write(f"left out {file}: {error}", file=sys.stderr)
        return None


def evaluate(arguments: argparse.Namespace) -> None:
    """`evaluate`: every metric over all pairs of the test images, at the model's threshold."""
    verifier = load(arguments)
    config = verifier.config
    what = arguments.pairs or arguments.dataset
    is_folder = not arguments.pairs and what not in DATASETS and Path(what).is_dir()
    if arguments.ways is not None and (arguments.ways < 2 or not is_folder):
        raise ValueError(f"--ways is {arguments.ways}, allowed: at least 2, and only where --dataset is a folder")
    left_out, remarks, split = (), (), "given"
    if arguments.pairs:
        test, left_out, remarks = load_pairs(what, config.preprocess, config.encoder)
        split = "pairs"
    elif is_folder:
        test, names, left_out = load_folder(what, config.preprocess, config.encoder)
        split = "classes"
    else:
        _, test = load_dataset(what, arguments.data_dir, config.preprocess, config.encoder)
        split = "given" if test.groups is None else "groups"
    for file, reason in left_out:
        print(f"left out {file}: {reason}", file=sys.stderr)
    for remark in remarks:
        print(f"note: {remark}", file=sys.stderr)
    embeddings = embed_all(verifier.network, to_tensor(test.images), progress="embedding")
    intervals = bootstrap(test, embeddings, config.calibration.threshold, split)
    metrics = measure(test.distances(embeddings), config.calibration, intervals)
    errors = {}
    if arguments.ways:
        group_names = sorted({name.rpartition("/")[0] for name in names})  # "alphabet" of "alphabet/character"
        groups = torch.tensor([group_names.index(names[label].rpartition("/")[0]) for label in test.labels])
        found = one_shot_error(embeddings, torch.from_numpy(test.labels), groups, arguments.ways)
        errors = {group_names[group]: error for group, error in found.items()}
    if arguments.json:
        answer = {"dataset": what, "model": verifier.name, **dataclasses.asdict(metrics)}
        print(json.dumps({**answer, "one_shot_error": errors} if arguments.ways else answer))
        return
    print(f"{verifier.name} on {what}, {metrics.same_pairs:,} same, {metrics.different_pairs:,} different pairs")
    print(f"threshold                 {config.calibration.threshold:.4f}")
    print(
        f"balanced pair accuracy    {metrics.balanced_accuracy:.2f}%  "
        f"(95% interval {metrics.balanced_accuracy_low:.2f} to {metrics.balanced_accuracy_high:.2f})"
    )
    print(
        f"different pairs accepted  {metrics.false_accept_rate:.3f}%  "
        f"({metrics.false_accept_rate_low:.3f} to {metrics.false_accept_rate_high:.3f})"
    )
    print(
        f"same pairs rejected       {metrics.false_reject_rate:.3f}%  "
        f"({metrics.false_reject_rate_low:.3f} to {metrics.false_reject_rate_high:.3f})"
    )
    print(f"equal error rate          {metrics.equal_error_rate:.3f}%")
    print(f"ROC-AUC                   {metrics.roc_auc:.6f}")
    for far, rate in (("1%", metrics.tar_at_far_1), ("0.1%", metrics.tar_at_far_01)):
        refused = f"not supported by {metrics.different_pairs:,} different pairs"
        print(f"{f'TAR at FAR {far}':25} {refused if rate is None else f'{rate:.2f}%'}")
    print(f"calibration error         {metrics.calibration_error:.2f}%")
    for group, error in errors.items():
        print(f"{error:6.2f}% wrong  {arguments.ways}-way one-shot in {group or what}")
    if errors:
        print(f"{sum(errors.values()) / len(errors):6.2f}% wrong  mean of {len(errors)} groups")


def check(arguments: argparse.Namespace) -> None:
    """`check FOLDER`: classes, settings, what would be left out and why."""
    checked = check_folder(arguments.folder, progress=True)
    found, sizes = checked.found, checked.sizes
    if arguments.json:
        left_out = [{"file": str(file), "reason": reason} for file, reason in found.left_out]
        near = [{"file": str(file), "of": str(of), "same_class": same} for file, of, same in found.near_duplicates()]
        settings = {"preprocess": checked.mode, "image_size": checked.size, "channels": checked.channels}
        answer = {**settings, "classes": sizes, "left_out": left_out, "near_duplicates": near, "remarks": found.remarks}
        print(json.dumps(answer))
        return
    for file, reason in found.left_out:
        print(f"left out {file}: {reason}")
    for file, of, same in found.near_duplicates():
        print(f"nearly the same{'' if same else ', though of two classes'}: {file} and {of}")
    for remark in found.remarks:
        print(f"note: {remark}")
    print(
        f"{len(found.labels):,} usable images in {len(sizes):,} classes of {min(sizes.values()):,} to "
        f"{max(sizes.values()):,}, {len(found.left_out):,} left out; train.py would see them as {checked.seen}"
    )


def push(arguments: argparse.Namespace) -> int:
    """`push FOLDER`: what is where now, or why it is not and how to try again."""
    # Here, since it brings huggingface_hub, for which the other commands should not wait.
    from siamese.hub.push import HubError, push_command, push_folder

    target = (arguments.folder, arguments.repo_id, arguments.private, arguments.revision)
    try:
        print(push_folder(*target))
    except (HubError, KeyboardInterrupt) as error:
        why = str(error) or "interrupted"
        print(
            f"error: not pushed: {why}. The model folder is complete; try again with: {push_command(*target)}",
            file=sys.stderr,
        )
        return 3
    return 0


def deploy(arguments: argparse.Namespace) -> int:
    """`deploy`: what the Space holds and where it runs, or why it does not and how to try again."""
    from siamese.hub import spaces as space
    from siamese.hub.push import HubError

    options = (arguments.hardware, arguments.private)
    try:
        deployment = space.prepare(arguments.space, *split_revision(arguments.model), *options)
        if arguments.dry_run:
            print(deployment)
            return 0
        commit = space.deploy(deployment)
        if arguments.no_wait:
            print(f"{deployment.url} is being built")
        else:
            print(f"running at {space.wait_until_running(deployment, commit, arguments.timeout)}, page {deployment.url}")
    except (HubError, KeyboardInterrupt) as error:
        again = space.deploy_command(arguments.space, arguments.model, *options)
        print(f"error: {str(error) or 'interrupted'}. Try again with: {again}", file=sys.stderr)
        return 3
    return 0


def load(arguments: argparse.Namespace) -> Verifier:
    """The model that the command line names."""
    source, revision = split_revision(arguments.model)
    return Verifier.from_pretrained(source, revision, arguments.device)


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, 2 for a mistake in the input, 3 where a push or a deployment failed."""
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
