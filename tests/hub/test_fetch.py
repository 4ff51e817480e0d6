"""Fetching a model: the real huggingface_hub over real HTTP, against a Hub on loopback that fails on demand.

Print the counts of faults with -rP.
"""

import json
import math
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hub_fake.client import PATIENCE, environment, make_model_folder, run
from hub_fake.expect import assert_explained, contents, fetched, in_groups, pushed
from hub_fake.server import Fault
from PIL import Image

from siamese import Verifier
from siamese.model_folder.files import CARD_FILE, CONFIG_FILE, MAX_WEIGHTS_BYTES, REFERENCE_FILE, WEIGHTS_FILE

NUMBERS = count()


def test_a_model_is_fetched_by_branch_tag_and_commit(server, client, folder, repo, tmp_path):
    make_model_folder(tmp_path / "newer", seed=1)
    commits = [pushed(client, source, repo)["commit"] for source in (folder, tmp_path / "newer")]
    branch = pushed(client, folder, repo, revision="trial/one")["commit"]
    server.repositories[repo].tags["v1.0"] = commits[0]
    wanted = {None: commits[1], "main": commits[1], "v1.0": commits[0], "trial/one": branch} | {sha: sha for sha in commits}
    for revision, commit in wanted.items():
        place, found = client.call("fetch_model", repo, revision)["value"]
        assert found == commit
        source = tmp_path / "newer" if commit == commits[1] else folder
        files = {path.name: path.read_bytes() for path in Path(place).iterdir()}
        assert files == {name: (source / name).read_bytes() for name in (CONFIG_FILE, WEIGHTS_FILE)}


def test_a_branch_that_moves_is_followed(client, folder, repo, tmp_path):
    make_model_folder(tmp_path / "newer", seed=1)
    for source in (folder, tmp_path / "newer", folder):
        commit = pushed(client, source, repo)["commit"]
        place, found = client.call("fetch_model", repo)["value"]
        assert found == commit
        assert (Path(place) / WEIGHTS_FILE).read_bytes() == (source / WEIGHTS_FILE).read_bytes()


def test_a_commit_in_the_cache_asks_nothing_and_a_branch_one_question(server, client, folder, repo):
    commit = pushed(client, folder, repo)["commit"]
    client.call("fetch_model", repo)
    before = len(server.requests(repo))
    client.call("fetch_model", repo, commit)
    assert server.requests(repo)[before:] == []
    client.call("fetch_model", repo, "main")
    assert server.requests(repo)[before:] == [f"GET /api/models/{repo}/revision/main"]


def test_only_config_weights_and_reference_are_ever_downloaded(server, client, folder, repo):
    traps = ("model.py", "pytorch_model.bin", "requirements.txt", "__init__.py")
    server.add(repo, {**contents(folder), **dict.fromkeys(traps, b"import os")})
    place, _ = client.call("fetch_model", repo)["value"]
    assert sorted(path.name for path in Path(place).iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]
    asked = {line.rsplit("/", 1)[1] for line in server.requests(repo) if "/resolve/" in line}
    assert asked == {CONFIG_FILE, WEIGHTS_FILE}
    server.change(repo, {**contents(folder), REFERENCE_FILE: b"reference"})
    place, _ = client.call("fetch_model", repo)["value"]
    assert sorted(path.name for path in Path(place).iterdir()) == sorted([CONFIG_FILE, WEIGHTS_FILE, REFERENCE_FILE])


def test_what_is_no_model_is_refused_before_it_is_downloaded(server, client, folder, repo):
    server.add(repo, {CARD_FILE: b"# Cats", WEIGHTS_FILE: b"weights"})
    assert_explained(client.call("fetch_model", repo), repo, "not a model of this project", CONFIG_FILE)
    server.add(repo, contents(folder), sizes={WEIGHTS_FILE: MAX_WEIGHTS_BYTES + 1})
    assert_explained(client.call("fetch_model", repo), WEIGHTS_FILE, f"{MAX_WEIGHTS_BYTES + 1:,} bytes")
    assert not [line for line in server.requests(repo) if line.startswith("GET") and "/api/" not in line]


def test_what_is_not_there_is_named(client, folder, repo):
    assert_explained(client.call("fetch_model", repo), repo, "no model")
    pushed(client, folder, repo)
    assert_explained(client.call("fetch_model", repo, "v9"), repo, "no branch, tag or commit v9")
    assert_explained(client.call("fetch_model", repo, "0" * 40), repo, "no branch, tag or commit 000")


def test_a_damaged_model_on_the_hub_is_refused_when_it_is_loaded(server, client, folder, repo, tmp_path):
    server.add(repo, {CONFIG_FILE: contents(folder)[CONFIG_FILE], WEIGHTS_FILE: b"\x80\x02cos\nsystem\n"})
    result = client.call("embed", repo, None, tmp_path / "none.png")
    assert_explained(result, "is not a safetensors file", kind="ValueError")


