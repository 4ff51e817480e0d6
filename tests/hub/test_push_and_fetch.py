"""Pushing a model folder and fetching it again: the real huggingface_hub over real HTTP, against a Hub on loopback."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hub_fake.client import ROOT, HubClient, environment, make_model_folder
from hub_fake.protocol import READER, STRANGER, USERS, WRITER
from hub_fake.server import HubServer
from PIL import Image

from siamese import Verifier
from siamese.hub.push import push_command
from siamese.hub.sources import bundled_models, locate_model, split_revision
from siamese.model_folder.weights import (
    CARD_FILE,
    CONFIG_FILE,
    MAX_WEIGHTS_BYTES,
    METRICS_FILE,
    REFERENCE_FILE,
    WEIGHTS_FILE,
)

HEADLINE = "99.72% balanced pair accuracy on mnist"
NUMBERS = count()


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    server = HubServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(server, tmp_path_factory) -> Iterator[HubClient]:
    """A process that uses the Hub; nothing that it writes to stderr may hold a token."""
    client = HubClient(server.endpoint, tmp_path_factory.mktemp("client"))
    client.call("set", ASK_SECONDS_IF_CACHED=15)  # a busy machine is no reason for another answer
    yield client
    client.close()
    assert not any(token in client.output() for token in USERS)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A model folder, and in it what is none of the Hub's business."""
    make_model_folder(tmp_path / "model")
    for name in ("resume.pt", "notes.txt", ".env"):
        (tmp_path / "model" / name).write_text("private")
    (tmp_path / "model" / "old").mkdir()
    (tmp_path / "model" / "old" / CONFIG_FILE).write_text("{}")
    return tmp_path / "model"


