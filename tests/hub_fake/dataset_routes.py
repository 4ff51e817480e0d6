"""What the Hub of hub_fake.server answers about datasets: the questions of huggingface_hub and of the library `datasets`."""

from hub_fake import protocol
from hub_fake.protocol import ID, Blob, Repository


def describe(path: str, blob: Blob) -> dict:
    """A file as lists of files have it."""
    lfs = {"lfs": {"oid": blob.oid, "size": blob.size, "pointerSize": 130}} if blob.content is None else {}
    return {"type": "file", "path": path, "oid": blob.oid, "size": blob.size, **lfs}


def folders(repository: Repository, sha: str) -> set[str]:
    """All folders of a commit."""
    parts = [path.split("/")[:-1] for path in repository.trees[sha]]
    return {"/".join(names[:depth]) for names in parts for depth in range(1, len(names) + 1)}


def tree(request, repository, body, id, revision, kind, path="") -> None:
    sha, place = repository.resolve(revision), f"{path}/" if path else ""
    if path and path not in folders(repository, sha):
        return request.reply(404, {"error": f"{path} does not exist"}, {"X-Error-Code": "EntryNotFound"})
    is_deep = "recursive=true" in request.path.lower()
    places = [folder for folder in folders(repository, sha) if folder.startswith(place)]
    listed = [{"type": "directory", "path": folder, "oid": "0" * 40, "size": 0} for folder in places]
    listed += [describe(name, blob) for name, blob in repository.trees[sha].items() if name.startswith(place)]
    return request.reply(200, [each for each in listed if is_deep or "/" not in each["path"].removeprefix(place)])


def paths_info(request, repository, body, id, revision, kind) -> None:
    sha = repository.resolve(revision)
    tree, asked = repository.trees[sha], protocol.asked_paths(body)
    found = [describe(path, tree[path]) for path in asked if path in tree]
    found += [{"type": "directory", "path": path, "oid": "0" * 40} for path in asked if path in folders(repository, sha)]
    request.reply(200, found)


def info(request, repository, body, id, kind, revision="main") -> None:
    protocol.info(request, repository, body, id, revision)


def refs(request, repository, body, id, kind) -> None:
    branches = [
        {"name": name, "ref": f"refs/heads/{name}", "targetCommit": sha} for name, sha in repository.branches.items()
    ]
    request.reply(200, {"branches": branches, "converts": [], "tags": []})


def resolve(request, repository, body, id, revision, path, kind) -> None:
    if repository.gated and not request.user:
        return request.reply(401, {"error": "Access to this dataset is restricted"}, {"X-Error-Code": "GatedRepo"})
    if repository.gated and request.user != id.split("/")[0]:
        return request.reply(403, {"error": "You are not in the authorized list"}, {"X-Error-Code": "GatedRepo"})
    return protocol.resolve(request, repository, body, id, revision, path)


KIND, COMMIT = "(?P<kind>datasets)", "(?P<revision>[^/]+)"
DATASET_ROUTES = [
    (f"GET /api/{KIND}/{ID}/tree/{COMMIT}(?:/(?P<path>.+))?", tree),
    (f"POST /api/{KIND}/{ID}/paths-info/{COMMIT}", paths_info),
    (f"GET /api/{KIND}/{ID}/refs", refs),
    (f"GET /api/{KIND}/{ID}/revision/(?P<revision>.+)", info),
    (f"GET /api/{KIND}/{ID}", info),
    (f"(?:GET|HEAD) /{KIND}/{ID}/resolve/{COMMIT}/(?P<path>.+)", resolve),
]
