"""What the Hub answers: repositories, and one function for each route that a push and a pull of a model take."""

import hashlib
import json
import re
from base64 import b64decode
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import yaml

WRITER, READER, STRANGER = "hf_ada_who_writes", "hf_ada_who_reads", "hf_bob_the_stranger"
USERS = {WRITER: ("ada", "write"), READER: ("ada", "read"), STRANGER: ("bob", "write")}
LFS_SUFFIXES = (".safetensors", ".png", ".parquet")


@dataclass
class Blob:
    """A file at a commit, `content` None where it lies in LFS."""

    oid: str
    size: int
    content: bytes | None = None


@dataclass
class Repository:
    private: bool
    gated: bool = False
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    trees: dict[str, dict[str, Blob]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)  # of the commits, the one that made the repository first
    stored: dict[str, bytes] = field(default_factory=dict)  # LFS objects

    def commit(self, branch: str, changes: dict[str, Blob | None], message: str) -> str:
        tree = {**self.trees.get(self.branches.get(branch), {}), **changes}
        tree = {path: blob for path, blob in tree.items() if blob}
        sha = hashlib.sha1(f"{len(self.messages)} {message}".encode()).hexdigest()
        self.branches[branch], self.trees[sha] = sha, tree
        self.messages.append(message)
        return sha

    def resolve(self, revision: str) -> str | None:
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        return sha if sha in self.trees else None


def make_blob(path: str, content: bytes, repository: Repository) -> Blob:
    if path.endswith(LFS_SUFFIXES):
        oid = hashlib.sha256(content).hexdigest()
        repository.stored[oid] = content
        return Blob(oid, len(content))
    return Blob(hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(), len(content), content)


# ---- The routes: each takes the handler, the repository if the path names one, the body, and the parts of the path ----


def whoami(request, _, body) -> None:
    if not request.user:
        return request.reply(401, {"error": "Invalid username or password."})
    token = {"displayName": "test", "role": request.role}
    request.reply(200, {"type": "user", "name": request.user, "orgs": [{"name": "lab"}], "auth": {"accessToken": token}})


def create(request, _, body) -> None:
    asked = json.loads(body)
    name = f"{asked['organization'] or request.user}/{asked['name']}"
    if (asked["organization"], request.role) != (request.user, "write"):
        return request.reply(403, {"error": "You don't have the rights to create a model under this namespace"})
    if name in request.hub.repositories:
        return request.reply(409, {"error": "You already created this model repo", "url": f"{request.hub.endpoint}/{name}"})
    repository = request.hub.repositories[name] = Repository(asked.get("visibility") == "private")
    repository.commit(
        "main", {".gitattributes": make_blob(".gitattributes", b"*.safetensors filter=lfs\n", repository)}, "initial"
    )
    request.reply(200, {"url": f"{request.hub.endpoint}/{name}", "name": name})


def validate(request, _, body) -> None:
    parts = json.loads(body)["content"].split("---\n")
    try:
        valid = isinstance(yaml.safe_load(parts[1]), dict)
    except (IndexError, yaml.YAMLError):
        valid = False
    errors = [] if valid else [{"message": "the metadata is no YAML"}]
    request.reply(200 if valid else 400, {"errors": errors, "warnings": []})


def info(request, repository, body, id, revision="main") -> None:
    sha = repository.resolve(revision)
    siblings = [{"rfilename": path} for path in repository.trees[sha]]
    access = {"private": repository.private, "gated": "auto" if repository.gated else False}
    request.reply(200, {"id": id, "sha": sha, "siblings": siblings, **access})


def paths_info(request, repository, body, id, revision) -> None:
    tree, asked = repository.trees[repository.resolve(revision)], asked_paths(body)
    found = [
        {"type": "file", "path": path, "oid": tree[path].oid, "size": tree[path].size} for path in asked if path in tree
    ]
    request.reply(200, found)


def asked_paths(body: bytes) -> list[str]:
    return json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode())["paths"]


def make_branch(request, repository, body, id, revision) -> None:
    if revision in repository.branches:
        return request.reply(409, {"error": "Reference already exists"})
    repository.branches[revision] = repository.branches["main"]
    request.reply(200, {})


def preupload(request, repository, body, id, revision) -> None:
    tree, answers = repository.trees[repository.resolve(revision)], []
    for file in json.loads(body)["files"]:
        mode = "lfs" if file["path"].endswith(LFS_SUFFIXES) else "regular"
        oid = tree[file["path"]].oid if file["path"] in tree else None
        answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    request.reply(200, {"files": answers})


