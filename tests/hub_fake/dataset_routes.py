"""What the Hub of hub_fake.server answers about datasets, which are repositories named datasets/USER/NAME.

The questions are those of huggingface_hub and of the library `datasets`.
"""

import hashlib

from hub_fake import protocol
from hub_fake.protocol import REVISION, Blob, Repository


def describe(path: str, blob: Blob) -> dict:
    """A file as lists of files have it."""
    entry = {"type": "file", "path": path, "oid": blob.oid, "size": blob.size}
    if blob.content is None:  # git itself holds a pointer
        pointer = {"lfs": {"oid": blob.oid, "size": blob.size, "pointerSize": 130}}
        entry |= {"oid": hashlib.sha1(blob.oid.encode()).hexdigest(), **pointer}
    return entry


def folders(repository: Repository, sha: str) -> set[str]:
    """All folders of a commit."""
    parts = [path.split("/")[:-1] for path in repository.trees[sha]]
    return {"/".join(names[:depth]) for names in parts for depth in range(1, len(names) + 1)}


def tree(request, repository, body, id, revision, path="") -> None:
    sha, place = repository.resolve(revision), f"{path}/" if path else ""
    if path and path not in folders(repository, sha):
        return request.reply(404, {"error": f"{path} does not exist"}, {"X-Error-Code": "EntryNotFound"})
    is_deep = "recursive=true" in request.path.lower()
    places = [folder for folder in folders(repository, sha) if folder.startswith(place)]
    listed = [{"type": "directory", "path": folder, "oid": "0" * 40, "size": 0} for folder in places]
    listed += [describe(name, blob) for name, blob in repository.trees[sha].items() if name.startswith(place)]
    return request.reply(200, [each for each in listed if is_deep or "/" not in each["path"].removeprefix(place)])


def paths_info(request, repository, body, id, revision) -> None:
    sha = repository.resolve(revision)
    tree, asked = repository.trees[sha], protocol.asked_paths(body)
    found = [describe(path, tree[path]) for path in asked if path in tree]
    found += [{"type": "directory", "path": path, "oid": "0" * 40} for path in asked if path in folders(repository, sha)]
    request.reply(200, found)


def refs(request, repository, body, id) -> None:
    branches = [
        {"name": name, "ref": f"refs/heads/{name}", "targetCommit": sha} for name, sha in repository.branches.items()
    ]
    request.reply(200, {"branches": branches, "converts": [], "tags": []})


def auth_check(request, repository, body, id) -> None:
    if not is_refused(request, repository, id):
        request.reply(200, {})


def is_refused(request, repository, id) -> bool:
    """Whether a dataset that is gated was refused to the one who asks."""
    if not repository.gated or request.user == id.split("/")[1]:
        return False
    request.reply(403 if request.user else 401, {"error": "Access to it is restricted"}, {"X-Error-Code": "GatedRepo"})
    return True


def resolve(request, repository, body, id, revision, path) -> None:
    if is_refused(request, repository, id):
        return None
    return protocol.resolve(request, repository, body, id, revision, path)


DATASET, COMMIT = r"(?P<id>datasets/[\w.-]+/[\w.-]+)", "(?P<revision>[^/]+)"
DATASET_ROUTES = [
    (f"GET /api/{DATASET}/tree/{COMMIT}(?:/(?P<path>.+))?", tree),
    (f"POST /api/{DATASET}/paths-info/{COMMIT}", paths_info),
    (f"GET /api/{DATASET}/refs", refs),
    (f"GET /api/{DATASET}/auth-check", auth_check),
    (f"GET /api/{DATASET}/revision/{REVISION}", protocol.info),
    (f"GET /api/{DATASET}", protocol.info),
    (f"(?:GET|HEAD) /{DATASET}/resolve/{COMMIT}/(?P<path>.+)", resolve),
    (f"GET /lfs/{DATASET}/(?P<oid>[0-9a-f]+)", protocol.stored),
]
