"""A hosted training that is not started yet: the command of the job, and which code and images go along."""

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import JobHardware, constants

from siamese.data.class_lists import Layout
from siamese.data.datasets import DATASETS
from siamese.data.own_images import hub_name
from siamese.data.own_numbers import NumberChoices, own_numbers
from siamese.encoders.backbone import PREFIX
from siamese.hub.client import check_names
from siamese.hub.project import PROJECT, describe_files, extra, project_files
from siamese.hub.push import SWITCHES, push_command
from siamese.hub.sent_images import SentImages, of_folder, of_numbers, of_pairs

# torch and torchvision as requirements.txt wants them; CUDA 12.8 is the oldest that knows every flavor's GPU.
IMAGE = "pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime"
CODE_REPOSITORY = "siamese-jobs"  # beside the model's
DEFAULT_TIMEOUT = "2h"  # a bound on the cost; the Hub's own, 30 minutes, is tight for many epochs on a slow GPU

ENVIRONMENT = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PIP_BREAK_SYSTEM_PACKAGES": "1",  # the container is ours
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PYTHONUNBUFFERED": "1",
    "TQDM_DISABLE": "1",  # a bar is one endless line in a log; the lines of the epochs are the progress
}
# A container is gone when its command ends, and the model with it. So the push is a command of its own, and one that fails
# for the Hub's sake (exit code 3) is tried again.
SCRIPT = """\
set -e
cd "$(mktemp -d)"
python -m pip install -q {hub_client}
python -c 'from huggingface_hub import snapshot_download as get; get("{code}", revision="{commit}", local_dir=".")'
python -m pip install -q -r requirements.txt {extras}
{images}{train}
for seconds in 0 5 60 600; do
  sleep $seconds
  code=0; {push} || code=$?
  if [ $code != 3 ]; then break; fi
done
{delete}exit $code
"""
# Its own folder, as a training may not read other files along.
FETCH_IMAGES = """\
python -c 'from huggingface_hub import snapshot_download as get
get("{repo_id}", repo_type="dataset", revision="{commit}", local_dir="{folder}")'
"""
IMAGES_FOLDER = "images"
# In the job, so that it is done though nobody follows it any more; a model that was not pushed needs the images again.
DELETE_IMAGES = """\
if [ $code = 0 ]; then
  python -c 'from huggingface_hub import delete_repo
delete_repo("{repo_id}", repo_type="dataset", missing_ok=True)' || echo "{repo_id} could not be deleted"
fi
"""

# Options that are not passed on to the training: those about the job and the push, and those about this machine.
JOB_OPTIONS = ("hosted", "hosted_timeout", "dry_run", "yes", "push", "repo_id", "revision", *SWITCHES)
LOCAL_OPTIONS = ("output", "device", "data_dir", "overwrite")


@dataclass(frozen=True)
class Plan:
    """A job that is not started yet."""

    flavor: str
    timeout: str
    repo_id: str  # of the model
    revision: str | None
    train: str  # the command that trains
    push: str  # the command that pushes what it trained
    environment: dict[str, str]
    files: dict[str, Path | bytes]
    images: SentImages | None = None  # of one's own, to be sent first
    delete_images: bool = False  # once the model is pushed
    extras: tuple[str, ...] = ()  # of pyproject.toml, that the training needs
    code_name: str = CODE_REPOSITORY

    @property
    def code_repository(self) -> str:
        return f"{self.repo_id.split('/')[0]}/{self.code_name}"

    def command(self, commit: str, of_images: str = "") -> list[str]:
        """What the container runs, with the code of a commit, and the images of another where there are any."""
        fetch = {"repo_id": self.images.repo_id, "commit": of_images, "folder": IMAGES_FOLDER} if self.images else {}
        requirements = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        script = SCRIPT.format(
            hub_client=shlex.quote(next(line for line in requirements if line.startswith("huggingface_hub"))),
            code=self.code_repository,
            commit=commit,
            extras=shlex.join(each for name in self.extras for each in extra(name)),
            images=FETCH_IMAGES.format(**fetch) if fetch else "",
            train=self.train,
            push=self.push,
            delete=DELETE_IMAGES.format(repo_id=self.images.repo_id) if self.images and self.delete_images else "",
        )
        return ["bash", "-c", script]

    def __str__(self) -> str:
        environment = " ".join(f"{name}={value}" for name, value in self.environment.items())
        script = self.command("COMMIT", "COMMIT_OF_IMAGES")[-1].replace("\n", "\n  ").rstrip()
        images = f"images       {self.images}, as COMMIT_OF_IMAGES\n" if self.images else ""
        return (
            f"hardware     {self.flavor}, stopped after {self.timeout}\n"
            f"image        {IMAGE}\n"
            f"environment  {environment}\n"
            f"secrets      HF_TOKEN\n"
            f"{images}"
            f"code         to the private repository {self.code_repository}, as COMMIT:\n{describe_files(self.files)}\n"
            f"command      bash -c\n  {script}"
        )


