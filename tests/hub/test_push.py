"""Pushing a model folder: the real huggingface_hub over real HTTP, against a Hub on loopback that fails on demand.

Print the counts of faults with -rP.
"""

import json
import math
import re
import shlex
import shutil
from dataclasses import replace
from functools import partial

import pytest
from hub_fake.client import PATIENCE, environment, make_model_folder, run
from hub_fake.expect import AT_ONCE, assert_explained, assert_pushed, contents, in_groups, pushed
from hub_fake.protocol import STRANGER, WRITER
from hub_fake.server import Fault

from siamese.hub.push import push_command
from siamese.model_folder.files import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE

HEADLINE = "99.72% balanced pair accuracy on mnist"


def test_a_push_makes_the_repository_and_one_commit_of_exactly_the_model(server, client, folder, repo):
    result = pushed(client, folder, repo)
    assert server.repositories[repo].messages == ["initial", HEADLINE]
    stored = server.files(repo)
    assert stored.pop(".gitattributes")
    assert stored == contents(folder)
    assert not server.repositories[repo].private
    assert f"{repo} is public" in result["text"]
    assert result["commit"] == server.repositories[repo].branches["main"]
    assert result["url"] == f"{server.endpoint}/{repo}"


def test_what_a_push_says_names_the_page_the_commit_and_how_to_use_it(client, folder, repo):
    result = pushed(client, folder, repo)
    assert result["url"] in result["text"]
    assert f"commit {result['commit']}" in result["text"]
    snippet = re.search(
        r"from siamese import Verifier; verifier = Verifier\.from_pretrained\('(.+)', '(.+)'\)", result["text"]
    )
    _, commit = client.call("fetch_model", *snippet.groups())["value"]
    assert commit == result["commit"]


def test_a_push_of_what_is_there_already_makes_no_commit_and_sends_no_file(server, client, folder, repo):
    first = pushed(client, folder, repo)
    before = len(server.requests(repo))
    assert pushed(client, folder, repo) == first
    assert server.repositories[repo].messages == ["initial", HEADLINE]
    assert not [line for line in server.requests(repo)[before:] if line.startswith("PUT") or "/commit/" in line]


@pytest.mark.parametrize("changed", [WEIGHTS_FILE, CARD_FILE])
def test_a_push_after_a_change_sends_only_what_changed(changed, server, client, folder, repo, tmp_path):
    pushed(client, folder, repo)
    before = len(server.log)
    if changed == WEIGHTS_FILE:
        make_model_folder(tmp_path / "other", seed=1)
        shutil.copy(tmp_path / "other" / WEIGHTS_FILE, folder / WEIGHTS_FILE)
    else:
        (folder / CARD_FILE).write_text((folder / CARD_FILE).read_text() + "\nOne more line.\n")
    pushed(client, folder, repo)
    requests = [(line, text) for line, text, _ in server.log[before:] if repo in line]
    assert sum(line.startswith("PUT") for line, _ in requests) == (changed == WEIGHTS_FILE)
    (commit,) = [text.split(" ", 2)[2] for line, text in requests if "/commit/" in line]
    values = [json.loads(line)["value"] for line in commit.splitlines()]
    assert [value["path"] for value in values if "path" in value] == [changed]
    assert server.files(repo)[changed] == (folder / changed).read_bytes()
    assert len(server.repositories[repo].messages) == 3


def test_a_push_to_a_branch_makes_it_and_leaves_main_alone(server, client, folder, repo):
    result = pushed(client, folder, repo, revision="trial/one")
    assert server.repositories[repo].branches["trial/one"] == result["commit"]
    assert list(server.files(repo, "main")) == [".gitattributes"]
    assert result["url"].endswith("/tree/trial/one")
    assert pushed(client, folder, repo, revision="trial/one") == result


def test_a_push_to_a_private_repository_makes_it_private(server, client, folder, repo):
    pushed(client, folder, repo, private=True)
    assert server.repositories[repo].private
    pushed(client, folder, repo)
    assert server.repositories[repo].private


def test_a_public_repository_is_not_taken_for_a_private_one(server, client, folder, repo):
    server.add(repo, {})
    assert_explained(client.call("push_folder", folder, repo, private=True, token=WRITER), repo, "public", "--private")
    assert server.repositories[repo].messages == ["by hand"]


@pytest.mark.parametrize("name", [CARD_FILE, CONFIG_FILE, WEIGHTS_FILE])
@pytest.mark.parametrize("is_link", [False, True])
def test_an_incomplete_folder_is_not_pushed(name, is_link, server, client, folder, repo, tmp_path):
    (folder / name).rename(tmp_path / "elsewhere")
    if is_link:
        (folder / name).symlink_to(tmp_path / "elsewhere")
    result = client.call("push_folder", folder, repo, token=WRITER)
    assert_explained(result, name, "model folder", kind="ValueError")
    assert "HubError" not in result["error"]
    assert server.requests(repo) == []


# ---- Every request of a push fails, one by one ----


