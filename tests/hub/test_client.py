"""Names and logins: the real huggingface_hub over real HTTP, against a Hub on loopback."""

import re

import pytest
from hub_fake.expect import assert_explained, contents, pushed
from hub_fake.protocol import READER, STRANGER, WRITER

BAD_NAMES = ["", "digits", "ada/", "/digits", "ada/digits/main", "../digits", "ada/di..gits", "-ada/digits", "ada/x.git"]
BAD_REVISIONS = ["", "../main", "a b", "-x", "main\n", "/etc", "x" * 201]


@pytest.mark.parametrize(
    ("repo_id", "revision"), [*((name, None) for name in BAD_NAMES), *(("ada/digits", name) for name in BAD_REVISIONS)]
)
def test_names_that_cannot_be_are_refused_unasked(repo_id, revision, server, client, folder):
    before = len(server.log)
    for name, arguments in (("push_folder", [folder]), ("fetch_model", []), ("check_login", [])):
        result = client.call(name, *arguments, repo_id, revision=revision, token=WRITER)
        assert_explained(result, kind="ValueError")
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
        assert_explained(result)
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
    assert_explained(client.call("fetch_model", repo), repo, "hf auth login")
    assert_explained(client.call("fetch_model", repo, token=STRANGER), repo, "may not see it")
    assert_explained(client.call("push_folder", folder, repo, token=STRANGER), repo, "no right")
    assert "value" in client.call("fetch_model", repo, token=READER)
