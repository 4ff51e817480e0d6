"""What the commands share: models and devices that are not there."""

import pytest
from terminal import assert_refused, run


@pytest.mark.parametrize(
    "command", [["compare", "a.png", "b.png"], ["evaluate", "--dataset", "mnist-sample"]], ids=lambda c: c[0]
)
def test_a_model_or_device_that_is_not_there_is_refused(command, tmp_path, trained_folder, capsys):
    assert_refused(run([*command, "--model", tmp_path / "nowhere"], capsys), "nowhere")
    assert_refused(run([*command, "--model", tmp_path], capsys), "config.json")
    assert_refused(run([*command, "--model", trained_folder, "--device", "abacus"], capsys), "'abacus'", "cpu")
