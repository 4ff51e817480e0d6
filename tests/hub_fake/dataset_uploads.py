"""What the Hub of hub_fake.jobs answers where a dataset is sent to it."""

import json

from hub_fake import protocol
from hub_fake.dataset_routes import DATASET
from hub_fake.protocol import REVISION, Repository, make_blob


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


def delete_dataset(request, _, body) -> None:
    asked = json.loads(body)
    name = f"datasets/{asked['organization'] or request.user}/{asked['name']}"
    if (asked["organization"], request.role) != (request.user, "write"):
        return request.reply(403, {"error": "You don't have the rights to delete this dataset"})
    if name not in request.hub.repositories:
        return request.reply(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
    del request.hub.repositories[name]
    return request.reply(200, {})


UPLOAD_ROUTES = [
    ("DELETE /api/repos/delete", delete_dataset),
    (f"POST /api/{DATASET}/preupload/{REVISION}", protocol.preupload),
    (f"POST /api/{DATASET}/commit/{REVISION}", protocol.commit),
    (rf"POST /{DATASET}\.git/info/lfs/objects/batch", protocol.batch),
    (f"PUT /lfs/{DATASET}/(?P<oid>[0-9a-f]+)", protocol.upload),
    (f"POST /{DATASET}/verify/(?P<oid>[0-9a-f]+)", protocol.verify),
]
