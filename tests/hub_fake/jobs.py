"""What the Hub of hub_fake.server answers about Jobs and Spaces, and the machines that run the jobs: real processes."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hub_fake import protocol as hub_protocol
from hub_fake.client import ROOT, environment
from hub_fake.dataset_routes import tree
from hub_fake.dataset_uploads import UPLOAD_ROUTES, create_dataset
from hub_fake.protocol import REVISION, WRITER, Repository, make_blob
from hub_fake.server import HubServer

STAMP = "2026-11-24T20:00:{:02d}.000Z"


@dataclass
class Job:
    """A job: what was asked for, and what has become of it."""

    id: str
    owner: str
    spec: dict
    stage: str = "SCHEDULING"
    message: str | None = None
    lines: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def log(self, *lines: str) -> None:
        with self.changed:
            self.stage = "RUNNING"
            self.lines += lines
            self.changed.notify_all()

    def end(self, stage: str, message: str | None = None) -> None:
        with self.changed:
            self.stage, self.message = stage, message
            self.changed.notify_all()

    def to_dict(self) -> dict:
        owner = {"id": "1", "name": self.owner, "type": "user"}
        status = {"stage": self.stage, "message": self.message, "exposeUrls": None, "sshUrl": None}
        shown = {name: self.spec.get(name) for name in ("dockerImage", "command", "environment", "flavor", "labels")}
        return {"id": self.id, "owner": owner, "status": status, **shown}


@dataclass
class Space:
    """What a Space has beside its repository."""

    hardware: str
    variables: dict[str, str]
    stages: list[str] = field(default_factory=list)  # to come, one for each time that somebody asks; the last one stays
    sha: str | None = None  # of the commit that runs
    error: str | None = None


class FullHubServer(HubServer):
    """A Hub that also runs jobs, each by a call of `machine` in a thread, and has Spaces."""

    def __init__(self) -> None:
        super().__init__()
        self.routes = OWN_ROUTES + self.routes
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        with self.lock:
            self.repositories, self.faults, self.log = {}, [], []
            self.machine: Callable[[Job], None] = lambda job: None
            self.jobs: list[Job] = []
            self.spaces: dict[str, Space] = {}
            self.next_stages = ["BUILDING", "RUNNING"]  # of a Space after each change
            self.next_error: str | None = None
            self.next_log: list[str] = []
            self.log_cuts: list[int] = []  # the n-th reader of a log is cut off after so many lines
            self.is_pro = False


class Finished(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


class Commands:
    """Runs train.py and `python -m siamese` against the Hub at one address, as forks of a process that has imported both.

    Importing takes longer than what most of them do.
    """

    def __init__(self, endpoint: str, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, __file__], cwd=ROOT, env=environment(endpoint, home / "hub"), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, program: str, *arguments: str, token: str = WRITER) -> Finished:
        """One command, `program` being "train" or "siamese", until it ends."""
        outputs = [str(self.home / name) for name in ("stdout", "stderr")]
        print(json.dumps([program, arguments, token, outputs]), file=self.process.stdin, flush=True)
        code = int(self.process.stdout.readline())
        finished = Finished(code, *(Path(path).read_text() for path in outputs))
        assert "Traceback" not in finished.stderr, finished.stderr
        assert WRITER not in finished.stdout + finished.stderr
        return finished

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)


@contextlib.contextmanager
def full_hub(home: Path) -> Iterator[tuple[FullHubServer, Commands]]:
    """A server, and commands that know no other."""
    server = FullHubServer()
    commands = Commands(server.endpoint, home)
    try:
        yield server, commands
    finally:
        commands.close()
        server.stop()


def serve_commands() -> None:
    from siamese import __main__
    from siamese.commands import train

    mains = {"train": train.main, "siamese": __main__.main}
    for line in sys.stdin:
        program, arguments, token, outputs = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ["HF_TOKEN"] = token
            for number, path in enumerate(outputs, start=1):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            code = 1
            try:
                code = mains[program](arguments)
            except SystemExit as usage:
                code = usage.code
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run_job(folder: Path) -> Callable[[Job], None]:
    """A machine that really runs the command of a job, in an empty folder, with this Python in place of the image."""

    def machine(job: Job) -> None:
        work, home = folder / job.id / "work", folder / job.id / "home"
        work.mkdir(parents=True)
        image = environment("http://127.0.0.1:9", home)  # the job itself has to say which Hub it means
        image = {name: value for name, value in image.items() if name not in ("HF_ENDPOINT", "PYTHONPATH")}
        image |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(work)}
        process = subprocess.Popen(
            job.spec["command"], cwd=work, env={**image, **job.spec["environment"], **job.spec["secrets"]}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        for line in process.stdout:
            job.log(line)
        code = process.wait()
        job.end("ERROR", f"Job failed with exit code: {code}") if code else job.end("COMPLETED")

    return machine


# ---- Jobs ----


def hardware(request, _, body) -> None:
    names = {"cpu-basic": 0.0002, "t4-small": 0.0067}
    request.reply(200, [
        {"name": name, "prettyName": name, "cpu": "2 vCPU", "ram": "16 GB", "accelerator": None,
         "unitCostMicroUSD": round(1e6 * cost), "unitCostUSD": cost, "unitLabel": "minute"} for name, cost in names.items()
    ])  # fmt: skip


def make_job(request, _, body, owner) -> None:
    if (owner, "write") != (request.user, request.role):
        return request.reply(403, {"error": "You don't have the permission to run jobs"})
    job = Job(f"{len(request.hub.jobs) + 1:024x}", owner, json.loads(body))
    request.hub.jobs.append(job)
    threading.Thread(target=request.hub.machine, args=(job,), daemon=True).start()
    request.reply(200, job.to_dict())


def find_job(request, owner: str, job: str) -> Job | None:
    found = next((item for item in request.hub.jobs if (item.id, item.owner) == (job, owner)), None)
    if found is None or request.user != owner:
        request.reply(404, {"error": "Job not found"})
        return None
    return found


def inspect(request, _, body, owner, job) -> None:
    if found := find_job(request, owner, job):
        request.reply(200, found.to_dict())


def logs(request, _, body, owner, job) -> Callable[[], None] | None:
    if found := find_job(request, owner, job):
        cut = request.hub.log_cuts.pop(0) if request.hub.log_cuts else None
        return lambda: stream(request, found.lines, cut, lambda: found.stage in ("RUNNING", "SCHEDULING"), found.changed)
    return None


def stream(request, lines: list[str], cut: int | None, is_open: Callable[[], bool], changed: threading.Condition) -> None:
    """Send log lines as server-sent events until there will be no more, or cut the connection after `cut` of them."""
    request.send_response(200)
    request.send_header("Content-Type", "text/event-stream")
    request.send_header("Connection", "close")
    request.end_headers()
    sent = 0
    while not request.hub.stopping.is_set():
        with changed:
            new, more = lines[sent:cut], is_open()
            if more and not new:
                changed.wait(0.2)
        for line in new:
            event = {"data": line, "timestamp": STAMP.format(sent % 60)}
            request.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            sent += 1
        request.wfile.flush()
        if sent == cut:
            return request.cut()
        if not (new or more):
            break
    request.close_connection = True


# ---- Spaces: their repositories are those named spaces/USER/NAME ----


def whoami(request, _, body) -> None:
    reply = request.reply
    request.reply = lambda status, content, *rest: reply(status, {**content, "isPro": request.hub.is_pro}, *rest)
    hub_protocol.whoami(request, _, body)
    del request.reply


def create(request, _, body) -> None:
    asked = json.loads(body)
    if asked.get("type") == "dataset":
        return create_dataset(request, _, body)
    if asked.get("type") != "space":
        return hub_protocol.create(request, _, body)
    hub, name = request.hub, f"spaces/{asked['organization']}/{asked['name']}"
    if (asked["organization"], request.role) != (request.user, "write"):
        return request.reply(403, {"error": "You don't have the rights to create a space under this namespace"})
    if name in hub.repositories:
        return request.reply(409, {"error": "You already created this space repo", "url": f"{hub.endpoint}/{name}"})
    if asked.get("hardware", "cpu-basic") == "cpu-basic" and not hub.is_pro:
        return request.reply(402, {"error": "Subscribe to PRO to host Gradio Spaces on cpu-basic"})
    repository = hub.repositories[name] = Repository(asked.get("visibility") == "private")
    files = {path: make_blob(path, b"*.png filter=lfs\n", repository) for path in (".gitattributes", "README.md")}
    repository.commit("main", files, "initial")
    variables = {item["key"]: item["value"] for item in asked.get("variables", [])}
    hub.spaces[name] = Space(asked.get("hardware", "cpu-basic"), variables, ["NO_APP_FILE"])
    return request.reply(200, {"url": f"{hub.endpoint}/{name}", "name": name})


def rebuild(request, id) -> Space:
    space = request.hub.spaces[id]
    space.stages, space.error = list(request.hub.next_stages), request.hub.next_error
    return space


def commit(request, repository, body, id, revision) -> None:
    hub_protocol.commit(request, repository, body, id, revision)
    rebuild(request, id)


def runtime(request, repository, body, id) -> None:
    space = request.hub.spaces[id]
    stage = space.stages.pop(0) if len(space.stages) > 1 else space.stages[0]
    if stage not in ("RUNNING_BUILDING", "NO_APP_FILE", "OLD"):
        space.sha = repository.branches["main"]
    state = {"stage": stage.replace("OLD", "RUNNING"), "hardware": {"current": space.hardware, "requested": space.hardware}}
    domains = [{"domain": id.removeprefix("spaces/").replace("/", "-") + ".hf.space", "stage": "READY"}]
    error = {"errorMessage": space.error} if space.error and stage.endswith("ERROR") else {}
    request.reply(200, {**state, **error, "sha": space.sha, "domains": domains, "gcTimeout": None})


def variables(request, repository, body, id) -> None:
    space = request.hub.spaces[id]
    if request.command != "GET":
        space, change = rebuild(request, id), json.loads(body)
        space.variables.pop(change["key"], None)
        if request.command == "POST":
            space.variables[change["key"]] = change["value"]
    request.reply(200, {key: {"value": value} for key, value in space.variables.items()})


def request_hardware(request, repository, body, id) -> None:
    rebuild(request, id).hardware = json.loads(body)["flavor"]
    runtime(request, repository, body, id)


def space_log(request, repository, body, id) -> Callable[[], None]:
    return lambda: stream(request, request.hub.next_log, None, lambda: False, threading.Condition())


OWNER, JOB = r"(?P<owner>[\w.-]+)", r"(?P<job>[0-9a-f]+)"
SPACE, MODEL = r"(?P<id>spaces/[\w.-]+/[\w.-]+)", r"(?P<id>[\w.-]+/[\w.-]+)"
OWN_ROUTES = [
    ("GET /api/whoami-v2", whoami),
    ("GET /api/jobs/hardware", hardware),
    (f"POST /api/jobs/{OWNER}", make_job),
    (f"GET /api/jobs/{OWNER}/{JOB}", inspect),
    (f"GET /api/jobs/{OWNER}/{JOB}/logs", logs),
    ("POST /api/repos/create", create),
    (f"GET /api/models/{MODEL}/tree/{REVISION}", tree),
    (f"(?:GET|HEAD) /{MODEL}/resolve/(?P<revision>[0-9a-f]{{40}})/(?P<path>.+)", hub_protocol.resolve),
    (f"GET /api/{SPACE}", hub_protocol.info),
    (f"GET /api/{SPACE}/revision/{REVISION}", hub_protocol.info),
    (f"GET /api/{SPACE}/runtime", runtime),
    (f"(?:GET|POST|DELETE) /api/{SPACE}/variables", variables),
    (f"POST /api/{SPACE}/hardware", request_hardware),
    (f"GET /api/{SPACE}/logs/(?:build|run)", space_log),
    (f"POST /api/{SPACE}/preupload/{REVISION}", hub_protocol.preupload),
    (f"POST /api/{SPACE}/commit/{REVISION}", commit),
    *UPLOAD_ROUTES,
    (rf"POST /{SPACE}\.git/info/lfs/objects/batch", hub_protocol.batch),
    (f"PUT /lfs/{SPACE}/(?P<oid>[0-9a-f]+)", hub_protocol.upload),
    (f"POST /{SPACE}/verify/(?P<oid>[0-9a-f]+)", hub_protocol.verify),
]


if __name__ == "__main__":
    serve_commands()
