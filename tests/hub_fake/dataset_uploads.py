"""What the Hub of hub_fake.server answers where a dataset is sent to it: repositories named datasets/USER/NAME."""

import hashlib
import json

from hub_fake import protocol
from hub_fake.protocol import REVISION, Repository, make_blob


def tree(request, repository, body, id, revision) -> None:
    entries = []
    for path, blob in repository.trees[repository.resolve(revision)].items():
        entry = {"type": "file", "path": path, "oid": blob.oid, "size": blob.size}
        if blob.content is None:  # git itself holds a pointer
            pointer = {"lfs": {"oid": blob.oid, "size": blob.size, "pointerSize": 130}}
            entry |= {"oid": hashlib.sha1(blob.oid.encode()).hexdigest(), **pointer}
        entries.append(entry)
    request.reply(200, entries)


def create_dataset(request, _, body) -> None:
    asked = json.loads(body)
    hub, name = request.hub, f"datasets/{asked['organization'] or request.user}/{asked['name']}"
    if (asked["organization"], request.role) != (request.user, "write"):
        return request.reply(403, {"error": "You don't have the rights to create a dataset under this namespace"})
    if name in hub.repositories:
        return request.reply(409, {"error": "You already created this dataset repo", "url": f"{hub.endpoint}/{name}"})
    repository = hub.repositories[name] = Repository(asked.get("visibility") == "private")
    repository.commit("main", {".gitattributes": make_blob(".gitattributes", b"*.png filter=lfs\n", repository)}, "initial")
    return request.reply(200, {"url": f"{hub.endpoint}/{name}", "name": name})


DATASET = r"(?P<id>datasets/[\w.-]+/[\w.-]+)"
DATASET_ROUTES = [
    (f"GET /api/{DATASET}", protocol.info),
    (f"GET /api/{DATASET}/revision/{REVISION}", protocol.info),
    (f"GET /api/{DATASET}/tree/{REVISION}", tree),
    (f"(?:GET|HEAD) /{DATASET}/resolve/(?P<revision>[0-9a-f]{{40}})/(?P<path>.+)", protocol.resolve),
    (f"POST /api/{DATASET}/preupload/{REVISION}", protocol.preupload),
    (f"POST /api/{DATASET}/commit/{REVISION}", protocol.commit),
    (rf"POST /{DATASET}\.git/info/lfs/objects/batch", protocol.batch),
    (f"PUT /lfs/{DATASET}/(?P<oid>[0-9a-f]+)", protocol.upload),
    (f"GET /lfs/{DATASET}/(?P<oid>[0-9a-f]+)", protocol.stored),
    (f"POST /{DATASET}/verify/(?P<oid>[0-9a-f]+)", protocol.verify),
]
