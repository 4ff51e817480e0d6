"""siamese models: names that --model takes, with the numbers of their tests."""

import json

from terminal import run

from siamese import Verifier
from siamese.hub.sources import bundled_models


def test_each_model_is_named_as_it_is_loaded_with_its_numbers(trained_folder, tmp_path, capsys):
    code, stdout, stderr = run(["models", trained_folder, "--json"], capsys)
    assert (code, stderr) == (0, "")
    found = {model["name"]: model for model in json.loads(stdout)["models"]}
    assert {*bundled_models(), str(trained_folder)} <= set(found)
    for name in ("digits", str(trained_folder)):
        metrics = Verifier.from_pretrained(name).config.metrics
        assert found[name]["balanced_accuracy"] == metrics.balanced_accuracy
        assert found[name]["test_pairs"] == metrics.same_pairs + metrics.different_pairs > 0
    code, stdout, _ = run(["models", trained_folder], capsys)
    assert f"\ndigits\tbundled\t{found['digits']['balanced_accuracy']:.2f}%\t" in stdout


def test_a_damaged_one_is_named_and_a_place_that_is_none_refused(untrained_folder, tmp_path, capsys):
    (untrained_folder / "config.json").write_text('{"calibration": {}}')
    code, stdout, stderr = run(["models", tmp_path], capsys)
    assert code == 0
    assert str(untrained_folder) not in stdout
    assert f"cannot be used {untrained_folder}: " in stderr
    code, stdout, stderr = run(["models", tmp_path / "nowhere"], capsys)
    assert (code, stdout) == (2, "")
    assert "nowhere' is not a folder" in stderr
