"""Weights of the Hugging Face Hub, from one on loopback: pinned to a commit, downloaded once, there without a network."""

import hashlib
import importlib.util
import json
import subprocess
import sys

import pytest
from hub_fake.client import environment
from hub_fake.server import HubServer
from safetensors.torch import save

from siamese.encoders.pretrained import PACKAGES, find_weights, read_weights

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]  # each process reads the weights anew

(NAME, PACKAGE), *_ = PACKAGES.items()
BACKBONE, REPOSITORY = f"timm/{NAME}", f"timm/{NAME}.in1k"
# In a process that knows no other Hub: what is found of each of the arguments, and a digest of the weights; or the error.
PROGRAM = f"""
import hashlib, json, sys
from siamese.encoders.pretrained import find_weights, read_weights

for asked in sys.argv[1:]:
    try:
        found = find_weights({BACKBONE!r}, asked)
        digest = hashlib.sha256()
        for name, tensor in sorted(read_weights({BACKBONE!r}, found).items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        print(json.dumps([found.asked, found.source, digest.hexdigest()]))
    except ValueError as error:
        print(json.dumps(str(error)))
"""


@pytest.fixture(scope="module")
def weights() -> dict:
    """Those of the package."""
    pytest.importorskip("timm", reason="timm is an extra")
    if not importlib.util.find_spec(PACKAGE):
        pytest.skip(f"{PACKAGE} is not installed, which is an extra")
    read = read_weights(BACKBONE, find_weights(BACKBONE, PACKAGE))
    return {name: tensor.contiguous() for name, tensor in read.items()}


@pytest.fixture
def ask(hub_server, tmp_path):
    """Finds weights in a process of its own, whose cache stays."""

    def call(*asked: str, **more: str) -> list:
        command = [sys.executable, "-c", PROGRAM, *asked]
        variables = environment(hub_server.endpoint, tmp_path / "home", **more)
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return call


def downloads(hub_server: HubServer) -> list[str]:
    """The requests so far that fetched content."""
    return [line for line in hub_server.requests() if line.startswith("GET") and "/api/" not in line]


def test_weights_come_once_by_their_commit_and_are_those_that_were_sent(hub_server, weights, ask):
    first = hub_server.add(REPOSITORY, {"model.safetensors": save(weights), "README.md": b"weights"})
    (found,) = ask(REPOSITORY)
    assert found[:2] == [f"{REPOSITORY}@{first}"] * 2
    assert found[2] == digest_of(weights)
    fetched = downloads(hub_server)
    assert fetched
    assert not [line for line in fetched if "README" in line]
    other = {name: 2 * tensor for name, tensor in weights.items()}
    second = hub_server.change(REPOSITORY, {"model.safetensors": save(other)})
    before = hub_server.requests()
    pinned, again, newest = ask(f"{REPOSITORY}@{first}", f"{REPOSITORY}@{first}", REPOSITORY)
    assert pinned == again == found  # whatever the branch is by now
    assert newest == [f"{REPOSITORY}@{second}", f"{REPOSITORY}@{second}", digest_of(other)]
    asked = hub_server.requests()[len(before) :]
    assert not [line for line in asked if first in line]  # what is here by its commit asks nothing
    fetched = downloads(hub_server)
    assert ask(REPOSITORY, HF_HUB_OFFLINE="1") == [newest]
    hub_server.stop()
    assert ask(f"{REPOSITORY}@{first}", REPOSITORY) == [found, newest]
    assert downloads(hub_server) == fetched


@pytest.mark.parametrize("fault", ["missing", "cut"])
def test_what_cannot_be_had_is_one_sentence_and_the_next_try_works(fault, hub_server, weights, ask):
    name = {"missing": "timm/nothing"}.get(fault, REPOSITORY)
    commit = hub_server.add(REPOSITORY, {"model.safetensors": save(weights)})
    if fault == "cut":
        hub_server.fail("cut answer", "resolve", times=100)
    (said,) = ask(name, HF_HUB_DOWNLOAD_TIMEOUT="2")
    assert isinstance(said, str), said
    assert said.startswith(f"the weights of {BACKBONE} cannot be had from the Hugging Face Hub ({name}): ")
    assert said.endswith("--backbone-weights FILE takes them from a file")
    assert "\n" not in said
    hub_server.faults.clear()
    if fault == "cut":
        assert ask(name) == [[f"{REPOSITORY}@{commit}", f"{REPOSITORY}@{commit}", digest_of(weights)]]


def digest_of(weights: dict) -> str:
    """Of names and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()
