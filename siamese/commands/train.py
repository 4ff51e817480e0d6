"""Train a siamese network on labelled images and write a model folder: weights, config, card and plots."""

import argparse
import dataclasses
import os
import shlex
import sys
from pathlib import Path

from siamese.command_line import CommandLine, styled
from siamese.commands import image_flags, print_anything
from siamese.commands import push as push_flags
from siamese.commands.terminal import StopRequest, follow
from siamese.config import ASPECTS, NORMALISATIONS, PREPROCESS_MODES, UNSEEN_SPLITS
from siamese.data.datasets import DATASETS
from siamese.data.own_images import hub_name
from siamese.encoders import ENCODERS, ENCODERS_OF_NUMBERS
from siamese.encoders.choice import ENCODER_FOR, FEW_PHOTOS
from siamese.export.metadata import check_libraries
from siamese.hub.client import check_login
from siamese.hub.errors import HubError
from siamese.hub.job_plan import DEFAULT_TIMEOUT
from siamese.hub.jobs import run_hosted
from siamese.hub.push import push_command, push_folder
from siamese.hub.sources import locate_model
from siamese.images.load import ignore_pillow_warnings
from siamese.losses import LOSSES, for_labelled_pairs
from siamese.model_folder.files import RESUME_FILE
from siamese.training.distributed import World, processes
from siamese.training.events import Diverged, Interrupted, OutOfMemory
from siamese.training.loop import train
from siamese.training.recipe import BATCHES, EPOCHS, PEAK_LR
from siamese.training.settings import TrainingSettings, check, what_to_lower
from siamese.training.setup import PRECISIONS
from siamese.training.state import TrainingState
from siamese.version import current_commit

FOLDER_SPLITS = (*UNSEEN_SPLITS, "within")


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Names the default of each flag that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        has_none = action.default is None or action.default is False or action.default == ""
        return action.help if has_none else super()._get_help_string(action)


def started_as() -> list[str]:
    """The words that start this program where it was started: a package that is installed has no train.py."""
    entry = Path(sys.argv[0])
    if entry.stem == "siamese":
        return ["siamese", "train"]
    is_module = entry.parts[-2:] == ("siamese", "__main__.py")
    return ["python", "-m", "siamese", "train"] if is_module else ["python", "train.py"]


