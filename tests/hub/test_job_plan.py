"""What a job is going to run, seen by a dry run: no login, nothing sent; and the options that cannot be."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest
from hub_fake.client import ROOT
from hub_fake.jobs import Finished
from huggingface_hub import JobHardware
from number_files import class_folders, list_table

from siamese.commands import train
from siamese.data.datasets import DATASETS
from siamese.hub.job_plan import make_plan
from siamese.hub.sent_images import of_checked_folder, of_folder

PUSH = ["--push", "--repo-id", "ada/digits"]


@pytest.fixture
def launch(hub_and_commands) -> Callable[..., Finished]:
    """Runs train.py --hosted until it ends."""
    return lambda *options, **more: hub_and_commands[1].run("train", "--hosted", "t4-small", *PUSH, *options, **more)


def test_a_dry_run_prints_the_whole_job_without_a_login_and_asks_the_hub_nothing(hub, launch):
    finished = launch("--epochs", "2", "--no-augment", "--lr", "1e-3", "--dry-run", token="")
    assert finished.returncode == 0, finished.stderr
    assert hub.requests() == []
    text = finished.stdout
    assert re.search(r"^hardware +t4-small, stopped after 2h$", text, re.M)
    assert re.search(r"^image +pytorch/pytorch:\S+-cuda\S+-runtime$", text, re.M)
    assert re.search(r"^secrets +HF_TOKEN$", text, re.M)
    assert "PYTHONUNBUFFERED=1" in text
    _, in_the_job = train.parse_arguments(shlex.split(re.search(r"^ *python train.py (.*)$", text, re.M)[1]))
    assert in_the_job == {"epochs": 2, "augment": False, "lr": 0.001, "device": "cuda", "output": "model"}
    assert "python -m siamese push model --repo-id ada/digits || " in text
    for name in ("train.py", "requirements.txt", "siamese/hub/jobs.py", "siamese/data/mnist_sample.npz"):
        assert re.search(rf"^ *{(ROOT / name).stat().st_size:,}  {name}$", text, re.M), name


def test_a_dry_run_does_not_print_a_token_that_is_there(hub, launch):
    assert launch("--dry-run").returncode == 0  # Commands.run looks for the token
    assert hub.requests() == []


@pytest.mark.parametrize(
    ("flavor", "expected"),
    [
        ("cpu-basic", "python train.py --output"),
        ("t4-small", "python train.py --device cuda"),
        ("l4x1", "python train.py --device cuda"),
        ("rtx-pro-6000", "python train.py --device cuda"),
        ("a10g-largex2", "python -m torch.distributed.run --standalone --nproc_per_node=2 train.py --device cuda"),
        ("a100x8", "python -m torch.distributed.run --standalone --nproc_per_node=8 train.py --device cuda"),
    ],
)
def test_a_job_uses_every_gpu_of_its_flavor(flavor, expected, capsys):
    assert train.main(["--hosted", flavor, *PUSH, "--dry-run"]) == 0
    assert re.search(rf"^ *{re.escape(expected)}", capsys.readouterr().out, re.M)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--hosted", "h100", *PUSH], ["'h100'", *JobHardware]),
        (["--hosted", "", *PUSH], ["''", "t4-small"]),
        (["--hosted", "t4-small"], ["--push", "--repo-id USER/NAME"]),
        (["--hosted", "t4-small", "--push"], ["--repo-id USER/NAME"]),
        (["--hosted", "t4-small", *PUSH, "--dataset", "nowhere"], ["'nowhere'", *DATASETS]),
        (["--hosted", "t4-small", *PUSH, "--resume"], ["--resume"]),
        (["--hosted", "t4-small", *PUSH, "--epochs", "0"], ["--epochs is 0"]),
        (["--hosted", "t4-small", *PUSH, "--encoder", "resnet"], ["'resnet'", "seed"]),
        (["--hosted", "t4-small", *PUSH, "--loss", "hinge"], ["'hinge'", "bce"]),
        (["--hosted", "l4x4", *PUSH, "--batch-size", "250"], ["--batch-size is 250", "4 GPUs"]),
        (["--hosted", "t4-small", "--push", "--repo-id", "digits"], ["'digits'", "USER/NAME"]),
        (["--hosted", "t4-small", *PUSH, "--hosted-timeout", "soon"], ["'soon'", "90m"]),
        (["--hosted", "t4-small", *PUSH, "--hosted-timeout", "0h"], ["'0h'", "90m"]),
        (["--dry-run"], ["--hosted"]),
        (["--hosted-timeout", "3h"], ["--hosted"]),
        (["--yes"], ["--hosted"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_in_one_sentence_with_the_choices(arguments, expected, capsys):
    assert train.main(arguments) == 2
    output, errors = capsys.readouterr()
    assert re.fullmatch(r"error: [^\n]+\n", errors)
    assert output == ""
    for text in expected:
        assert text in errors


def test_a_job_that_is_to_delete_the_images_does_so_once_the_model_is_pushed(digit_folder):
    images = of_checked_folder(digit_folder, "ada/digits", 28, 7)
    plan = make_plan("cpu-basic", {"push": True, "repo_id": "ada/digits"}, images=images)
    assert "--dataset images/digits " in plan.train
    kept = plan.command("1" * 40, "2" * 40)[-1]
    assert "delete" not in kept
    script = replace(plan, delete_images=True).command("1" * 40, "2" * 40)[-1]
    start, _, rest = script.partition("if [ $code = 0 ]; then\n  python -c '")
    assert start + "exit $code\n" == kept
    program, _, rest = rest.partition("' || echo")
    assert 'delete_repo("ada/digits-data", repo_type="dataset", missing_ok=True)' in program
    assert rest.endswith("fi\nexit $code\n")


def test_a_dataset_of_the_hub_is_read_by_the_job_itself(hub, launch):
    finished = launch("--dataset", "lab/signs@v2", "--label-column", "sign", "--encoder", "residual", "--dry-run", token="")
    assert finished.returncode == 0, finished.stderr
    assert hub.requests() == []
    assert "python -m pip install -q -r requirements.txt 'datasets" in finished.stdout
    assert "timm" not in finished.stdout.split("command", 1)[1]
    assert "train.py --dataset lab/signs@v2 --label-column sign --encoder residual " in finished.stdout
    assert "images       " not in finished.stdout


def test_numbers_of_the_hub_are_read_by_the_job_and_those_here_are_sent(tmp_path, capsys):
    of_hub = ["--dataset", "lab/walks", "--series-column", "walk", "--encoder", "gru"]
    assert train.main(["--hosted", "cpu-basic", *PUSH, *of_hub, "--dry-run"]) == 0
    script = capsys.readouterr().out
    assert "-r requirements.txt 'datasets" in script
    assert "train.py --dataset lab/walks --series-column walk --encoder gru " in script
    table, folder = list_table(tmp_path / "ways.parquet"), class_folders(tmp_path / "profiles")
    for place, in_words, extra in ((table, "ways.parquet", "'pyarrow"), (folder, "profiles", "")):
        assert train.main(["--hosted", "cpu-basic", *PUSH, "--dataset", str(place), "--encoder", "tdnn", "--dry-run"]) == 0
        script = capsys.readouterr().out
        assert re.search(r"^images       \d+ sequences in 10 classes, ", script, re.M)
        assert f"train.py --dataset images/{in_words} --encoder tdnn " in script
        assert extra in script.split("command", 1)[1]


def test_networks_of_timm_come_along_where_they_may_be_needed(digit_folder, hub, launch):
    for options, is_needed in (([], False), (["--dataset", digit_folder], True), (["--encoder", "timm/resnet18"], True)):
        script = launch(*map(str, options), "--dry-run", token="").stdout.split("command", 1)[1]
        assert ("'timm>" in script) == is_needed


@pytest.mark.parametrize("is_asked", [True, False])
def test_what_writes_onnx_comes_along_where_the_push_sends_it(is_asked):
    plan = make_plan("cpu-basic", {"push": True, "repo_id": "ada/digits", "onnx": is_asked})
    script = plan.command("1" * 40, "2" * 40)[-1]
    assert (" 'onnxscript>" in script) == is_asked
    assert ("--onnx" in plan.push) == is_asked
    assert "--onnx" not in plan.train


def test_what_lists_the_images_is_sent_along(digit_folder, tmp_path):
    rows = [f"{file.relative_to(digit_folder)},{file.parent.name[-1]}" for file in sorted(digit_folder.rglob("*.*"))]
    (digit_folder / "labels.csv").write_text("\n".join(["file,label", *rows]))
    images = of_folder(digit_folder, "ada/digits")
    assert images.files["digits/labels.csv"] == digit_folder / "labels.csv"
    assert len([name for name in images.files if name.startswith("digits/")]) == 29
    assert images.found == "28 images in 7 classes"
