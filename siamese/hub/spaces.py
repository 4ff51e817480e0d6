"""Deploy the demo: a Hugging Face Space that holds just what app.py needs, with its model pinned to a commit."""

import contextlib
import re
import shlex
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, SpaceCard, SpaceHardware, SpaceStage, constants, errors
from huggingface_hub.utils import disable_progress_bars

from siamese.hub.client import check_login, check_names, connect
from siamese.hub.errors import HubError, HubUnavailableError, explain, explained
from siamese.hub.fetch import fetch_model
from siamese.hub.project import PROJECT, commit_exactly, describe_files, extra, path_in_repository, project_files
from siamese.hub.sources import bundled_models
from siamese.model_folder.files import DEFAULT_BUNDLED, LOADED
from siamese.model_folder.weights import load_model

VARIABLE = "SIAMESE_MODEL"  # what app.py reads
THUMBNAIL = "siamese/demo/static/thumbnail.png"
# The newest torch that ZeroGPU knows, for every Space: its owner may change the hardware without a deployment.
REQUIREMENTS = {"torch": "torch>=2.9,<2.12", "torchvision": "torchvision>=0.24,<0.27"}
ZERO_GPU = SpaceHardware.ZERO_A10G.value
POLL_SECONDS = 1
SETTLE_SECONDS = 15  # after which a state is believed that does not say of which commit it is
LOG_LINES = 15
FAILED = {
    SpaceStage.BUILD_ERROR: "its build failed",
    SpaceStage.RUNTIME_ERROR: "the app ended with an error",
    SpaceStage.CONFIG_ERROR: "the Hub does not accept its configuration",
    SpaceStage.NO_APP_FILE: "the Hub finds no app in it",
    SpaceStage.PAUSED: "somebody has paused it: restart it in its settings",
    SpaceStage.STOPPED: "it is stopped: restart it in its settings",
    SpaceStage.DELETING: "somebody is deleting it",
}
BUILDING = (SpaceStage.BUILDING, SpaceStage.RUNNING_BUILDING, SpaceStage.APP_STARTING, SpaceStage.RUNNING_APP_STARTING)
ALIVE = (SpaceStage.RUNNING, "SLEEPING")  # it sleeps until somebody visits it


@dataclass(frozen=True)
class Deployment:
    """What a Space will hold; nothing is sent yet."""

    space: str
    files: dict[str, Path | bytes]
    variables: dict[str, str]  # of those that are ours
    hardware: str | None  # None: what it has, and for a new one what the account allows
    private: bool
    model_is_private: bool

    @property
    def url(self) -> str:
        """The page of the Space."""
        return f"{constants.ENDPOINT}/spaces/{self.space}"

    def __str__(self) -> str:
        variables = " ".join(f"{name}={value}" for name, value in self.variables.items())
        return (
            f"space      {self.space}{', private' * self.private}\n"
            f"hardware   {self.hardware or f'as it is; a new one: {ZERO_GPU} with a free account, else cpu-basic'}\n"
            f"variables  {variables or f'none, so that it shows the bundled weights ({DEFAULT_BUNDLED})'}\n"
            f"files\n{describe_files(self.files)}"
        )


def deploy_command(space: str, model: str | None, hardware: str | None, private: bool) -> str:
    """The command line that deploys, for another try."""
    flags = (["--model", model] if model else []) + (["--hardware", hardware] if hardware else []) + ["--private"] * private
    return shlex.join(["python", "-m", "siamese", "deploy", "--space", space, *flags])


