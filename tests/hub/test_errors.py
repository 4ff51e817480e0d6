"""Whatever fails between here and the Hub: nothing is lost, the message says what happened, and another try succeeds.

The real huggingface_hub over real HTTP, against a Hub on loopback that fails on demand. Print the counts with -rP.
"""

import math
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hub_fake.client import HubClient, make_model_folder
from hub_fake.protocol import USERS, WRITER
from hub_fake.server import Fault, HubServer

from siamese.model_folder.weights import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE

AT_ONCE = 12  # pushes or fetches that run at the same time
PATIENCE = 3  # s that the client waits here for an answer that does not come, instead of minutes
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
    yield client
    client.close()
    assert not any(token in client.output() for token in USERS)


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    make_model_folder(tmp_path_factory.mktemp("template") / "model")
    return tmp_path_factory.getbasetemp() / "template0" / "model"


@pytest.fixture
def new(template, tmp_path):
    """Makes a repository's name (without its owner), and a model folder whose every request can be told from others."""

    def make() -> tuple[str, Path]:
        name = f"faulty-{next(NUMBERS)}-run"
        folder = shutil.copytree(template, tmp_path / name)
        (folder / CARD_FILE).write_text(f"{(folder / CARD_FILE).read_text()}\n{name}\n")
        return name, folder

    return make


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_explained(result: dict, *expected: str, kind: str = "HubError") -> None:
    """An error of this kind, which says all that is expected (regular expressions) in a line without a token."""
    assert kind in result.get("error", ()), result
    assert result["message"].isprintable()
    assert 20 < len(result["message"]) < 1000
    assert not any(token in result["message"] for token in USERS)
    for pattern in expected:
        assert re.search(pattern, result["message"]), result


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
    return contents(Path(result["value"][0]))


def in_groups(calls: list[Callable[[], Future]], size: int = AT_ONCE) -> list[dict]:
    """What came of the calls, each begun when the group before it has ended."""
    results = []
    for start in range(0, len(calls), size):
        futures = [call() for call in calls[start : start + size]]
        results += [future.result(120) for future in futures]
    return results


# ---- Every request of a push, one by one ----

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


@pytest.fixture(scope="module")
def requests_of_a_push(server, client, template) -> list[str]:
    """What a push sends where nothing fails, to a new branch of a new repository."""
    assert "value" in client.call("push_folder", template, "ada/unfaulty", revision="trial", token=WRITER)
    requests = [line for line, text, _ in server.log if "unfaulty" in text or "validate-yaml" in line]
    kinds = {line.split("/")[-1].split("?")[0] for line in requests}
    assert {"create", "validate-yaml", "trial", "batch"} <= kinds
    assert len(requests) >= 20
    return requests


@pytest.mark.parametrize("fault", FAULTS)
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


# ---- Every request of a fetch, one by one ----

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
    server.add("ada/unfetched", contents(template))
    fetched(client.call("fetch_model", "ada/unfetched"))
    requests = server.requests("ada/unfetched")
    assert {line.split()[0] for line in requests} == {"GET", "HEAD"}
    assert len(requests) >= 7
    return requests


@pytest.mark.parametrize("fault", FETCH_FAULTS)
def test_a_fault_at_any_request_of_a_fetch_never_gives_a_damaged_model_and_a_retry_succeeds(
    fault, server, client, template, requests_of_a_fetch
):
    wanted = {name: content for name, content in contents(template).items() if name in (CONFIG_FILE, WEIGHTS_FILE)}
    names = [f"ada/fetched-{next(NUMBERS)}-run" for _ in requests_of_a_fetch]
    for name in names:
        server.add(name, contents(template))
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
    name, old = f"ada/older-{next(NUMBERS)}", contents(template)
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
    name = f"ada/large-{next(NUMBERS)}"
    server.add(name, contents(template))
    cramped = HubClient(
        server.endpoint, tmp_path / "home", [*isolated, f'{command} exec "$@"', "sh"], HF_HUB_CACHE=str(small)
    )
    assert_explained(cramped.call("fetch_model", name), "disk is full", "No space left", str(small))
    cramped.close()
    assert fetched(client.call("fetch_model", name)).items() <= contents(template).items()
