"""A Hugging Face Hub on loopback, as much of its protocol as a push and a pull of a model take, with faults on demand.

The real huggingface_hub client talks to it over real HTTP, see hub_fake.client.
"""

import contextlib
import json
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from hub_fake.dataset_routes import DATASET_ROUTES
from hub_fake.protocol import ROUTES, USERS, Repository, make_blob


@dataclass
class Fault:
    """Something that goes wrong with the requests whose "METHOD path" and text hold `match` and `key`."""

    kind: int | str  # a status, or: cut, cut upload, cut answer, truncate, hang, drip, page
    match: str = ""
    key: str = ""
    number: int = 1  # of the matching requests, the first to fail; later ones fail if they are alike
    times: float = 1
    headers: dict = field(default_factory=dict)
    error: str = "something broke"


class HubServer:
    """The server: its repositories, the faults to come, and a log of all requests."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.faults: list[Fault] = []
        self.log: list[tuple[str, str, bool]] = []  # "METHOD path", the text searched for keys, whether a token came along
        self.lock, self.connections, self.port = threading.RLock(), set(), 0
        self.routes = [*DATASET_ROUTES, *ROUTES]
        self.start()

    def start(self) -> None:
        """Listen, on the port of before if there was one."""
        self.httpd = ThreadingHTTPServer(("127.0.0.1", self.port), type("BoundHandler", (Handler,), {"hub": self}))
        self.httpd.daemon_threads, self.httpd.block_on_close = True, False
        self.port, self.stopping = self.httpd.server_address[1], threading.Event()
        threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, and cut those that are open."""
        self.stopping.set()
        self.httpd.shutdown()
        self.httpd.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail(self, kind: int | str, match: str = "", **settings) -> Fault:
        fault = Fault(kind, match, **settings)
        with self.lock:
            self.faults.append(fault)
        return fault

    def requests(self, key: str = "") -> list[str]:
        """ "METHOD path" of the requests so far that hold `key`."""
        with self.lock:
            return [line for line, text, _ in self.log if key in text and "/agent-harnesses" not in line]

    def add(
        self,
        name: str,
        files: dict[str, bytes],
        private: bool = False,
        sizes: dict[str, int] | None = None,
        gated: bool = False,
    ) -> str:
        """A repository with these files, some of them (`sizes`) larger than they are; its commit."""
        repository = self.repositories[name] = Repository(private, gated)
        blobs = {path: make_blob(path, content, repository) for path, content in files.items()}
        for path, size in (sizes or {}).items():
            blobs[path].size = size
        return repository.commit("main", blobs, "by hand")

    def files(self, name: str, revision: str = "main") -> dict[str, bytes]:
        """What a commit holds."""
        repository = self.repositories[name]
        tree = repository.trees[repository.resolve(revision)]
        return {path: repository.stored[blob.oid] if blob.content is None else blob.content for path, blob in tree.items()}

    def change(self, name: str, files: dict[str, bytes]) -> str:
        """One more commit to main, as somebody else would make it."""
        repository = self.repositories[name]
        blobs = {path: make_blob(path, content, repository) for path, content in files.items()}
        return repository.commit("main", blobs, "by hand again")

    def stored(self, name: str) -> set[str]:
        """The names of the LFS objects of a repository, if there is one."""
        return set(self.repositories[name].stored) if name in self.repositories else set()

    def next_fault(self, line: str, text: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.match in line and fault.key in text:
                    fault.number -= 1
                    if fault.number <= 0:
                        fault.times -= 1
                        if fault.match or fault.key:  # else nothing at all works, whatever comes first
                            fault.match = line
                        return fault
        return None


class Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.hub.connections.add(self.connection)

    def finish(self) -> None:
        super().finish()
        self.hub.connections.discard(self.connection)

    def log_message(self, *_) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, ValueError):  # cut by us or by the client
            self.close_connection = True

    def do_any(self) -> None:
        line, is_upload = f"{self.command} {unquote(urlsplit(self.path).path)}", self.command == "PUT"
        body = b"" if is_upload else self.read_body()
        text = f"{line} {body.decode(errors='replace')}"
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with self.hub.lock:
            self.hub.log.append((line, text, bool(token)))
        fault = self.hub.next_fault(line, text)
        self.truncated = fault is not None and fault.kind == "truncate"
        if fault and fault.kind == "cut upload":
            self.rfile.read(int(self.headers.get("Content-Length") or 2000) // 2)
        body = self.read_body() if is_upload and not (fault and fault.kind == "cut upload") else body
        if fault is None or self.truncated:
            return self.dispatch(line, body, token)
        if fault.kind == "hang":
            self.hub.stopping.wait(60)
        elif fault.kind == "drip":
            self.reply(200, b"", {"Content-Length": "1000000"})
            while not self.hub.stopping.wait(0.2):
                self.wfile.write(b" ")
        elif fault.kind == "page":
            return self.reply(200, b"<html>Please log in to this wireless network</html>", {"Content-Type": "text/html"})
        elif isinstance(fault.kind, int):
            return self.reply(fault.kind, {"error": fault.error}, fault.headers)
        elif fault.kind == "cut answer":
            self.reply = lambda *_: None  # do it, and say nothing
            self.dispatch(line, body, token)
            del self.reply
        return self.cut()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_any

    def dispatch(self, line: str, body: bytes, token: str) -> None:
        matches = ((re.fullmatch(pattern, line), answer) for pattern, answer in self.hub.routes)
        match, answer = next(((match, answer) for match, answer in matches if match), (None, None))
        if match is None:
            return self.reply(404, {"error": f"this server knows no {line}"})
        names = match.groupdict()
        with self.hub.lock:
            repository, owner = self.hub.repositories.get(names.get("id")), names.get("id", "").split("/")[-2:][0]
            self.user, self.role = USERS.get(token, ("", "read"))
            if token and not self.user:
                return self.reply(401, {"error": "Invalid credentials in Authorization header"})
            if "id" in names and not self.path.startswith("/lfs/"):
                if repository is None or (repository.private and self.user != owner):
                    status, headers = 404 if self.user else 401, {"X-Error-Code": "RepoNotFound"}
                    return self.reply(status, {"error": "Repository not found"}, headers)
                writes = self.command == "POST" and "/paths-info/" not in line  # a question that is too long for an address
                if writes and (self.user, self.role) != (owner, "write"):
                    return self.reply(403, {"error": "You don't have the rights to write to this repository"})
                revision = names.get("revision")
                if revision and "/branch/" not in line and repository.resolve(revision) is None:
                    headers = {"X-Error-Code": "RevisionNotFound"}
                    return self.reply(404, {"error": f"Invalid rev id: {revision}"}, headers)
            stream = answer(self, repository, body, **names)
        if stream:  # what takes its time, and must not hold up everybody else
            stream()

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def reply(self, status: int, content: bytes | dict | list, headers: dict | None = None) -> None:
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if self.truncated else content)
            if self.truncated:
                self.wfile.flush()
                self.cut()

    def cut(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
