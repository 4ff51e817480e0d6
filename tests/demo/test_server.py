"""What the server loads, and what it says where it cannot start. Its guard has tests of its own, in guard/."""

import errno

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

from siamese.config import counted
from siamese.demo import command, server
from siamese.hub.errors import HubError, HubUnavailableError
from siamese.verifier import Verifier
from siamese.visitors.disk import NoRoomError
from siamese.visitors.limits import TrainingLimits


def test_the_bundled_models_are_offered_beside_the_one_asked_for(untrained_folder):
    verifier, notice, others = server.load_models(str(untrained_folder))
    assert (verifier.name, notice) == (untrained_folder.name, "")
    assert "digits (bundled)" in [other.name for other in others]


@pytest.mark.parametrize(
    ("error", "is_space", "is_raised"),
    [(HubUnavailableError, False, False), (HubError, False, True), (HubError, True, False)],
)
def test_a_model_that_the_hub_does_not_give_is_replaced_where_that_helps(error, is_space, is_raised, monkeypatch):
    load = Verifier.from_pretrained

    def failing(source: object = None, *others: object) -> Verifier:
        if source == "user/name":
            raise error("it is away")
        return load(source, *others)

    monkeypatch.setattr(Verifier, "from_pretrained", failing)
    monkeypatch.setenv("SPACE_ID", "user/space") if is_space else monkeypatch.delenv("SPACE_ID", raising=False)
    if is_raised:
        with pytest.raises(HubError):
            server.load_models("user/name")
    else:
        verifier, notice, _ = server.load_models("user/name")
        assert verifier.name == "digits (bundled)"
        assert notice == "The model user/name cannot be had: it is away. This is the bundled one instead."


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyError("page"), 400, "not of the kind that is asked for"), (TypeError("argument"), 400, "not of the kind"),
        (UnicodeDecodeError("utf-8", b"", 0, 1, ""), 400, "not of the kind"),
        (OSError(errno.ENAMETOOLONG, "x"), 400, "not of the kind"), (OSError(errno.ENOSPC, "x"), 507, "disk is full"),
        (NoRoomError("there is no room"), 507, "there is no room"),
    ],
)  # fmt: skip
def test_what_gradio_cannot_read_is_answered_in_a_sentence(error, status, words, caplog):
    def fail(request: Request) -> None:
        raise error

    handlers = dict.fromkeys(server.UNREADABLE, server.not_understood)
    app = Starlette(routes=[Route("/", fail)], exception_handlers=handlers)
    answer = TestClient(app).get("/")
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert not [record for record in caplog.records if record.exc_info]


def test_a_login_that_fails_leads_back_or_is_a_sentence(monkeypatch, caplog):
    errors = pytest.importorskip("authlib.integrations.base_client.errors", reason="gradio[oauth] is not installed")
    httpx = pytest.importorskip("httpx")

    def fail(request: Request) -> None:
        raise request.app.state.error

    monkeypatch.delenv("OAUTH_CLIENT_ID", raising=False)
    assert server.of_logins() == {}
    monkeypatch.setenv("OAUTH_CLIENT_ID", "a-space")
    app = Starlette(routes=[Route("/login/callback", fail)], exception_handlers=server.of_logins())
    app.state.error = errors.OAuthError("access_denied", "the visitor does not agree")
    answer = TestClient(app).get("/login/callback", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, "/")
    for app.state.error in (errors.OAuthError("invalid_grant", "code=secret"), httpx.ConnectError("away: code=secret")):
        answer = TestClient(app).get("/login/callback", follow_redirects=False)
        assert answer.status_code == 502
        assert answer.json()["detail"] == "the login to the Hub has failed: go back, and try again"
    assert "secret" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]


def test_a_mistake_of_this_program_is_still_one(caplog):
    def fail(request: Request) -> None:
        counted(None, 5)

    app = Starlette(
        routes=[Route("/", fail)],
        exception_handlers={TypeError: server.not_understood, AttributeError: server.not_understood},
    )
    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert answer.status_code == 500
    assert "not by your fault" in answer.json()["detail"]
    assert [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SIAMESE_TRAIN_SECONDS", "soon"),
        ("SIAMESE_UPLOADS_MEGABYTES", "0"),
        ("SIAMESE_REQUESTS", "-1"),
        ("SIAMESE_MODEL", "nowhere"),
    ],
)  # fmt: skip
def test_a_setting_that_is_wrong_ends_the_start_with_one_sentence(variable, value, monkeypatch, capsys):
    monkeypatch.setattr(server, "prepare_process", lambda: None)
    monkeypatch.setenv(variable, value)
    for program in ("app.py", "siamese demo"):
        assert command.main([], program) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"{program}: ")
        assert printed.err.count("\n") == 1
        assert variable in printed.err


def test_help_names_every_variable(capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: siamese demo")
    for name in ("MODEL", "TRAIN", "UPLOADS_MEGABYTES", "REQUESTS"):
        assert f"SIAMESE_{name}" in text
    for name in ("FORWARDED_ALLOW_IPS", "--host", "--port", "--share", "--mcp"):
        assert name in text


def test_one_upload_is_bounded_by_what_zip_files_may_be():
    assert server.most_uploaded(None) == server.most_uploaded(TrainingLimits()) == 201_000_000
    assert server.most_uploaded(TrainingLimits(megabytes=500)) == 501_000_000