def build_parser() -> argparse.ArgumentParser:
    """The command line of training; every flag states its unit and default."""
    parser = CommandLine(
        prog=" ".join(started_as()),
        description=__doc__,
        epilog=f"A first try without any download: {' '.join(started_as())} --dataset mnist-sample --output runs/first ; "
        "then python -m siamese compare A.png B.png --model runs/first",
        formatter_class=HelpFormatter,
    )
    images = parser.add_argument_group("images")
    add = images.add_argument
    add(
        "--dataset",
        help=f"what to train on: {', '.join(DATASETS)}; or a folder of class folders; or a table of numbers, .csv or "
        ".parquet; or USER/NAME[@REVISION] on the Hub",
    )
    image_flags.add_flags(images)
    add("--pairs", metavar="CSV", help="instead: labelled pairs, in columns image_a, image_b, is_same; paths from that file")
    add(
        "--also",
        metavar="FOLDER",
        help="further images, in class folders, that are trained on, never validated or tested on",
    )
    add("--data-dir", help="folder of datasets; one that is there (DIR/MNIST/raw/...) is not downloaded")
    add(
        "--split",
        choices=FOLDER_SPLITS,
        help="of a folder: hold out classes (if not given, and there are enough), whole parent folders, or images",
    )
    add("--preprocess", choices=PREPROCESS_MODES, help="of a folder: find the ink, or keep pictures whole; or chosen")
    add("--aspect", choices=ASPECTS, help="proportions of a folder's drawings; if not given, nearer to a square: adaptive")
    add("--image-size", type=int, help="of a folder: px a side that the network sees, 8..512; chosen if not given")
    add("--channels", type=int, help="of a folder: 1 grey, 3 colour; chosen if not given")
    add("--rotations", action="store_true", help="count each class turned by 90, 180 and 270 degrees as three more")
    add("--compose", action="store_true", help="to each step, add new classes, put together from drawings of two others")
    add("--validation-share", type=float, help="held out for validation, 0.01..0.5; 0.1 if not given, 0.2 for a folder")
    add("--test-share", type=float, help="of a folder: share of classes (groups, images) to test on, 0.01..0.5")
    add_sequence_flags(parser)
    add = parser.add_argument_group("network and loss").add_argument
    chosen = ", ".join(f"{name} for {kind}" for kind, name in ENCODER_FOR.items())
    add(
        "--encoder",
        help=f"network: {', '.join(ENCODERS)} (seed is the reference network), or timm/NAME; of numbers "
        f"{', '.join(ENCODERS_OF_NUMBERS)}; if not given, {chosen}",
    )
    add(
        "--backbone-weights",
        metavar="FILE",
        help="of timm/NAME: a file, a package or USER/NAME@REVISION on the Hub; if not given, what fits",
    )
    add(
        "--tune",
        action=argparse.BooleanOptionalAction,
        help=f"of timm/NAME: let its weights go on learning, or keep them; if not given, from {FEW_PHOTOS:,} images on",
    )
    add("--init", metavar="MODEL", help="start from a model's weights and encoder: a folder, a bundled one, or on the Hub")
    add("--views", type=int, help="embed the mean of 1..9 views of an image, each turned a little: 3 may help drawings")
    add("--embedding-dim", type=int, help="numbers per embedding, 1..4096; the encoder's own width if not given")
    add("--loss", help=f"objective: {', '.join(LOSSES)}; with --pairs bce if not given, or contrastive")
    add("--margin", type=float, help="contrastive and triplet losses: margin, in units of distance; 1 and 0.5 if not given")
    add = parser.add_argument_group("training").add_argument
    add(
        "--epochs",
        type=int,
        help=f"passes over the training images; {EPOCHS['new']} if not given, fewer for features that are fixed or tuned; 0 "
        "calibrates the model of --init anew, as for other --views",
    )
    add(
        "--batch-size",
        type=int,
        help=f"images per step, whose pairs the loss all sees; {BATCHES[-1]} to {BATCHES[0]} if not given, as fits",
    )
    add("--lr", type=float, help=f"peak learning rate of AdamW; {PEAK_LR['new']:g} if not given")
    add("--weight-decay", type=float, help="weight decay of AdamW")
    add("--average", type=float, help="share of the steps that the average of weights looks back on, 0..1; 0: no average")
    add("--augment", action=argparse.BooleanOptionalAction, help="distort training images at random")
    add("--precision", choices=("auto", *PRECISIONS), help="of the encoder's arithmetic; auto: what is fast")
    add("--device", choices=("auto", "cpu", "cuda", "mps"), help="auto takes a GPU where there is one")
    add("--seed", type=int, help="of the split, the weights, the batches and the augmentation")
    add = parser.add_argument_group("output").add_argument
    add("--output", help="folder to write, runs/DATASET[-ENCODER]-LOSS if not given")
    add("--resume", action="store_true", help="continue the interrupted training in --output, under its own settings")
    add("--overwrite", action="store_true", help="start again where --output holds an interrupted training")
    add_hub_flags(parser)
    parser.set_defaults(**vars(TrainingSettings()))
    return parser


def add_hub_flags(parser: argparse.ArgumentParser) -> None:
    """What is about the Hugging Face Hub."""
    hub = parser.add_argument_group("Hugging Face Hub")
    add = hub.add_argument
    add("--push", action="store_true", help="when done, upload the model folder to the Hugging Face Hub, as --repo-id")
    add("--repo-id", metavar="USER/NAME", help="repository to push to; made if it is not there")
    push_flags.add_flags(hub)
    add("--hosted", metavar="FLAVOR", help="train on hosted hardware, as a Hugging Face Job that pushes: t4-small, l4x1...")
    add("--hosted-timeout", default=DEFAULT_TIMEOUT, help="when the job is stopped: a number with m, h or d")
    add("--yes", action="store_true", help="with --hosted and images of one's own: send them without asking")
    add("--dry-run", action="store_true", help="with --hosted: print the job, and send nothing")