@pytest.fixture
def repo() -> str:
    """The name of a repository that is not there yet."""
    return f"ada/repository-{next(NUMBERS)}"


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a model folder that belong on the Hub."""
    names = [WEIGHTS_FILE, CONFIG_FILE, CARD_FILE, METRICS_FILE, *(path.name for path in folder.glob("*.png"))]
    return {name: (folder / name).read_bytes() for name in names}


def pushed(client: HubClient, *arguments, **options) -> dict:
    """What push_folder returned to Ada."""
    result = client.call("push_folder", *arguments, token=WRITER, **options)
    assert "value" in result, result
    return result["value"]


def assert_refused(result: dict, *expected: str, kind: str = "HubError") -> None:
    """An error of this kind, which says all that is expected in a line without a token."""
    assert kind in result.get("error", ()), result
    assert result["message"].isprintable()
    assert len(result["message"]) < 1000
    assert not any(token in result["message"] for token in USERS)
    for text in expected:
        assert text in result["message"]


# ---- Push ----


def test_a_push_makes_the_repository_and_one_commit_of_exactly_the_model(server, client, folder, repo):
    result = pushed(client, folder, repo)
    assert server.repositories[repo].messages == ["initial", HEADLINE]
    stored = server.files(repo)
    assert stored.pop(".gitattributes")
    assert stored == contents(folder)
    assert not server.repositories[repo].private
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
    assert_refused(client.call("push_folder", folder, repo, private=True, token=WRITER), repo, "public", "--private")
    assert server.repositories[repo].messages == ["by hand"]


@pytest.mark.parametrize("name", [CARD_FILE, CONFIG_FILE, WEIGHTS_FILE])
@pytest.mark.parametrize("is_link", [False, True])
def test_an_incomplete_folder_is_not_pushed(name, is_link, server, client, folder, repo, tmp_path):
    (folder / name).rename(tmp_path / "elsewhere")
    if is_link:
        (folder / name).symlink_to(tmp_path / "elsewhere")
    result = client.call("push_folder", folder, repo, token=WRITER)
    assert_refused(result, name, "model folder", kind="ValueError")
    assert "HubError" not in result["error"]
    assert server.requests(repo) == []


# ---- Names and logins ----

BAD_NAMES = ["", "digits", "ada/", "/digits", "ada/digits/main", "../digits", "ada/di..gits", "-ada/digits", "ada/x.git"]
BAD_REVISIONS = ["", "../main", "a b", "-x", "main\n", "/etc", "x" * 201]


@pytest.mark.parametrize(
    ("repo_id", "revision"), [*((name, None) for name in BAD_NAMES), *(("ada/digits", name) for name in BAD_REVISIONS)]
)
def test_names_that_cannot_be_are_refused_unasked(repo_id, revision, server, client, folder):
    before = len(server.log)
    for name, arguments in (("push_folder", [folder]), ("fetch_model", []), ("check_login", [])):
        result = client.call(name, *arguments, repo_id, revision=revision, token=WRITER)
        assert_refused(result, kind="ValueError")
        assert "HubError" not in result["error"]
    assert len(server.log) == before


LOGINS = {
    "no token": ("", "hf auth login"),
    "unknown token": ("hf_of_nobody", "does not accept the token"),
    "token of two words": ("hf_one hf_two", "holds a character that no token has"),
    "token that may only read": (READER, "read|no right"),
    "token of a stranger": (STRANGER, "no right"),
}


@pytest.mark.parametrize("exists", [False, True], ids=["new repository", "old repository"])
@pytest.mark.parametrize("login", LOGINS)
def test_a_login_that_may_not_write_is_told_so(login, exists, server, client, folder, repo):
    if exists:
        server.add(repo, {})
    token, expected = LOGINS[login]
    before = contents(folder)
    for name, arguments in (("check_login", [repo]), ("push_folder", [folder, repo])):
        result = client.call(name, *arguments, token=token)
        assert_refused(result)
        assert re.search(expected, result["message"]), result
        assert not token or not any(line in result["message"] for line in token.split())
    assert contents(folder) == before
    assert not exists or server.repositories[repo].messages == ["by hand"]
    pushed(client, folder, repo)


def test_a_login_that_may_write_is_named(client):
    for repo_id in ("ada/new", "Ada/new", "lab/new"):
        assert client.call("check_login", repo_id, token=WRITER)["value"] == "ada"


def test_what_is_private_is_there_for_its_owner_only(client, folder, repo):
    pushed(client, folder, repo, private=True)
    assert_refused(client.call("fetch_model", repo), repo, "hf auth login")
    assert_refused(client.call("fetch_model", repo, token=STRANGER), repo, "may not see it")
    assert_refused(client.call("push_folder", folder, repo, token=STRANGER), repo, "no right")
    assert "value" in client.call("fetch_model", repo, token=READER)


# ---- Fetch ----


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
    assert asked == {CONFIG_FILE, WEIGHTS_FILE, REFERENCE_FILE}
    server.change(repo, {**contents(folder), REFERENCE_FILE: b"reference"})
    place, _ = client.call("fetch_model", repo)["value"]
    assert sorted(path.name for path in Path(place).iterdir()) == sorted(asked)


def test_what_is_no_model_is_refused_before_it_is_downloaded(server, client, folder, repo):
    server.add(repo, {CARD_FILE: b"# Cats", WEIGHTS_FILE: b"weights"})
    assert_refused(client.call("fetch_model", repo), repo, "no model of siamese", CONFIG_FILE)
    server.add(repo, contents(folder), sizes={WEIGHTS_FILE: MAX_WEIGHTS_BYTES + 1})
    assert_refused(client.call("fetch_model", repo), WEIGHTS_FILE, f"{MAX_WEIGHTS_BYTES + 1:,} bytes")
    assert not [line for line in server.requests(repo) if line.startswith("GET") and "/api/" not in line]


def test_what_is_not_there_is_named(client, folder, repo):
    assert_refused(client.call("fetch_model", repo), repo, "no model")
    pushed(client, folder, repo)
    assert_refused(client.call("fetch_model", repo, "v9"), repo, "no branch, tag or commit v9")
    assert_refused(client.call("fetch_model", repo, "0" * 40), repo, "no branch, tag or commit 000")


def test_a_damaged_model_on_the_hub_is_refused_when_it_is_loaded(server, client, folder, repo, tmp_path):
    server.add(repo, {CONFIG_FILE: contents(folder)[CONFIG_FILE], WEIGHTS_FILE: b"\x80\x02cos\nsystem\n"})
    result = client.call("embed", repo, None, tmp_path / "none.png")
    assert_refused(result, "is not a safetensors file", kind="ValueError")


# ---- From training to comparing ----


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


# ---- The command ----


def run(arguments: list, variables: dict[str, str]) -> subprocess.CompletedProcess:
    """python -m siamese, as a program."""
    command = [sys.executable, "-m", "siamese", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120)


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


# ---- Where a model comes from ----


def test_a_folder_is_located_before_the_hub_is_asked(untrained_folder):
    assert locate_model(str(untrained_folder)) == (untrained_folder, "model")
    assert locate_model(untrained_folder) == (untrained_folder, "model")


@pytest.mark.parametrize("source", ["nowhere", "a/b/c", Path("user/name")])
def test_what_is_neither_folder_nor_repository_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="is neither a folder or ZIP file here nor a Hub repository USER/NAME"):
        locate_model(source)


def test_a_revision_is_split_off_except_where_it_names_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "name@folder").mkdir()
    assert split_revision("user/name@v1.0") == ("user/name", "v1.0")
    assert split_revision("user/name") == ("user/name", None)
    assert split_revision("user/name@folder") == ("user/name@folder", None)
    assert split_revision(None) == (None, None)


def test_the_bundled_weights_load_without_the_hubs_library():
    code = "import sys, siamese; siamese.Verifier.from_pretrained(); sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0


@pytest.mark.parametrize("name", bundled_models())
def test_a_bundled_model_has_a_name_unless_a_folder_is_called_so(name, untrained_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = bundled_models()[name]
    assert locate_model(name) == (folder, f"{name} (bundled)")
    assert locate_model(folder) == (folder, f"{name} (bundled)")
    with pytest.raises(ValueError, match=f"nor one of the bundled models: .*{name}"):
        locate_model(name, "v1")
    untrained_folder.rename(tmp_path / name)
    assert locate_model(name) == (Path(name), name)


def test_the_default_is_the_first_of_the_bundled_models():
    assert next(iter(bundled_models())) == "digits"
    assert locate_model(None) == locate_model("digits")
