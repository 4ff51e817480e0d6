"""What is said when something fails between here and the Hub: the real client over real HTTP, a Hub on loopback."""

import json
import math
import re
import subprocess
import time
from collections.abc import Iterator

import pytest
from hub_fake.client import PATIENCE, HubClient
from hub_fake.expect import assert_explained, assert_pushed, contents, fetched
from hub_fake.protocol import WRITER
from hub_fake.server import HubServer
from huggingface_hub import HfApi, ModelInfo, _commit_api, errors, file_download
from huggingface_hub.utils import httpx

from siamese.hub.errors import HubError, explained
from siamese.model_folder.files import CARD_FILE

REFUSALS = [  # status, the requests that get it, what is said of it
    (402, "POST /api/repos/create", "paid plan"),
    (409, "POST /api/repos/create", "the name ada/.* is taken"),
    (401, "GET /api/models", "does not accept the token.*hf auth login"),
    (400, "/preupload/", "refuses what was sent"),
    (413, "PUT", "files as large as these"),
    (402, "/commit/", "more storage"),
    (412, "/commit/", "somebody else has changed ada/.* at the same moment"),
    (418, "/commit/", "answers with status 418"),
]


@pytest.mark.parametrize(("status", "match", "expected"), REFUSALS, ids=lambda value: str(value))
def test_a_refusal_says_what_it_means_and_what_the_hub_says(status, match, expected, server, client, new):
    name, folder = new()
    before = contents(folder)
    fault = server.fail(status, match, key=name, times=math.inf, error="because\x1b[2J of\nthis")
    result = client.call("push_folder", folder, f"ada/{name}", token=WRITER)
    assert_explained(result, expected, "because.* of this")
    assert ("HubUnavailableError" in result["error"]) is False
    assert contents(folder) == before
    fault.times = 0
    assert_pushed(server, client.call("push_folder", folder, f"ada/{name}", token=WRITER), name, folder)


def test_a_hub_that_asks_to_wait_gets_what_it_asks_for(server, client, new):
    name, folder = new()
    fault = server.fail(429, "/preupload/", key=name, headers={"Retry-After": "1"})
    result = client.call("push_folder", folder, f"ada/{name}", token=WRITER)
    assert fault.times == 0
    assert result["seconds"] >= 1
    assert_pushed(server, result, name, folder)


def test_a_hub_that_asks_to_wait_at_the_first_question_is_quoted(server, client, new):
    name, folder = new()
    server.fail(429, f"GET /api/models/ada/{name}", headers={"Retry-After": "300"})
    result = client.call("push_folder", folder, f"ada/{name}", token=WRITER)
    assert_explained(result, "too many requests", "asks to wait 300 s", kind="HubUnavailableError")
    assert_pushed(server, client.call("push_folder", folder, f"ada/{name}", token=WRITER), name, folder)


def test_metadata_that_the_hub_refuses_is_quoted(server, client, new):
    name, folder = new()
    card = (folder / CARD_FILE).read_text()
    (folder / CARD_FILE).write_text("---\n[1, 2]\n---\n")
    assert_explained(client.call("push_folder", folder, f"ada/{name}", token=WRITER), "metadata is no YAML")
    (folder / CARD_FILE).write_text(card)
    assert_pushed(server, client.call("push_folder", folder, f"ada/{name}", token=WRITER), name, folder)


@pytest.mark.parametrize(
    "mistake", [lambda: None + 1, lambda: "".nothing, lambda: HfApi().whoami(nothing=1), lambda: json.dumps({1})]
)
def test_a_mistake_of_this_program_is_no_error_of_the_hub(mistake):
    with pytest.raises((TypeError, AttributeError)), explained("ada/x"):
        mistake()


def test_what_the_client_makes_of_an_answer_is_one():
    with pytest.raises(HubError), explained("ada/x"):
        ModelInfo(id="ada/x", siblings=[5])  # fails in the client, as where the answer of another server is read


# ---- No network, another network, no room ----