def batch(request, repository, body, id) -> None:
    other_origin, objects = request.hub.endpoint.replace("127.0.0.1", "localhost"), []
    for item in json.loads(body)["objects"]:
        upload = {"href": f"{other_origin}/lfs/{id}/{item['oid']}"}
        verify = {"href": f"{request.hub.endpoint}/{id}/verify/{item['oid']}"}
        missing = item["oid"] not in repository.stored
        objects.append({**item, **({"actions": {"upload": upload, "verify": verify}} if missing else {})})
    request.reply(200, {"transfer": "basic", "objects": objects})


def upload(request, repository, body, id, oid) -> None:
    if hashlib.sha256(body).hexdigest() != oid:
        return request.reply(400, {"error": "the content does not match its name"})
    repository.stored[oid] = body
    request.reply(200, {})


def verify(request, repository, body, id, oid) -> None:
    request.reply(200 if oid in repository.stored else 404, {})


def commit(request, repository, body, id, revision) -> None:
    changes, header = {}, {}
    for key, value in (json.loads(line).values() for line in body.splitlines()):
        if key == "header":
            header = value
        elif key == "file":
            changes[value["path"]] = make_blob("", b64decode(value["content"]), repository)
        elif key == "deletedFile":
            changes[value["path"]] = None
        elif value["oid"] not in repository.stored:
            return request.reply(400, {"error": f"LFS pointer pointed to a file that does not exist: {value['path']}"})
        else:
            changes[value["path"]] = Blob(value["oid"], value["size"])
    if (
        revision not in repository.branches
        or header.get("parentCommit", repository.branches[revision]) != repository.branches[revision]
    ):
        return request.reply(412, {"error": "A commit has happened since. Please refresh and try again."})
    sha = repository.commit(revision, changes, header["summary"])
    request.reply(200, {"success": True, "commitOid": sha, "commitUrl": f"{request.hub.endpoint}/{id}/commit/{sha}"})


def resolve(request, repository, body, id, revision, path) -> None:
    sha = repository.resolve(revision)
    blob = repository.trees[sha].get(path)
    if blob is None:
        return request.reply(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha})
    headers = {"X-Repo-Commit": sha, "ETag": f'"{blob.oid}"', "Accept-Ranges": "bytes"}
    if blob.content is not None:
        headers |= {"Content-Length": str(blob.size)} if request.command == "HEAD" else {}
        return reply_with(request, blob.content, headers)
    storage = f"{request.hub.endpoint.replace('127.0.0.1', 'localhost')}/lfs/{id}/{blob.oid}"
    return request.reply(
        302, b"", {**headers, "Location": storage, "X-Linked-Etag": blob.oid, "X-Linked-Size": str(blob.size)}
    )


def stored(request, repository, body, id, oid) -> None:
    reply_with(request, repository.stored[oid], {})


def reply_with(request, content: bytes, headers: dict) -> None:
    """The content, or the part of it that is asked for."""
    if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range") or ""):
        start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        part = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
        return request.reply(206, content[start : end + 1], headers | part)
    return request.reply(200, content, headers)


ID, REVISION = r"(?P<id>[\w.-]+/[\w.-]+)", r"(?P<revision>.+)"
ROUTES = [
    ("GET /api/whoami-v2", whoami),
    ("POST /api/repos/create", create),
    ("POST /api/validate-yaml", validate),
    (f"POST /api/models/{ID}/branch/{REVISION}", make_branch),
    (f"POST /api/models/{ID}/paths-info/{REVISION}", paths_info),
    (f"POST /api/models/{ID}/preupload/{REVISION}", preupload),
    (f"POST /api/models/{ID}/commit/{REVISION}", commit),
    (f"GET /api/models/{ID}/revision/{REVISION}", info),
    (f"GET /api/models/{ID}", info),
    (rf"POST /{ID}\.git/info/lfs/objects/batch", batch),
    (f"PUT /lfs/{ID}/(?P<oid>[0-9a-f]+)", upload),
    (f"POST /{ID}/verify/(?P<oid>[0-9a-f]+)", verify),
    (f"(?:GET|HEAD) /{ID}/resolve/{REVISION[:-2]}+?)/(?P<path>[^/]+)", resolve),
    (f"GET /lfs/{ID}/(?P<oid>[0-9a-f]+)", stored),
]