NOT_THE_HUB = "is not the Hub|answers with status 404|no branch, tag or commit trial"  # where a made-up success came first
CUT_OFF, OUT_OF_ORDER = "the connection to the Hub at .* failed", "out of order .status 500"
FAULTS = {  # faults, each with what is said of it where the client does not mend it by itself
    "server error": [(Fault(500), OUT_OF_ORDER)],
    "too many requests": [(Fault(429, headers={"Retry-After": "0"}), "too many requests")],
    "forbidden": [(Fault(403), "no right")],
    "cut": [(Fault("cut"), CUT_OFF)],
    "cut answer": [(Fault("cut answer"), CUT_OFF)],
    "another's page": [(Fault("page"), NOT_THE_HUB)],
    "no answer": [(Fault("hang"), "does not answer")],
    "cut midway through an upload": [(Fault("cut upload", "PUT"), CUT_OFF)],
    "one that lasts": [(Fault("cut", times=math.inf), CUT_OFF), (Fault(500, times=math.inf), OUT_OF_ORDER)],
}
USUAL = ("server error", "cut", "cut midway through an upload")  # the others are in the exhaustive tests


@pytest.fixture(scope="module")
def requests_of_a_push(server, client, template) -> list[str]:
    """What a push sends where nothing fails, to a new branch of a new repository."""
    before = len(server.log)
    pushed(client, template, "ada/unfaulty", revision="trial")
    requests = [line for line, text, _ in server.log[before:] if "unfaulty" in text or "validate-yaml" in line]
    kinds = {line.split("/")[-1].split("?")[0] for line in requests}
    assert {"create", "validate-yaml", "trial", "batch"} <= kinds
    assert len(requests) >= 20
    return requests


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=[] if name in USUAL else [pytest.mark.exhaustive]) for name in FAULTS]
)
def test_a_fault_at_any_request_of_a_push_loses_nothing_and_a_retry_succeeds(fault, server, client, new, requests_of_a_push):
    tries, faults = [], []  # of each, the name, the folder, its files, and what is said
    for kind, expected in FAULTS[fault]:
        for number in range(1, sum(kind.match in line for line in requests_of_a_push) + 1):
            name, folder = new()
            tries.append((name, folder, contents(folder), expected))
            faults.append(replace(kind, key=name, number=number))
    server.faults += faults
    client.call("set", ANSWER_SECONDS=PATIENCE if fault == "no answer" else 60)
    push = partial(client.start, "push_folder", revision="trial", token=WRITER)
    calls = [partial(push, folder, f"ada/{name}") for name, folder, *_ in tries]
    # The client tries for half a minute against what lasts: all at the same time.
    results = in_groups(calls, len(calls) if fault == "one that lasts" else AT_ONCE)

    for (name, folder, files, expected), result, injected in zip(tries, results, faults, strict=True):
        assert injected.number <= 0, f"{name}: nothing went wrong"
        assert contents(folder) == files
        if "error" in result:
            assert_explained(result, expected)
        else:
            assert_pushed(server, result, name, folder, "trial")
        injected.times = 0

    there = {name: server.stored(f"ada/{name}") for name, *_ in tries}
    sent = {name: len(server.requests(name)) for name, *_ in tries}
    for (name, folder, *_), result in zip(tries, in_groups(calls), strict=True):
        assert_pushed(server, result, name, folder, "trial")
        uploads = [line.rsplit("/", 1)[1] for line in server.requests(name)[sent[name] :] if line.startswith("PUT")]
        missing = server.stored(f"ada/{name}") - there[name]
        assert sorted(uploads) == sorted(missing)
    alone = sum("value" in result for result in results)
    print(f"{fault}: {len(tries)} faults, {alone} pushes got there by themselves, {len(tries) - alone} by a retry, 0 not")


# ---- The command ----


@pytest.mark.slow
def test_a_push_that_fails_exits_3_with_the_command_that_then_pushes(server, folder, repo, tmp_path):
    variables = environment(server.endpoint, tmp_path / "home")
    before = contents(folder)
    arguments = ["push", folder, "--repo-id", repo, "--private", "--revision", "trial"]
    failed = run(arguments, {**variables, "HF_TOKEN": STRANGER})
    assert (failed.returncode, failed.stdout) == (3, "")
    assert "no right" in failed.stderr
    assert "model folder is complete" in failed.stderr
    assert STRANGER not in failed.stderr
    assert contents(folder) == before
    again = shlex.split(failed.stderr.rpartition("try again with: ")[2])
    assert again[:3] == ["python", "-m", "siamese"]
    worked = run(again[3:], {**variables, "HF_TOKEN": WRITER})
    assert worked.returncode == 0, worked.stderr
    commit = server.repositories[repo].branches["trial"]
    assert worked.stdout.splitlines()[:2] == [f"pushed to {server.endpoint}/{repo}/tree/trial", f"commit {commit}"]
    assert WRITER not in worked.stdout + worked.stderr
    assert server.repositories[repo].private


@pytest.mark.parametrize(
    ("there", "repo_id", "expected"), [(False, "ada/x", "no such folder"), (True, "x", "not of the form USER/NAME")]
)
def test_a_mistake_in_a_push_exits_2(there, repo_id, expected, server, folder, tmp_path):
    source = folder if there else tmp_path / "nowhere"
    finished = run(["push", source, "--repo-id", repo_id], environment(server.endpoint, tmp_path / "home", WRITER))
    assert (finished.returncode, finished.stdout) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\n", finished.stderr)
    assert expected in finished.stderr


def test_the_command_of_a_push_is_one_that_a_shell_takes():
    command = push_command("my models/it's", "ada/x", True, "trial")
    parts = ["push", "my models/it's", "--repo-id", "ada/x", "--private", "--revision", "trial"]
    assert shlex.split(command) == ["python", "-m", "siamese", *parts]
    command = push_command("m", "ada/x", public=True, publish_pictures=False, without_reference=True)
    assert shlex.split(command)[4:] == ["m", "--repo-id", "ada/x", "--public", "--without-reference"]