@pytest.fixture(scope="module")
def lonely(template, tmp_path_factory) -> Iterator[tuple[HubServer, HubClient, str]]:
    """A Hub that may go away, a process that uses it, and the commit of ada/kept, which its cache holds by all its names."""
    server = HubServer()
    client = HubClient(server.endpoint, tmp_path_factory.mktemp("lonely"))
    client.call("set", ASK_SECONDS=2)
    commit = server.add("ada/kept", contents(template))
    server.repositories["ada/kept"].tags["v1.0"] = commit
    for revision in KEPT:
        fetched(client.call("fetch_model", "ada/kept", revision))
    yield server, client, commit
    client.close()
    server.stop()


KEPT = (None, "main", "v1.0")


@pytest.fixture(params=["refused", "mute", "page", "server error"])
def away(request, lonely) -> Iterator[str]:
    """A Hub that nobody can use: it refuses connections, says nothing, is another's page, or is out of order."""
    server, _, _ = lonely
    kind = {"refused": None, "mute": "hang", "page": "page", "server error": 503}[request.param]
    fault = server.fail(kind, times=math.inf) if kind else server.stop()
    yield {None: "failed", "hang": "does not answer", "page": "is not the Hub", 503: "out of order"}[kind]
    if kind:
        fault.times = 0
    else:
        server.start()


def test_without_the_hub_the_cache_serves_at_once(away, lonely, template):
    _, client, commit = lonely
    for revision in (*KEPT, commit):
        result = client.call("fetch_model", "ada/kept", revision)
        assert result["value"][1] == commit
        assert fetched(result).items() <= contents(template).items()
        assert result["seconds"] < (0.1 if revision == commit else 1.0)
    assert re.search(f"{away}.*; using ada/kept from the cache, commit {commit}", client.output())


def test_without_the_hub_and_the_cache_a_fetch_says_so_soon(away, lonely):
    _, client, _ = lonely
    result = client.call("fetch_model", "ada/elsewhere", "v1.0")
    assert_explained(result, away, "the cache does not hold ada/elsewhere", kind="HubUnavailableError")
    assert result["seconds"] < 4


@pytest.mark.slow
def test_without_the_hub_a_login_and_a_push_say_so_and_the_push_succeeds_later(away, lonely, new):
    server, client, _ = lonely
    name, folder = new()
    before = contents(folder)
    client.call("set", ANSWER_SECONDS=PATIENCE)
    for call, arguments in (("check_login", [f"ada/{name}"]), ("push_folder", [folder, f"ada/{name}"])):
        result = client.call(call, *arguments, token=WRITER)
        assert_explained(result, away, kind="HubUnavailableError")
    assert contents(folder) == before
    if away == "failed":
        server.start()
    for fault in server.faults:
        fault.times = 0
    assert_pushed(server, client.call("push_folder", folder, f"ada/{name}", token=WRITER), name, folder)
    if away == "failed":
        server.stop()


def test_a_network_that_goes_away_midway_and_comes_back_is_waited_for(lonely, new):
    server, client, _ = lonely
    name, folder = new()
    pushing = client.start("push_folder", folder, f"ada/{name}", token=WRITER)
    fault = server.fail("hang", "PUT", key=name, times=math.inf)
    while fault.number > 0:
        time.sleep(0.01)
    server.stop()
    time.sleep(1)
    fault.times = 0
    server.start()
    result = pushing.result(60)
    if "error" in result:  # huggingface_hub may close its client under its own second try; then ours is to push again
        result = client.start("push_folder", folder, f"ada/{name}", token=WRITER).result(60)
    assert_pushed(server, result, name, folder)


def test_offline_mode_serves_the_cache_at_once_and_nothing_else(lonely, template, new):
    server, client, commit = lonely
    _, folder = new()
    offline = HubClient(server.endpoint, client.home, HF_HUB_OFFLINE="1")
    before = len(server.log)
    for revision in (*KEPT, commit):
        result = offline.call("fetch_model", "ada/kept", revision)
        assert result["value"][1] == commit
        assert result["seconds"] < 1
    for call, arguments in (("fetch_model", ["ada/elsewhere"]), ("fetch_model", ["ada/kept", "v2"])):
        result = offline.call(call, *arguments)
        assert_explained(result, "HF_HUB_OFFLINE is set", "cache does not hold", kind="HubUnavailableError")
        assert result["seconds"] < 1
    assert_explained(offline.call("push_folder", folder, "ada/x", token=WRITER), "HF_HUB_OFFLINE is set")
    assert len(server.log) == before
    offline.close()