def prepare(
    space: str, model: str | None = None, revision: str | None = None, hardware: str | None = None, private: bool = False
) -> Deployment:
    """What the Space `space` (USER/NAME) will be, showing the model USER/NAME at a revision, or else a bundled one.

    The revision is resolved to a commit, and the model is fetched and loaded: what would not run is not deployed.
    Raises ValueError for names and models that cannot be, HubError where the Hub does not give the model.
    """
    check_names(space, None)
    if hardware is not None and hardware not in list(SpaceHardware):
        raise ValueError(f"unknown hardware {hardware!r} for a Space, available: {', '.join(SpaceHardware)}")
    card = SpaceCard((PROJECT / "README.md").read_text(encoding="utf-8"))
    card.data["thumbnail"] = f"{constants.ENDPOINT}/spaces/{space}/resolve/main/{THUMBNAIL}"
    variables, model_is_private = {}, False
    if model in bundled_models() and not revision and not Path(model).is_dir():
        variables[VARIABLE] = model
    elif model:
        commit, model_is_private, names = _pin(model, revision)
        variables[VARIABLE] = f"{model}@{commit}"
        card.data["models"] = [model]
        if not model_is_private:  # the build has no token
            card.data["preload_from_hub"] = [f"{model} {','.join(names)} {commit}"]
    # The last two for the jobs that its visitors start.
    files = project_files("README.md", "app.py", "requirements.txt", "LICENSE", "train.py", "pyproject.toml")
    files["README.md"] = str(card).encode()
    files["requirements.txt"] = _requirements().encode()
    for folder in bundled_models().values():
        for path in (folder / name for name in LOADED):
            if path.is_file():
                files[path_in_repository(path)] = path
    return Deployment(space, files, variables, hardware, private, model_is_private)


def deploy(deployment: Deployment) -> str:
    """Make or update the Space, saying what is done; its commit. What is as it should be is left alone. Raises HubError."""
    space = deployment.space
    check_login(space)
    api = connect()
    with explained(space), disable_progress_bars():
        try:
            info = api.space_info(space)
        except errors.RepositoryNotFoundError:
            _create(api, deployment)
        else:
            if deployment.private and not info.private:
                raise HubError(f"{space} is there already and public: change that in its settings, or leave out --private")
            _update_settings(api, deployment)
        commit, is_new = commit_exactly(api, space, deployment.files, "Deploy the demo", "space")
    what = "now holds" if is_new else "held already"
    print(f"{space} {what} these {len(deployment.files)} files, commit {commit}", flush=True)
    if deployment.model_is_private:
        print(
            f"{deployment.variables[VARIABLE]} is private: add a token that may read it as the secret HF_TOKEN in "
            f"{deployment.url}/settings; without one the Space shows the bundled weights"
        )
    return commit


def wait_until_running(deployment: Deployment, commit: str, minutes: float) -> str:
    """Wait until the Space runs `commit`, printing its stages; the address of the app. Raises HubError where it does not."""
    space, api = deployment.space, connect()
    started, shown, has_built = time.monotonic(), None, False
    while True:
        seconds = time.monotonic() - started
        try:
            with explained(space):
                runtime = api.get_space_runtime(space)
            stage, running = runtime.stage, runtime.raw.get("sha")
            has_built = has_built or stage in BUILDING
            # Just after a change the Hub still tells of what was there before.
            is_current = has_built or running == commit or (not running and seconds > SETTLE_SECONDS)
            if is_current and stage in ALIVE:
                domains = [item["domain"] for item in runtime.raw.get("domains") or []]
                return f"https://{domains[0]}" if domains else deployment.url
            if stage in FAILED and (is_current or seconds > SETTLE_SECONDS):
                raise HubError(_why_it_failed(api, deployment, stage, runtime.raw.get("errorMessage")))
            state = stage if is_current or stage not in ALIVE else "still running what it held before"
        except HubUnavailableError as error:
            state = f"unknown: {error}"
        if state != shown:
            shown = state
            print(f"{seconds:4.0f} s  {state}", flush=True)
        if seconds > 60 * minutes:
            log = _log_command(space, True)
            raise HubError(f"{space} does not run after {minutes:g} min, its state is {state}; its log: {log}")
        time.sleep(POLL_SECONDS)