def add_sequence_flags(parser: argparse.ArgumentParser) -> None:
    """How sequences are seen."""
    add = parser.add_argument_group("sequences").add_argument
    add("--length", type=int, help="steps that the network sees, 2..4096; 0: about what most have")
    add("--pad", action="store_true", help="fill sequences up to that length, instead of resampling them to it")
    add(
        "--normalise",
        choices=NORMALISATIONS,
        help="by mean and deviation of all (columns), or of each sequence by itself, its columns one by one (each) or "
        "together, as of x and y (shape)",
    )


def parse_arguments(argv: list[str] | None) -> tuple[argparse.Namespace, dict]:
    """The arguments with defaults filled in, and those that the user gave."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    unset = object()
    given = vars(parser.parse_args(argv, argparse.Namespace(**dict.fromkeys(vars(arguments), unset))))
    given = {name: value for name, value in given.items() if value is not unset}
    if arguments.pairs and "loss" not in given:
        arguments.loss = for_labelled_pairs()[0]
    arguments.output = settings_of(arguments).folder
    return arguments, given


def settings_of(arguments: argparse.Namespace) -> TrainingSettings:
    """What the arguments ask of the training."""
    names = (field.name for field in dataclasses.fields(TrainingSettings))
    return TrainingSettings(**{name: getattr(arguments, name) for name in names})


def main(argv: list[str] | None = None) -> int:
    """Train as the command line says.

    Returns the exit code: 0 with a complete model folder (and pushed, if asked to), 1 where it cannot be written or the
    memory is too small, 2 for a mistake in the input, 3 where it is complete but not pushed, 130 when interrupted by Ctrl-C,
    143 by SIGTERM.
    """
    print_anything()
    arguments, given = parse_arguments(argv)
    ignore_pillow_warnings()
    if {"hosted", "hosted_timeout", "dry_run", "yes"} & set(given):
        return run_as_job(arguments, given)
    with processes(arguments.device) as (world, arguments.device), world.one_voice():
        code = run(arguments, given, world, sys.argv[1:] if argv is None else argv)
        return push(arguments) if arguments.push and code == 0 and world.is_main else code


def run_as_job(arguments: argparse.Namespace, given: dict) -> int:
    """Have hosted hardware do the training; the exit code."""
    try:
        if arguments.hosted is None:
            raise ValueError("--dry-run, --yes and --hosted-timeout are about a job: add --hosted FLAVOR, or leave them out")
        check_pairs(arguments, given)
        if arguments.init and (os.path.exists(arguments.init) or not hub_name(arguments.init)):
            raise ValueError(f"--init is {arguments.init}, allowed with --hosted: a model on the Hub, USER/NAME[@REVISION]")
        check(settings_of(arguments))
        agree = agrees if not arguments.yes else lambda question: True
        return run_hosted(arguments.hosted, given, arguments.dry_run, arguments.hosted_timeout, current_commit(), agree)
    except ValueError as error:
        return fail(2, error)


def agrees(question: str) -> bool:
    """Ask at the terminal. Raises ValueError where nobody is there to answer."""
    if not sys.stdin.isatty():
        raise ValueError(
            "nothing was sent and no job was started: this is no terminal to ask at; --yes sends without asking"
        )
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def run(arguments: argparse.Namespace, given: dict, world: World, argv: list[str]) -> int:
    """Train, and turn what goes wrong into a sentence and an exit code."""
    launcher = started_as() if world.size == 1 else ["torchrun", f"--nproc_per_node={world.size}", "train.py"]
    with StopRequest() as stop:
        try:
            check_push(arguments)
            state = world.main_first(lambda: starting_point(arguments, given))
            command = shlex.join([*launcher, *argv])
            follow(train(settings_of(arguments), world, stop.asked, state, command), stop)
        except Diverged as error:
            return fail(2, f"{error}; try again with a lower --lr than {error.lr:g}{and_overwrite(arguments)}")
        except ValueError as error:
            return fail(2, error)
        except OutOfMemory as error:
            return fail(1, f"{error}; try again with a lower {what_to_lower(error.settings)}{and_overwrite(arguments)}")
        except OSError as error:
            return fail(1, f"{error}. {how_to_go_on(arguments)}")
        except (Interrupted, KeyboardInterrupt) as notice:
            print(f"\n{str(notice) or 'Interrupted.'} {how_to_go_on(arguments)}", file=sys.stderr)
            return stop.code
    return 0


def fail(code: int, why: object) -> int:
    """Say why, in a line; the exit code."""
    print(f"{styled('error:', 'bold red', sys.stderr)} {why}", file=sys.stderr)
    return code


def is_unfinished(arguments: argparse.Namespace) -> bool:
    """Whether the state of an interrupted training lies in --output."""
    return os.path.exists(arguments.output / RESUME_FILE)  # Path.exists raises for a name that is too long


def and_overwrite(arguments: argparse.Namespace) -> str:
    """What another start needs beside other settings, where the state of this one is on disk."""
    return " and --overwrite" if is_unfinished(arguments) else ""


def check_push(arguments: argparse.Namespace) -> None:
    """Raise ValueError, before any training, for what would make the push at its end fail."""
    if arguments.push and not arguments.repo_id:
        raise ValueError("--push needs --repo-id USER/NAME: the repository on the Hugging Face Hub to push to")
    for name in () if arguments.push else ("repo_id", *push_flags.CHOICES):
        if getattr(arguments, name):
            raise ValueError(f"--{name.replace('_', '-')} says where or how to push: add --push, or leave it out")
    if arguments.push:
        if arguments.onnx:
            check_libraries()
        try:
            user = check_login(arguments.repo_id, arguments.revision)
        except HubError as error:
            raise ValueError(f"{error}. Nothing was trained; without --push this needs no Hub") from error
        print(f"will push to {arguments.repo_id} as {user}")


def push(arguments: argparse.Namespace) -> int:
    """Push the folder just trained; the exit code."""
    target, choices = (arguments.output, arguments.repo_id), push_flags.choices_of(arguments)
    try:
        print(push_folder(*target, **choices))
    except (ValueError, KeyboardInterrupt) as error:
        again = push_command(*target, **choices)
        why = str(error) or "interrupted"
        print(
            f"error: trained and saved in {arguments.output}, but not pushed: {why}. Try again with: {again}",
            file=sys.stderr,
        )
        return 3
    return 0


def how_to_go_on(arguments: argparse.Namespace) -> str:
    """The command that continues a training that has stopped, in a sentence."""
    if not is_unfinished(arguments):
        return "Nothing was saved yet: start again"
    return f"Continue with: {shlex.join([*started_as(), '--resume', '--output', str(arguments.output)])}"


def starting_point(arguments: argparse.Namespace, given: dict) -> TrainingState | None:
    """With --resume, where the interrupted training was left; None for a new one."""
    if not arguments.resume:
        if is_unfinished(arguments) and not arguments.overwrite:
            raise ValueError(
                f"{str(arguments.output)!r} holds an interrupted training: add --resume to continue it, "
                "--overwrite to start again, or choose another --output"
            )
        check_pairs(arguments, given)
        if arguments.init:
            arguments.init = str(locate_model(arguments.init)[0])
        if not arguments.pairs:
            arguments.dataset = image_flags.fetched(arguments.dataset, image_flags.choices_of(arguments))
        return None
    state = TrainingState.load(arguments.output, arguments.device, given.get("data_dir"), fetch_again)
    for name, saved in state.settings.fixed().items():
        if name in given and given[name] != saved:
            flag = "--" + name.replace("_", "-")
            raise ValueError(f"{flag} is {given[name]}, but the interrupted training has {saved}: leave the flag out")
    return state


def fetch_again(settings: TrainingSettings) -> None:
    """Fetch the dataset of an interrupted training, at the same commit, where it is not here any more."""
    if not settings.pairs and not os.path.isdir(settings.dataset):
        image_flags.fetched(settings.dataset, settings.choices)


def check_pairs(arguments: argparse.Namespace, given: dict) -> None:
    """Raise ValueError for what was given beside --pairs and goes without saying or makes no sense there."""
    without = [f"--{name}" for name in ("dataset", "split", "rotations", "compose") if name in given]
    if arguments.pairs and settings_of(arguments).own_table:
        without = [each for each in without if each != "--dataset"]  # the table whose rows the pairs are of
    if arguments.pairs and without:
        raise ValueError(f"--pairs brings its own images and has no classes: leave {without[0]} out, or --pairs")
