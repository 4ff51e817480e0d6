"""The program of the README in JavaScript, run as it stands there, under Node.js with ONNX Runtime.

Its libraries are looked for in `node_modules` of this folder, and where NODE_PATH says:
`npm install onnxruntime-node pngjs`, with --ignore-scripts where only the registry can be reached.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hub_fake.client import ROOT
from PIL import Image
from terminal import run

from siamese.model_folder.files import BUNDLED_WEIGHTS

PLACES = [ROOT / "node_modules", *map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)))]
MODULES = next((place for place in PLACES if (place / "onnxruntime-node").is_dir() and (place / "pngjs").is_dir()), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("node"), reason="there is no Node.js"),
    pytest.mark.skipif(MODULES is None, reason="npm install onnxruntime-node pngjs was not run"),
]


def test_the_program_of_the_readme_says_what_siamese_says(onnx_file, bundled, digits, tmp_path, capsys, monkeypatch):
    script = re.search(r"^```js\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)[1]
    (tmp_path / "ask.mjs").write_text(script, encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(MODULES, target_is_directory=True)
    (tmp_path / "runs" / "mnist").mkdir(parents=True)
    shutil.copy(onnx_file, tmp_path / "runs" / "mnist" / "model.onnx")
    shutil.copy(BUNDLED_WEIGHTS / "digits" / "config.json", tmp_path / "runs" / "mnist")
    monkeypatch.chdir(tmp_path)
    for a, b in ((0, 1), (2, 2), (3, 4)):
        for name, place in (("a.png", a), ("b.jpg", b)):
            large = Image.fromarray(255 - digits[0][place]).resize((280, 280), Image.Resampling.BICUBIC)
            large.save(tmp_path / name)
        command = "canonical a.png b.jpg -o seen --model runs/mnist/model.onnx"
        assert command in (ROOT / "README.md").read_text(encoding="utf-8")
        assert run(command.split(), capsys)[0] == 0
        finished = subprocess.run(["node", "ask.mjs"], capture_output=True, text=True, timeout=120)
        assert (finished.returncode, finished.stderr) == (0, "")
        word, distance = finished.stdout.split()
        expected = bundled.verify("a.png", "b.jpg")
        assert word == ("same" if expected.is_same else "different")
        assert float(distance) == pytest.approx(expected.distance, abs=1e-5)