def test_a_full_disk_is_named_and_with_room_a_fetch_succeeds(server, client, template, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    command = f"mount -t tmpfs -o size=64k tmpfs {small} && "
    isolated = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*isolated, f"{command} true"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no disk of 64 KB can be had here: {error}")
    name = "ada/large"
    server.add(name, contents(template))
    cramped = HubClient(
        server.endpoint, tmp_path / "home", [*isolated, f'{command} exec "$@"', "sh"], HF_HUB_CACHE=str(small)
    )
    assert_explained(cramped.call("fetch_model", name), "disk is full", "No space left", str(small))
    cramped.close()
    assert fetched(client.call("fetch_model", name)).items() <= contents(template).items()


# ---- A Hub that answers, and never ends; one without what it promises ----


@pytest.fixture
def hasty(client) -> Iterator[None]:
    """Transfers that are waited for a short time."""
    kept = {"TRANSFER_SECONDS": 120, "SLOWEST": 50_000}
    client.call("set", TRANSFER_SECONDS=2, SLOWEST=10**9, ASK_SECONDS=2)
    yield
    client.call("set", ASK_SECONDS=60, **kept)


@pytest.mark.parametrize("match", ["GET /api/models", "POST /api/models", "GET /lfs/"])
def test_a_hub_that_drips_holds_no_fetch_up(match, server, client, template, hasty):
    name = f"ada/drips-{match[0]}{match[-2]}"
    server.add(name, contents(template))
    fault = server.fail("drip", match, times=math.inf)
    result = client.call("fetch_model", name)
    fault.times = 0
    assert_explained(result, "does not answer", kind="HubUnavailableError")
    assert result["seconds"] < 20


@pytest.mark.parametrize("match", ["GET /api/models", "/preupload/", "/commit/"])
def test_a_hub_that_drips_holds_no_push_up(match, server, client, new, hasty):
    name, folder = new()
    before = contents(folder)
    fault = server.fail("drip", match, key=name, times=math.inf)
    result = client.call("push_folder", folder, f"ada/{name}", token=WRITER)
    fault.times = 0
    assert_explained(result, "does not answer in whole within 2 s", kind="HubUnavailableError")
    assert result["seconds"] < 20
    assert contents(folder) == before


@pytest.mark.parametrize(("status", "expected"), [(403, "may not read ada/.*a token that may read it"), (409, "is busy")])
def test_advice_on_a_refusal_to_fetch_is_about_reading(status, expected, server, client, template):
    name = f"ada/refuses-{status}"
    server.add(name, contents(template))
    server.fail(status, f"GET /api/models/{name}", times=math.inf)
    result = client.call("fetch_model", name)
    assert_explained(result, expected)
    assert "write" not in result["message"]


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_mirror_without_xet_is_told_from_one_without_the_model(kind):
    request = httpx.Request("GET", f"http://mirror/api/models/ada/x/xet-{kind}-token/main")
    refused = errors.HfHubHTTPError("404 Not Found", response=httpx.Response(404, request=request))
    with pytest.raises(HubError, match="HF_HUB_DISABLE_XET=1"), explained("ada/x"):
        raise refused
    elsewhere = httpx.Request("GET", "http://mirror/api/models/ada/xet-read-token")
    refused = errors.HfHubHTTPError("404 Not Found", response=httpx.Response(404, request=elsewhere))
    with pytest.raises(HubError, match="status 404"), explained("ada/x"):
        raise refused


def test_what_fails_in_the_storage_of_large_files_is_called_so():
    def xet_get() -> None:  # the name of the function of huggingface_hub that hands over
        raise RuntimeError("Data processing error: CAS service error")

    with pytest.raises(HubError, match=r"HF_HUB_DISABLE_XET=1.*CAS service error"), explained("ada/x"):
        xet_get()
    assert {"xet_get", "_upload_xet_files"} <= {*dir(file_download), *dir(_commit_api)}
