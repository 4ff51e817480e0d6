"""python -m siamese deploy: what a Space holds, that this is enough to run, how its build is followed, what goes wrong."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from app_fixtures import running_app
from hub_fake.client import ROOT, environment, make_model_folder
from hub_fake.expect import package_files
from hub_fake.jobs import Finished, FullHubServer
from hub_fake.protocol import READER, STRANGER, WRITER
from huggingface_hub import SpaceHardware
from packaging.requirements import Requirement

from siamese.hub.project import extra
from siamese.hub.sources import bundled_models
from siamese.model_folder.files import CONFIG_FILE, REFERENCE_FILE, WEIGHTS_FILE

SPACE = "spaces/ada/demo"
# https://huggingface.co/docs/hub/spaces-config-reference
ALLOWED_KEYS = {
    "title", "emoji", "colorFrom", "colorTo", "sdk", "python_version", "sdk_version", "suggested_hardware",
    "suggested_storage", "app_file", "app_build_command", "app_port", "base_path", "fullWidth", "header",
    "short_description", "models", "datasets", "tags", "thumbnail", "pinned", "hf_oauth", "hf_oauth_scopes",
    "hf_oauth_expiration_minutes", "hf_oauth_authorized_org", "disable_embedding", "startup_duration_timeout",
    "custom_headers", "preload_from_hub", "license",
}  # fmt: skip
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture
def deploy(hub_and_commands) -> Callable[..., Finished]:
    """Runs `deploy --space ada/demo` until it ends."""
    return lambda *options, space="ada/demo", **more: hub_and_commands[1].run(
        "siamese", "deploy", "--space", space, *options, **more
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> dict[str, bytes]:
    """The files of a model."""
    folder = tmp_path_factory.mktemp("model")
    make_model_folder(folder)
    return {name: (folder / name).read_bytes() for name in (CONFIG_FILE, WEIGHTS_FILE)}


def front_matter(hub: FullHubServer) -> dict:
    """The configuration of the Space."""
    return yaml.safe_load(hub.files(SPACE)["README.md"].decode().split("---\n")[1])


def changes(hub: FullHubServer) -> list[str]:
    """The requests that changed something on the Hub."""
    kinds = ("/create", "/commit/", "/variables", "/hardware", "PUT ")
    return [line for line in hub.requests() if not line.startswith("GET") and any(kind in line for kind in kinds)]


# ---- What a Space holds ----


def test_a_new_space_holds_the_app_and_the_package_in_one_commit_and_runs(hub, deploy):
    hub.next_stages = ["BUILDING", "APP_STARTING", "RUNNING"]
    finished = deploy()
    assert finished.returncode == 0, finished.stderr
    assert re.findall(r"^ *\d+ s  (.+)$", finished.stdout, re.M) == ["BUILDING", "APP_STARTING"]
    assert finished.stdout.endswith(f"running at https://ada-demo.hf.space, page {hub.endpoint}/spaces/ada/demo\n")
    files = hub.files(SPACE)
    expected = {"app.py", "requirements.txt", "README.md", "LICENSE", ".gitattributes"} | package_files()
    expected |= {"train.py", "pyproject.toml"}  # for the jobs of its visitors
    for name in (CONFIG_FILE, WEIGHTS_FILE, REFERENCE_FILE):
        expected |= {f"siamese/weights/{model}/{name}" for model in bundled_models()}
    assert set(files) == expected
    for name in expected - {"requirements.txt", "README.md", ".gitattributes"}:
        assert files[name] == (ROOT / name).read_bytes(), name
    assert len(hub.repositories[SPACE].messages) == 2  # its making, and one commit
    assert not hub.repositories[SPACE].private
    assert hub.spaces[SPACE].variables == {}


def test_a_bundled_model_is_shown_by_its_name_and_asks_the_hub_for_no_model(hub, deploy):
    assert deploy("--model", "digits", "--no-wait").returncode == 0
    assert hub.spaces[SPACE].variables == {"SIAMESE_MODEL": "digits"}
    assert "models" not in front_matter(hub)


def test_the_configuration_of_a_space_is_complete_and_valid(hub, deploy, model):
    commit = hub.add("ada/digits", model)
    assert deploy("--model", "ada/digits", "--no-wait").returncode == 0
    configuration, files = front_matter(hub), hub.files(SPACE)
    assert set(configuration) <= ALLOWED_KEYS
    assert {"title", "emoji", "license", "tags"} <= set(configuration)
    assert {configuration["colorFrom"], configuration["colorTo"]} <= COLORS
    assert len(configuration["short_description"]) <= 60
    assert configuration["suggested_hardware"] in list(SpaceHardware)
    assert configuration["app_file"] in files
    assert configuration["python_version"] in ("3.12", "3.10")  # those of ZeroGPU
    assert configuration["thumbnail"] == f"{hub.endpoint}/spaces/ada/demo/resolve/main/siamese/demo/static/thumbnail.png"
    assert "siamese/demo/static/thumbnail.png" in files
    assert configuration["models"] == ["ada/digits"]
    assert configuration["datasets"] == ["ylecun/mnist"]
    assert configuration["preload_from_hub"] == [f"ada/digits {CONFIG_FILE},{WEIGHTS_FILE} {commit}"]
    requirements = {item.name: item.specifier for item in map(Requirement, files["requirements.txt"].decode().split())}
    assert configuration["sdk_version"] in requirements["gradio"]
    text = files["README.md"].decode()
    assert text.endswith((ROOT / "README.md").read_text().split("---\n", 2)[2])  # the text below is that of the project


def test_a_space_requires_what_the_project_does_and_no_torch_that_zero_gpu_lacks(hub, deploy):
    assert deploy("--no-wait").returncode == 0
    theirs = list(map(Requirement, hub.files(SPACE)["requirements.txt"].decode().split()))
    ours = list(map(Requirement, [*(ROOT / "requirements.txt").read_text().split(), *extra("timm")]))
    assert [item.name for item in theirs] == [item.name for item in ours]
    for mine, other in zip(ours, theirs, strict=True):
        if mine.name not in ("torch", "torchvision"):
            assert mine == other
    torch, torchvision = theirs[0].specifier, theirs[1].specifier
    assert ["2.11.0" in torch, "2.12.0" in torch, "0.26.0" in torchvision, "0.27.0" in torchvision] == [True, False] * 2


def config_of_app(folder: Path, variables: dict[str, str]) -> str:
    """Start app.py there, without the Hub and with no other code of ours in reach; what its /config says."""
    with running_app(folder, [sys.executable, folder / "app.py"], **variables | {"PYTHONPATH": ""}) as app:
        return app.get("/config")


def unpack(hub: FullHubServer, folder: Path) -> Path:
    for name, content in hub.files(SPACE).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.slow
def test_the_files_of_a_space_serve_the_bundled_weights_from_an_empty_folder(hub, deploy, tmp_path):
    assert deploy("--no-wait").returncode == 0
    variables = environment(hub.endpoint, tmp_path / "home") | hub.spaces[SPACE].variables
    config = config_of_app(unpack(hub, tmp_path / "app"), variables)
    assert "digits (bundled)" in config


@pytest.mark.exhaustive
def test_the_files_of_a_space_serve_the_preloaded_model_without_the_hub(hub, deploy, model, tmp_path):
    commit = hub.add("ada/digits", model)
    assert deploy("--model", "ada/digits", "--no-wait").returncode == 0
    home = environment(hub.endpoint, tmp_path / "home")
    for item in front_matter(hub)["preload_from_hub"]:  # as the Hub does while it builds the Space
        repository, names, revision = item.split()
        preload = "import sys; from huggingface_hub import hf_hub_download as get; get(*sys.argv[1:3], revision=sys.argv[3])"
        for name in names.split(","):
            subprocess.run([sys.executable, "-c", preload, repository, name, revision], env=home, check=True)
    variables = home | hub.spaces[SPACE].variables
    config = config_of_app(unpack(hub, tmp_path / "app"), variables)
    header = json.loads(config)["components"][0]["props"]["value"]
    assert f"ada/digits@{commit}"[:30] in header
    assert "bundled" not in header


# ---- Updates ----


def test_what_has_not_changed_is_left_alone(hub, deploy, model):
    hub.add("ada/digits", model)
    options = ["--model", "ada/digits", "--hardware", "zero-a10g"]
    assert deploy(*options).returncode == 0
    before = changes(hub)
    finished = deploy(*options)
    assert finished.returncode == 0, finished.stderr
    assert changes(hub) == before
    assert len(hub.repositories[SPACE].messages) == 2
    assert "held already" in finished.stdout


def test_a_branch_is_pinned_to_its_commit_until_the_next_deployment(hub, deploy, model):
    first = hub.add("ada/digits", model)
    assert deploy("--model", "ada/digits@main", "--no-wait").returncode == 0
    assert hub.spaces[SPACE].variables == {"SIAMESE_MODEL": f"ada/digits@{first}"}
    repository = hub.repositories["ada/digits"]
    second = repository.commit("main", {}, "a later one")
    assert deploy("--model", "ada/digits@main", "--no-wait").returncode == 0
    assert hub.spaces[SPACE].variables == {"SIAMESE_MODEL": f"ada/digits@{second}"}
    assert front_matter(hub)["preload_from_hub"][0].endswith(second)
    assert deploy("--model", f"ada/digits@{first}", "--no-wait").returncode == 0
    assert hub.spaces[SPACE].variables == {"SIAMESE_MODEL": f"ada/digits@{first}"}
    assert deploy("--no-wait").returncode == 0
    assert hub.spaces[SPACE].variables == {}
    assert "models" not in front_matter(hub)


def test_an_update_removes_stale_files_asks_for_hardware_and_waits_for_its_own_commit(hub, deploy):
    assert deploy("--no-wait").returncode == 0
    files = hub.files(SPACE)
    hub.add(SPACE, {**files, "app.py": b"an older one", "siamese/old.py": b""})
    hub.next_stages = ["OLD", "RUNNING_BUILDING", "RUNNING"]
    finished = deploy("--hardware", "t4-small")
    assert finished.returncode == 0, finished.stderr
    assert hub.files(SPACE) == files
    assert hub.spaces[SPACE].hardware == "t4-small"
    assert re.findall(r"^ *\d+ s  (.+)$", finished.stdout, re.M) == ["still running what it held before", "RUNNING_BUILDING"]


def test_a_private_model_is_not_preloaded_and_the_missing_secret_is_named(hub, deploy, model):
    hub.add("ada/digits", model, private=True)
    finished = deploy("--model", "ada/digits", "--private", "--no-wait")
    assert finished.returncode == 0, finished.stderr
    assert "secret HF_TOKEN" in finished.stdout
    assert f"{hub.endpoint}/spaces/ada/demo/settings" in finished.stdout
    assert "preload_from_hub" not in front_matter(hub)
    assert hub.repositories[SPACE].private


def test_a_space_that_sleeps_is_as_good_as_one_that_runs(hub, deploy):
    hub.next_stages = ["BUILDING", "SLEEPING"]
    assert deploy().returncode == 0


@pytest.mark.parametrize(("is_pro", "hardware"), [(False, "zero-a10g"), (True, "cpu-basic")])
def test_a_new_space_gets_the_hardware_that_costs_nothing(is_pro, hardware, hub, deploy):
    hub.is_pro = is_pro
    assert deploy("--no-wait").returncode == 0
    assert hub.spaces[SPACE].hardware == hardware


# ---- A dry run ----


def test_a_dry_run_prints_what_the_space_would_hold_and_asks_the_hub_nothing(hub, deploy):
    finished = deploy("--hardware", "cpu-upgrade", "--private", "--dry-run", token="")
    assert finished.returncode == 0, finished.stderr
    assert hub.requests() == []
    assert re.search(r"^space +ada/demo, private$", finished.stdout, re.M)
    assert re.search(r"^hardware +cpu-upgrade$", finished.stdout, re.M)
    for name in ("app.py", f"siamese/weights/digits/{WEIGHTS_FILE}"):
        assert re.search(rf"^ *{(ROOT / name).stat().st_size:,}  {name}$", finished.stdout, re.M)


def test_a_dry_run_with_a_model_pins_it_and_changes_nothing(hub, deploy, model):
    commit = hub.add("ada/digits", model)
    finished = deploy("--model", "ada/digits", "--dry-run", token="")
    assert finished.returncode == 0, finished.stderr
    assert f"SIAMESE_MODEL=ada/digits@{commit}" in finished.stdout
    assert [line for line in hub.requests() if not line.startswith(("GET", "HEAD"))] == []


# ---- What goes wrong ----


@pytest.mark.parametrize(("stage", "option"), [("BUILD_ERROR", " --build"), ("RUNTIME_ERROR", ""), ("PAUSED", " --build")])
def test_a_space_that_does_not_run_is_reported_with_the_reason_and_its_log(stage, option, hub, deploy):
    hub.next_stages, hub.next_error = ["BUILDING", stage], "exit code: 1"
    hub.next_log = [f"line {number}\n" for number in range(40)]
    finished = deploy()
    assert finished.returncode == 3
    assert f"ada/demo is {stage}: " in finished.stderr
    assert f"hf spaces logs ada/demo{option}" in finished.stderr
    assert "Try again with: python -m siamese deploy --space ada/demo" in finished.stderr
    if stage != "PAUSED":
        assert "exit code: 1" in finished.stderr
        assert re.findall(r"^line \d+$", finished.stdout, re.M)[-2:] == ["line 38", "line 39"]
        assert "line 20\n" not in finished.stdout


def test_a_space_that_is_built_for_too_long_is_reported(hub, deploy):
    hub.next_stages = ["BUILDING"]
    finished = deploy("--timeout", "0.02")
    assert finished.returncode == 3
    assert "does not run after 0.02 min, its state is BUILDING" in finished.stderr
    assert "hf spaces logs ada/demo --build" in finished.stderr


def test_a_hub_that_is_away_for_a_moment_does_not_end_the_wait(hub, deploy):
    hub.fail(503, f"GET /api/{SPACE}/runtime")
    finished = deploy()
    assert finished.returncode == 0, finished.stderr
    assert "out of order" in finished.stdout


def test_hardware_that_the_account_may_not_have_is_refused_with_what_it_may(hub, deploy):
    finished = deploy("--hardware", "cpu-basic")
    assert finished.returncode == 3
    assert "Subscribe to PRO" in finished.stderr
    assert "add --hardware zero-a10g" in finished.stderr
    assert "Try again with: python -m siamese deploy --space ada/demo --hardware cpu-basic" in finished.stderr


@pytest.mark.parametrize(
    ("token", "expected"),
    [("", "hf auth login"), (READER, "may only read"), (STRANGER, "no right to write"), ("hf_wrong", "hf auth login")],
)
def test_a_login_that_may_not_deploy_is_refused_before_anything_is_sent(token, expected, hub, deploy):
    finished = deploy(token=token)
    assert finished.returncode == 3
    assert expected in finished.stderr
    assert [line for line in hub.requests() if not line.startswith("GET /api/whoami")] == []


def test_a_public_space_does_not_become_private_in_passing(hub, deploy):
    assert deploy("--no-wait").returncode == 0
    before = changes(hub)
    finished = deploy("--private")
    assert finished.returncode == 3
    assert "is there already and public" in finished.stderr
    assert changes(hub) == before


def test_another_app_is_not_overwritten(hub, deploy):
    assert deploy("--no-wait").returncode == 0
    commit = hub.add(SPACE, {"README.md": b"", "game.py": b""})
    finished = deploy()
    assert finished.returncode == 3
    assert "ada/demo holds something else, game.py for one" in finished.stderr
    assert hub.repositories[SPACE].branches["main"] == commit


def test_a_commit_that_fails_is_repeated_by_the_command_that_is_named(hub, deploy):
    hub.fail(403, f"POST /api/{SPACE}/commit")
    finished = deploy("--private")
    assert finished.returncode == 3
    again = finished.stderr.strip().split("Try again with: python -m siamese deploy --space ada/demo ")[1]
    assert deploy(*again.split(), "--no-wait").returncode == 0
    assert "app.py" in hub.files(SPACE)


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        ({"space": "demo"}, 2, ["'demo'", "USER/NAME"]),
        ({"hardware": "h100"}, 2, ["'h100'", *SpaceHardware]),
        ({"model": "tests"}, 2, ["'tests'", "push tests --repo-id USER/NAME"]),
        ({"model": "numerals"}, 2, ["'numerals'", "USER/NAME"]),
        ({"model": "ada/broken"}, 2, ["config.json"]),
        ({"model": "ada/digits@v9"}, 3, ["ada/digits", "v9"]),
        ({"model": "ada/nothing"}, 3, ["ada/nothing"]),
    ],
)
def test_a_mistake_is_named_and_nothing_is_sent(options, code, expected, hub, deploy, model):
    hub.add("ada/digits", model)
    hub.add("ada/broken", {**model, CONFIG_FILE: b"{"})
    flags = [part for name in ("hardware", "model") if name in options for part in (f"--{name}", options[name])]
    finished = deploy(*flags, space=options.get("space", "ada/demo"))
    assert finished.returncode == code
    assert re.fullmatch(r"error: [^\n]+\n", finished.stderr)
    for text in expected:
        assert text in finished.stderr
    assert changes(hub) == []
    assert WRITER not in finished.stderr