def _pin(model: str, revision: str | None) -> tuple[str, bool, list[str]]:
    """The commit of a model on the Hub, whether it is private, and its files. It is loaded once, to see that it can be."""
    if Path(model).is_dir():
        raise ValueError(
            f"--model is {model!r}, a folder, and a Space sees only the Hub: push it first, with "
            f"{shlex.join(['python', '-m', 'siamese', 'push', model, '--repo-id', 'USER/NAME'])}"
        )
    check_names(model, revision)
    with explained(model, revision):
        info = connect(login_needed=False).model_info(model, revision=revision)
    folder, commit = fetch_model(model, info.sha)
    load_model(folder)
    names = [name for name in LOADED if (folder / name).is_file()]
    return commit, bool(info.private), names


def _requirements() -> str:
    """Those of the project, and the networks of timm: the model may be one, and visitors may train on photographs."""
    lines = [*(PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines(), *extra("timm")]
    return "".join(f"{REQUIREMENTS.get(re.split('[<>=]', line)[0], line)}\n" for line in lines)


def _create(api: HfApi, deployment: Deployment) -> None:
    # Free accounts can have no Space with Gradio on cpu-basic, the Hub's own choice, but one on ZeroGPU.
    hardware = deployment.hardware or (None if _is_paid(api, deployment.space) else ZERO_GPU)
    try:
        api.create_repo(
            deployment.space,
            repo_type="space",
            private=deployment.private or None,  # None: as its owner prefers
            space_sdk="gradio",
            space_hardware=hardware,
            space_variables=[{"key": name, "value": value} for name, value in deployment.variables.items()],
        )
    except errors.HfHubHTTPError as error:
        if error.response.status_code != 402:
            raise
        raise HubError(
            f"{explain(error, deployment.space)}; free accounts can have a Space on {ZERO_GPU} only: add --hardware "
            f"{ZERO_GPU}; others are paid for in {constants.ENDPOINT}/settings/billing"
        ) from error
    print(f"made {deployment.url} on {hardware or SpaceHardware.CPU_BASIC.value}", flush=True)


def _is_paid(api: HfApi, space: str) -> bool:
    """Whether the Space's owner has a paid plan; organisations are taken to have one."""
    identity = api.whoami()
    return space.split("/")[0].casefold() != identity["name"].casefold() or bool(identity.get("isPro"))


def _update_settings(api: HfApi, deployment: Deployment) -> None:
    space, wanted = deployment.space, deployment.variables.get(VARIABLE)
    there = api.get_space_variables(space)
    if wanted and (VARIABLE not in there or there[VARIABLE].value != wanted):
        api.add_space_variable(space, VARIABLE, wanted)
        print(f"set {VARIABLE}={wanted}", flush=True)
    if not wanted and VARIABLE in there:
        api.delete_space_variable(space, VARIABLE)
        print(f"removed {VARIABLE}", flush=True)
    if deployment.hardware and api.get_space_runtime(space).requested_hardware != deployment.hardware:
        api.request_space_hardware(space, deployment.hardware)
        print(f"requested {deployment.hardware}", flush=True)


def _why_it_failed(api: HfApi, deployment: Deployment, stage: str, message: str | None) -> str:
    is_build = stage != SpaceStage.RUNTIME_ERROR
    lines = deque(maxlen=LOG_LINES)
    if stage in (SpaceStage.BUILD_ERROR, SpaceStage.RUNTIME_ERROR):
        with contextlib.suppress(HubError), explained(deployment.space):  # a help, nothing more
            lines.extend(line.rstrip() for line in api.fetch_space_logs(deployment.space, build=is_build))
    if lines:
        print("\n".join(["the end of its log:", *lines]), flush=True)
    reason = f": {message.strip()}" if message else ""
    return f"{deployment.space} is {stage}: {FAILED[stage]}{reason}; its log: {_log_command(deployment.space, is_build)}"


def _log_command(space: str, is_build: bool) -> str:
    page = f"{constants.ENDPOINT}/spaces/{space}?logs={'build' if is_build else 'container'}"
    return f"hf spaces logs {space}{' --build' * is_build}, or {page}"