# ---- Every request of a fetch fails, one by one ----


FETCH_FAULTS = {
    "server error": Fault(500),
    "too many requests": Fault(429, headers={"Retry-After": "0"}),
    "not found": Fault(404),
    "cut": Fault("cut"),
    "cut answer": Fault("cut answer"),
    "truncated": Fault("truncate"),
    "another's page": Fault("page"),
    "no answer": Fault("hang"),
    "truncated again and again": Fault("truncate", times=math.inf),
}


@pytest.fixture(scope="module")
def requests_of_a_fetch(server, client, template) -> list[str]:
    server.add("ada/unfetched", {**contents(template), REFERENCE_FILE: b"reference"})
    fetched(client.call("fetch_model", "ada/unfetched"))
    requests = server.requests("ada/unfetched")
    assert {line.split()[0] for line in requests} == {"GET", "HEAD", "POST"}
    assert len(requests) >= 8
    return requests


@pytest.mark.slow
@pytest.mark.parametrize("fault", FETCH_FAULTS)
def test_a_fault_at_any_request_of_a_fetch_never_gives_a_damaged_model_and_a_retry_succeeds(
    fault, server, client, template, requests_of_a_fetch
):
    files = {**contents(template), REFERENCE_FILE: b"reference"}
    wanted = {name: files[name] for name in (CONFIG_FILE, WEIGHTS_FILE, REFERENCE_FILE)}
    names = [f"ada/fetched-{next(NUMBERS)}-run" for _ in requests_of_a_fetch]
    for name in names:
        server.add(name, files)
    faults = [replace(FETCH_FAULTS[fault], key=name, number=number) for number, name in enumerate(names, 1)]
    server.faults += faults
    client.call("set", ASK_SECONDS=PATIENCE if fault == "no answer" else 60)
    calls = [partial(client.start, "fetch_model", name) for name in names]
    results = in_groups(calls)
    for result, injected in zip(results, faults, strict=True):
        assert injected.number <= 0, f"{injected.key}: nothing went wrong"
        if "error" in result:
            assert_explained(result)
        else:
            assert fetched(result) == wanted
        injected.times = 0
    for result in in_groups(calls):
        assert fetched(result) == wanted
    alone = sum("value" in result for result in results)
    print(f"{fault}: {len(names)} requests failed, {alone} fetches got there by themselves, {len(names) - alone} by a retry")


def test_a_newer_version_that_does_not_come_through_leaves_the_older_one_in_use(server, client, template, tmp_path):
    name, old = "ada/older", contents(template)
    older = server.add(name, old)
    assert client.call("fetch_model", name)["value"][1] == older
    make_model_folder(tmp_path / "newer", seed=1)
    newer = server.change(name, contents(tmp_path / "newer"))
    fault = server.fail("truncate", f"GET /lfs/{name}", times=math.inf)
    for _ in range(2):
        place, commit = client.call("fetch_model", name)["value"]
        assert commit == older
        assert (Path(place) / WEIGHTS_FILE).read_bytes() == old[WEIGHTS_FILE]
    assert f"using {name} from the cache, commit {older}" in client.output()
    fault.times = 0
    place, commit = client.call("fetch_model", name)["value"]
    assert commit == newer
    assert (Path(place) / WEIGHTS_FILE).read_bytes() == (tmp_path / "newer" / WEIGHTS_FILE).read_bytes()


# ---- From training to comparing ----


@pytest.mark.slow
def test_a_model_trained_pushed_and_pulled_gives_the_same_embedding_to_the_bit(
    server, client, trained_folder, repo, digits, tmp_path
):
    Image.fromarray(digits[0][7]).save(tmp_path / "seven.png")
    commit = pushed(client, trained_folder, repo)["commit"]
    assert {name: server.files(repo)[name] for name in contents(trained_folder)} == contents(trained_folder)
    before = client.call("embed", trained_folder, None, tmp_path / "seven.png")["value"]
    after = client.call("embed", repo, commit, tmp_path / "seven.png")["value"]
    assert len(before) == 2 * 4 * Verifier.from_pretrained(trained_folder).config.encoder.embedding_dim
    assert after == before


@pytest.mark.slow
def test_a_pulled_model_compares_as_the_trained_one_did(server, client, trained_folder, repo, digits, tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, image in zip(paths, digits[0], strict=False):
        Image.fromarray(image).save(path)
    commit = pushed(client, trained_folder, repo)["commit"]
    values = []
    for model in (trained_folder, f"{repo}@{commit}"):
        finished = run(["compare", *paths, "--model", model, "--json"], environment(server.endpoint, tmp_path / "home"))
        assert (finished.returncode, finished.stderr) == (0, "")
        values.append(json.loads(finished.stdout))
    assert [value.pop("model") for value in values] == [trained_folder.name, f"{repo}@{commit}"]
    assert values[0] == values[1]
