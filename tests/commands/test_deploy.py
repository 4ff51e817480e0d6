"""siamese deploy without a Hub: what it would send, and what it says; all else is in hub/test_spaces.py."""

import shlex

from hub_fake.client import ROOT, environment
from hub_fake.client import run as run_program
from terminal import assert_refused, run

from siamese.hub.sources import bundled_models

NOWHERE = "http://127.0.0.1:1"  # nothing listens there


def test_a_dry_run_lists_what_the_space_would_hold(capsys):
    code, stdout, stderr = run(["deploy", "--space", "ada/demo", "--dry-run"], capsys)
    assert (code, stderr) == (0, "")
    for name in ("app.py", "siamese/verifier.py", *(f"siamese/weights/{model}/config.json" for model in bundled_models())):
        assert f"{(ROOT / name).stat().st_size:,}  {name}\n" in stdout


def test_a_name_that_is_none_is_refused(capsys):
    assert_refused(run(["deploy", "--space", "demo", "--dry-run"], capsys), "demo", "USER/NAME")


def test_without_the_hub_it_exits_3_with_the_command_that_tries_again(tmp_path):
    command = ["deploy", "--space", "ada/demo", "--hardware", "cpu-basic", "--private"]
    finished = run_program(command, environment(NOWHERE, tmp_path, "hf_nobody_knows_this"))
    assert (finished.returncode, finished.stdout) == (3, "")
    assert NOWHERE in finished.stderr
    again = shlex.split(finished.stderr.rpartition("Try again with: ")[2])
    assert again == ["python", "-m", "siamese", *command]