def make_plan(
    flavor: str, given: dict, timeout: str = DEFAULT_TIMEOUT, commit: str = "", images: SentImages | None = None
) -> Plan:
    """The job for these options; on `images`, where they are given, in place of a dataset. Raises ValueError."""
    if flavor not in list(JobHardware):
        raise ValueError(f"unknown hardware {flavor!r} for --hosted, available: {', '.join(JobHardware)}")
    if not given.get("push") or not given.get("repo_id"):
        raise ValueError("--hosted needs --push and --repo-id USER/NAME: what a job does not push is gone when it ends")
    check_names(given["repo_id"], given.get("revision"))
    if given.get("resume"):
        raise ValueError("--resume continues a training that was interrupted on this machine: leave it out, or --hosted")
    if given.get("also"):
        raise ValueError(f"--also is {given['also']}, a folder here, which a job does not see: leave it out, or --hosted")
    if not re.fullmatch(r"(\d+\.)?\d+[smhd]", timeout) or float(timeout[:-1]) == 0:
        raise ValueError(f"the timeout of a job is {timeout!r}, allowed: a number with s, m, h or d, such as 90m")
    images, passed_on = images or _images_of(given), dict(given)
    if images:
        passed_on[images.option] = f"{IMAGES_FOLDER}/{images.place}"
    arguments = []
    for name, value in passed_on.items():
        if name not in JOB_OPTIONS + LOCAL_OPTIONS:
            flag = f"--{'no-' * (value is False)}{name.replace('_', '-')}"
            arguments += [flag] if isinstance(value, bool) else [flag, str(value)]
    several = re.search(r"x(\d+)$", flavor)  # l4x4 has 4
    processors = int(several[1]) if several else 1
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processors}"] if processors > 1 else []
    if given.get("batch_size", 0) % processors:
        raise ValueError(
            f"--batch-size is {given['batch_size']}, allowed with {flavor}: a multiple of its {processors} GPUs"
        )
    if not flavor.startswith("cpu"):
        arguments += ["--device", "cuda"]  # rather an error than a training on the processor at the price of a GPU
    arguments += ["--output", "model"]
    endpoint = {"HF_ENDPOINT": constants.ENDPOINT} if os.environ.get("HF_ENDPOINT") else {}
    return Plan(
        flavor=flavor,
        timeout=timeout,
        repo_id=given["repo_id"],
        revision=given.get("revision"),
        train=shlex.join(["python", *launcher, "train.py", *arguments]),
        push=push_command(
            "model", given["repo_id"], revision=given.get("revision"), **{name: bool(given.get(name)) for name in SWITCHES}
        ),
        environment=ENVIRONMENT | endpoint | ({"SIAMESE_COMMIT": commit} if commit else {}),
        files=project_files("train.py", "requirements.txt"),
        images=images,
        extras=_extras(given, images),
    )


def _extras(given: dict, images: SentImages | None) -> tuple[str, ...]:
    """What a job needs beside requirements.txt; of images of one's own, nobody knows before which encoder fits them."""
    is_of_the_hub, encoder = not images and given.get("dataset", "mnist") not in DATASETS, given.get("encoder")
    needs_timm = encoder.startswith(PREFIX) if encoder else is_of_the_hub or (images is not None and images.noun == "image")
    needs_parquet = images is not None and any(name.lower().endswith(".parquet") for name in images.files)
    names = {"datasets": is_of_the_hub, "timm": needs_timm, "onnx": given.get("onnx"), "parquet": needs_parquet}
    return tuple(name for name, is_needed in names.items() if is_needed)


def _images_of(given: dict) -> SentImages | None:
    """Those of one's own that the options name; None where they name a dataset that the job can get by itself."""
    name = given.get("dataset", "mnist")
    pairs, is_by_name = given.get("pairs"), name in DATASETS and not given.get("pairs")
    columns = map(given.get, ("label_column", "series_column", "time_column", "dataset_split", "classes_from_names"))
    if not is_by_name and (numbers := own_numbers(name, pairs, NumberChoices(*columns))):
        return of_numbers(numbers, given["repo_id"])
    if pairs:
        return of_pairs(pairs, given["repo_id"])
    if name in DATASETS or (hub_name(name) and not Path(name).is_dir()):
        return None
    if not Path(name).is_dir():
        available = f"{', '.join(DATASETS)}; or a folder, a table, or USER/NAME of the Hub"
        raise ValueError(f"unknown dataset {name!r}, available: {available}")
    names = ("label_column", "image_column", "dataset_split", "classes_from_names")
    return of_folder(name, given["repo_id"], Layout(*map(given.get, names)))
