"""siamese datasets: the registry, and what of it is in --data-dir."""

import json

from terminal import run

from siamese.data.datasets import DATASETS


def test_all_datasets_are_listed_with_what_is_here(tmp_path, capsys):
    code, stdout, stderr = run(["datasets", "--data-dir", tmp_path, "--json"], capsys)
    assert (code, stderr) == (0, "")
    found = {each["name"]: each for each in json.loads(stdout)["datasets"]}
    assert list(found) == list(DATASETS)
    assert [name for name, each in found.items() if each["is_here"]] == ["mnist-sample"]
    assert found["mnist"] | {"about": ""} == {
        "name": "mnist", "classes": 10, "images": 70_000, "training_images": 60_000, "test_images": 10_000, "side": 28,
        "is_here": False, "about": "",
    }  # fmt: skip
    code, stdout, _ = run(["datasets", "--data-dir", tmp_path], capsys)
    assert "mnist-sample\t10\t3,000\t28 x 28 px\tyes\n" in stdout
    assert "omniglot\t1,623\t32,460\t105 x 105 px\tno, is downloaded\n" in stdout
