"""siamese push where there is nothing to push, or no Hub to push to; all else is in hub/test_push.py."""

import shlex

from hub_fake.client import environment
from hub_fake.client import run as run_program
from terminal import assert_refused, run

NOWHERE = "http://127.0.0.1:1"  # nothing listens there


def test_what_is_no_model_folder_is_refused_before_any_hub_is_asked(tmp_path, capsys):
    assert_refused(run(["push", tmp_path / "nowhere", "--repo-id", "ada/x"], capsys), "nowhere", "no such folder")
    assert_refused(run(["push", tmp_path, "--repo-id", "ada/x"], capsys), "model folder")


def test_without_the_hub_it_exits_3_with_the_command_that_tries_again(trained_folder, tmp_path):
    command = ["push", trained_folder, "--repo-id", "ada/x", "--private", "--revision", "trial"]
    finished = run_program(command, environment(NOWHERE, tmp_path, "hf_nobody_knows_this"))
    assert (finished.returncode, finished.stdout) == (3, "")
    assert finished.stderr.startswith("error: not pushed: ")
    assert NOWHERE in finished.stderr
    again = shlex.split(finished.stderr.rpartition("try again with: ")[2])
    assert again == ["python", "-m", "siamese", *map(str, command)]
    assert "hf_nobody_knows_this" not in finished.stderr
