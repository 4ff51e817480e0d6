"""The demo as its users meet it: app.py in a process of its own, on loopback, and pictures to show it."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent
START_SECONDS = 120
NOWHERE = "http://127.0.0.1:1"  # nothing listens there: as a proxy, it keeps every request from leaving this machine


@dataclass(frozen=True)
class App:
    """A running app.py."""

    url: str
    log: Path
    process: subprocess.Popen

    def get(self, path: str) -> str:
        """The text that the server answers to GET `path`."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()


class Visitor:
    """An open page without a browser, which sends to the page's own listeners whatever it wants.

    One that is not `loaded` is a page that the server knows nothing of, as after a restart.
    """

    def __init__(self, app: App, loaded: bool = True) -> None:
        self.app, self.session = app, secrets.token_hex(8)
        config = json.loads(app.get("/config"))
        names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
        self._listeners = {
            (names.get(part), event): each for each in config["dependencies"] for part, event in each["targets"]
        }
        self._page = urllib.request.urlopen(f"{app.url}/gradio_api/heartbeat/{self.session}", timeout=60)
        self._page.readline()
        workspace = self._listeners["archive", "upload"]["inputs"][1]
        (opened,) = [each["id"] for each in config["dependencies"] if each["outputs"] == [workspace]]
        if loaded:
            self._send(opened, [])

    def send(self, name: str, event: str, *values: object) -> dict:
        """The last answer to an event of a widget: what became of each part, in "data", or what was wrong, in "error"."""
        return self._send(self._listeners[name, event]["id"], list(values))

    def _send(self, listener: int, values: list) -> dict:
        body = {"fn_index": listener, "session_hash": self.session, "data": values}
        address, kind = f"{self.app.url}/gradio_api/queue/", {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{address}join", json.dumps(body).encode(), kind), timeout=60).close()
        with urllib.request.urlopen(f"{address}data?session_hash={self.session}", timeout=60) as answers:
            for line in answers:
                message = json.loads(line.removeprefix(b"data: ")) if line.startswith(b"data: ") else {"msg": ""}
                if message["msg"] == "process_completed":
                    return message["output"]
        raise AssertionError("the server ended the answer before it was complete")

    def close(self) -> None:
        """Close the page."""
        self._page.close()


def app_environment(**changes: str) -> dict[str, str]:
    """The environment of a user without network: the bundled weights, unless SIAMESE_MODEL is among `changes`."""
    environment = {name: value for name, value in os.environ.items() if name != "SIAMESE_MODEL"}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE)
    local = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    return environment | proxies | local | {"HF_HUB_OFFLINE": "1"} | changes


@contextlib.contextmanager
def running_app(
    folder: Path, command: Sequence[str | Path] = (sys.executable, ROOT / "app.py"), **changes: str
) -> Iterator[App]:
    """app.py, answering, until the end of the block. `folder` takes its log and the files that are uploaded to it.

    `command` starts another copy of it.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*command, "--host", "127.0.0.1", "--port", str(port)]
    environment = app_environment(**({"GRADIO_TEMP_DIR": str(folder / "uploads")} | changes))
    with (folder / "app.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        app = App(f"http://127.0.0.1:{port}", folder / "app.log", process)
        try:
            deadline = time.monotonic() + START_SECONDS
            while True:
                with contextlib.suppress(OSError):
                    app.get("/")
                    break
                assert process.poll() is None, app.log.read_text()
                assert time.monotonic() < deadline, f"no answer after {START_SECONDS} s: {app.log.read_text()}"
                time.sleep(0.2)
            yield app
        finally:
            process.terminate()
            process.wait(30)


def post(url: str, body: bytes, content_type: str) -> str:
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def compare_over_http(app: App, arguments: list) -> tuple[str, dict]:
    """What the server sends for `arguments` that no client has looked at: (event, data)."""
    address = f"{app.url}/gradio_api/call/compare"
    call = json.loads(post(address, json.dumps({"data": arguments}).encode(), "application/json"))
    event, data = app.get(f"/gradio_api/call/compare/{call['event_id']}").strip().split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def assert_one_sentence(message: str, *expected: str) -> None:
    assert "\n" not in message
    assert "Traceback" not in message
    assert "Error(" not in message
    assert len(message.split()) >= 5
    for text in expected:
        assert text in message


def upload(app: App, name: str, content: bytes) -> str:
    """The path under which the server keeps the file, sent as a browser would."""
    quoted = name.replace('"', "%22").encode()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="'
        + quoted
        + b'"\r\n\r\n'
        + content
        + b"\r\n--x--\r\n"
    )
    return json.loads(post(f"{app.url}/gradio_api/upload", body, "multipart/form-data; boundary=x"))[0]


def as_file(path: object) -> dict:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def write_pictures(folder: Path, images: np.ndarray) -> dict[str, Path]:
    """Files of real digits as people have them: as in MNIST, a sketch, a photograph of paper, and ink without paper."""
    plain, sketched, photographed, cut_out = (Image.fromarray(image) for image in images[:4])
    plain.save(folder / "plain.png")
    Image.eval(sketched.resize((280, 280), Image.Resampling.BICUBIC), lambda value: 255 - value).save(folder / "sketch.png")
    ink = np.asarray(photographed.resize((600, 600), Image.Resampling.BICUBIC)) / 255
    paper = np.full((900, 1200, 3), (215.0, 208.0, 190.0))
    paper *= np.linspace(1, 0.75, 1200)[None, :, None]  # the light comes from the left
    paper[150:750, 300:900] *= 1 - 0.75 * ink[..., None]
    Image.fromarray(paper.astype(np.uint8)).save(folder / "photo.jpg", quality=85)
    transparent = Image.new("RGBA", (300, 300))
    transparent.putalpha(cut_out.resize((300, 300), Image.Resampling.BICUBIC))
    transparent.save(folder / "transparent.png")
    return {name: folder / name for name in ("plain.png", "sketch.png", "photo.jpg", "transparent.png")}
