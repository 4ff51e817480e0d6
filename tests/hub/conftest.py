"""What the tests of the Hub share: a Hub on loopback, a process that uses it, and model folders to send."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hub_fake.client import PATIENCE, HubClient, make_model_folder, make_own_folder
from hub_fake.jobs import Commands, FullHubServer, full_hub
from hub_fake.protocol import USERS
from hub_fake.server import HubServer

from siamese.model_folder.files import CARD_FILE, CONFIG_FILE

NUMBERS = count()


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    server = HubServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(server, tmp_path_factory) -> Iterator[HubClient]:
    """A process that uses the Hub; nothing that it writes to stderr may hold a token."""
    timeouts = {"HF_HUB_DOWNLOAD_TIMEOUT": str(PATIENCE), "HF_HUB_ETAG_TIMEOUT": str(PATIENCE)}
    client = HubClient(server.endpoint, tmp_path_factory.mktemp("client"), **timeouts)
    client.call("set", ASK_SECONDS_IF_CACHED=15)  # a busy machine is no reason for another answer
    yield client
    client.close()
    assert not any(token in client.output() for token in USERS)


@pytest.fixture(scope="module")
def hub_and_commands(tmp_path_factory) -> Iterator[tuple[FullHubServer, Commands]]:
    """A Hub that also has jobs and Spaces, and commands that know no other."""
    with full_hub(tmp_path_factory.mktemp("commands")) as both:
        yield both


@pytest.fixture
def hub(hub_and_commands) -> FullHubServer:
    """That of `hub_and_commands`, as yet without any."""
    hub_and_commands[0].reset()
    return hub_and_commands[0]


@pytest.fixture
def repo() -> str:
    """The name of a repository that is not there yet."""
    return f"ada/repository-{next(NUMBERS)}-run"


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A model folder, for reading only."""
    folder = tmp_path_factory.mktemp("template") / "model"
    make_model_folder(folder)
    return folder


@pytest.fixture
def folder(template, tmp_path) -> Path:
    """A model folder, and in it what is none of the Hub's business."""
    folder = shutil.copytree(template, tmp_path / "model")
    for name in ("resume.pt", "notes.txt", ".env"):
        (folder / name).write_text("private")
    (folder / "old").mkdir()
    (folder / "old" / CONFIG_FILE).write_text("{}")
    return folder


@pytest.fixture
def own_folder(tmp_path) -> Path:
    """A model folder of images of somebody's own."""
    make_own_folder(tmp_path / "of-own")
    return tmp_path / "of-own"


@pytest.fixture
def new(template, tmp_path):
    """Makes a repository's name (without its owner), and a model folder whose every request can be told from others."""

    def make() -> tuple[str, Path]:
        name = f"faulty-{next(NUMBERS)}-run"
        folder = shutil.copytree(template, tmp_path / name)
        (folder / CARD_FILE).write_text(f"{(folder / CARD_FILE).read_text()}\n{name}\n")
        return name, folder

    return make
