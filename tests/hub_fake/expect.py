"""What tests of the Hub expect of a call: that it worked, or that it was explained."""

import re
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from hub_fake.client import ROOT, HubClient
from hub_fake.protocol import USERS, WRITER
from hub_fake.server import HubServer
from siamese.model_folder.files import CARD_FILE, CONFIG_FILE, METRICS_FILE, WEIGHTS_FILE

AT_ONCE = 12  # pushes or fetches that run at the same time


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a model folder that belong on the Hub."""
    names = [WEIGHTS_FILE, CONFIG_FILE, CARD_FILE, METRICS_FILE, *(path.name for path in folder.glob("*.png"))]
    return {name: (folder / name).read_bytes() for name in names}


def package_files() -> set[str]:
    """All files of the package but caches and bundled weights, as paths in a repository."""
    package = ROOT / "siamese"
    paths = [path for path in package.rglob("*") if path.is_file() and not {"__pycache__", "weights"} & set(path.parts)]
    return {path.relative_to(ROOT).as_posix() for path in paths}


def assert_explained(result: dict, *expected: str, kind: str = "HubError") -> None:
    """An error of this kind, which says all that is expected (regular expressions) in a line without a token."""
    assert kind in result.get("error", ()), result
    assert result["message"].isprintable()
    assert 20 < len(result["message"]) < 1000
    assert not any(token in result["message"] for token in USERS)
    for pattern in expected:
        assert re.search(pattern, result["message"]), result


def pushed(client: HubClient, *arguments, **options) -> dict:
    """What push_folder returned to Ada."""
    result = client.call("push_folder", *arguments, token=WRITER, **options)
    assert "value" in result, result
    return result["value"]


def assert_pushed(server: HubServer, result: dict, name: str, folder: Path, revision: str = "main") -> None:
    """The branch holds exactly the folder, by one commit."""
    assert "value" in result, result
    stored = server.files(f"ada/{name}", revision)
    assert stored.pop(".gitattributes")
    assert stored == contents(folder)
    assert server.repositories[f"ada/{name}"].branches[revision] == result["value"]["commit"]
    assert len(server.repositories[f"ada/{name}"].messages) == 2


def fetched(result: dict) -> dict[str, bytes]:
    """The files that a fetch has brought."""
    assert "value" in result, result
    return {path.name: path.read_bytes() for path in Path(result["value"][0]).iterdir()}


def in_groups(calls: list[Callable[[], Future]], size: int = AT_ONCE) -> list[dict]:
    """What came of the calls, each begun when the group before it has ended."""
    results = []
    for start in range(0, len(calls), size):
        futures = [call() for call in calls[start : start + size]]
        results += [future.result(120) for future in futures]
    return results
