"""siamese serve: the lines of the README, run as they stand there, and how it ends."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_fake.client import ROOT
from PIL import Image
from terminal import assert_refused, run

from siamese.version import __version__

LINES = re.findall(r"^curl .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def server(bundled_folder) -> Iterator[tuple[subprocess.Popen, int]]:
    port = free_port()
    command = [sys.executable, "-m", "siamese", "serve", "--port", str(port), "--model", str(bundled_folder)]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        said = process.stdout.readline()
        assert f"http://127.0.0.1:{port}, described at http://127.0.0.1:{port}/docs; Ctrl-C ends it" in said
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health").read()
                break
            except OSError:
                pass
        yield process, port
        process.kill()


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
@pytest.mark.parametrize("line", LINES)
def test_each_line_of_the_readme_is_answered(line, server, digits, tmp_path):
    for name, image in zip(("a.png", "b.png", "query.png", "mine.png", "yours.png"), digits[0], strict=False):
        Image.fromarray(image).save(tmp_path / name)
    found = subprocess.run(
        ["bash", "-c", line.replace(":8000/", f":{server[1]}/")], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    answer = json.loads(found.stdout)
    assert "detail" not in answer
    assert answer["model"] == "digits (bundled)"


def test_there_is_a_line_for_what_programs_want_most():
    asked = {re.search(r"/v1/(\w+)", line)[1] for line in LINES}
    assert asked == {"compare", "embed", "identify"}


def test_neither_gradio_nor_a_training_is_loaded(server):
    maps = Path(f"/proc/{server[0].pid}/maps")
    code = "import sys, siamese.service.app; print([name for name in ('gradio', 'siamese.training') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout == "[]\n"
    assert not maps.exists() or "gradio" not in maps.read_text()


def test_what_is_not_open_is_not_found_and_the_version_is_told(server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{server[1]}/gradio_api/info")
    assert refused.value.code == 404
    assert json.load(refused.value)["detail"] == "there is nothing here: what there is stands at /docs"
    described = json.load(urllib.request.urlopen(f"http://127.0.0.1:{server[1]}/v1/openapi.json"))
    assert described["info"]["version"] == __version__


def test_a_port_in_use_is_said_before_anything_is_loaded(server, capsys):
    assert_refused(run(["serve", "--port", server[1]], capsys), f"port {server[1]} is in use: choose another --port")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_it_ends_without_a_traceback(name, bundled_folder):
    port = free_port()
    command = [sys.executable, "-m", "siamese", "serve", "--port", str(port), "--model", str(bundled_folder)]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(getattr(signal, name))
        _, errors = process.communicate(timeout=20)
    assert "Traceback" not in errors
    assert process.returncode in (0, 130, 143, -getattr(signal, name))
