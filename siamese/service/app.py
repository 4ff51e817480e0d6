"""The routes of the service, as a FastAPI app that stands alone or beside the page."""

import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import torch
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from fastapi_offline import FastAPIOffline
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from siamese.distances import paired_distance
from siamese.gallery import Gallery
from siamese.images.load import NotAnImageError
from siamese.inputs import INPUTS, reworded
from siamese.service import schemas
from siamese.service.pictures import question_of, request_body
from siamese.service.work import Pool
from siamese.verifier import Look, Verifier
from siamese.version import __version__

KEY, HEADER, ORIGINS = "SIAMESE_API_KEY", "X-API-Key", "SIAMESE_CORS_ORIGINS"
PREFIX, DOCUMENTS, STATIC, HEALTH = "/v1", "/docs", "/v1/static", "/health"
FEW = 2  # pictures of a request, whose answer is made sooner than a thread could take it over
# What documents say of the model's input, by the page that it has.
SENT = {"images": "", "numbers": " A picture is here what stands in a file of numbers: CSV, JSON or .npy."}
REFUSALS = {
    400: "The request cannot be read.",
    408: "The request comes too slowly.",
    413: "The request, or one of its pictures, has too many bytes.",
    415: "What was sent is neither a form nor JSON, or is no picture.",
    422: "Something is missing or out of range, or nothing is drawn on a picture.",
    429: "Too many requests come from this address.",
    503: "The server is busy.",
}


def create_app(verifier: Verifier, environment: Mapping[str, str] = os.environ) -> FastAPI:
    """The service of a model. With SIAMESE_API_KEY in `environment`, only who sends that key is answered."""
    kind = INPUTS[verifier.config.preprocess.mode]
    app = FastAPIOffline(
        docs_url=DOCUMENTS, redoc_url=None, openapi_url=f"{PREFIX}/openapi.json", static_url=STATIC,
        title="Same or different?", version=__version__,
        description=f"Compares {reworded('pictures', kind.noun)} with the model {verifier.name}.{SENT[kind.page]}",
    )  # fmt: skip
    app.add_exception_handler(HTTPException, refused)
    if origins := [each.strip() for each in environment.get(ORIGINS, "").split(",") if each.strip()]:
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"])
    _add_routes(app, verifier, environment.get(KEY, "").strip())
    return app


def _add_routes(app: FastAPI, verifier: Verifier, key: str) -> None:
    pool, named, threshold = Pool(verifier.look_at_each), {"model": verifier.name}, verifier.config.calibration.threshold
    codes = REFUSALS | ({401: f"The header {HEADER} does not hold the key."} if key else {})
    refusals = {code: {"model": schemas.Problem, "description": text} for code, text in codes.items()}
    allowed = [Depends(_checking(key))] if key else []

    def ask(
        path: str, kind: type[schemas.Question], answer: type, work: Callable[[Any, list[Look]], dict[str, Any]], about: str
    ) -> None:
        async def endpoint(request: Request) -> Response:
            asked = await question_of(request, kind)
            looks = await _looks(pool, asked.named())
            wait = run_in_threadpool if len(looks) > FEW else _at_once
            return Response(await wait(lambda: to_json(work(asked, looks) | named)), media_type="application/json")

        app.post(
            f"{PREFIX}/{path}", response_model=answer, responses=refusals, dependencies=allowed, operation_id=path,
            summary=about, openapi_extra={"requestBody": request_body(kind)},
        )(endpoint)  # fmt: skip

    def compare(asked: schemas.PairQuestion, looks: list[Look]) -> dict[str, Any]:
        return verifier.verify_looks(*looks, asked.threshold).to_dict()

    def embed(asked: schemas.PicturesQuestion, looks: list[Look]) -> dict[str, Any]:
        return {"embeddings": [look.embedding.tolist() for look in looks]}

    def distances(asked: schemas.PicturesQuestion, looks: list[Look]) -> dict[str, Any]:
        rows = _rows(looks)
        found = torch.stack([paired_distance(rows, row) for row in rows])
        return {"distances": found.tolist(), "threshold": threshold}

    def identify(asked: schemas.QueryQuestion, looks: list[Look]) -> dict[str, Any]:
        gallery, (query, *examples) = Gallery(verifier), looks
        for name, pictures in asked.examples.items():
            of_class, examples = examples[: len(pictures)], examples[len(pictures) :]
            gallery.enrol_embeddings(name, _rows(of_class))
        found = gallery.identify_embedding(torch.from_numpy(query.embedding), asked.threshold, asked.top, asked.prototypes)
        matches = [dict(match.__dict__) for match in found.matches]
        return {
            "name": found.name,
            "matches": matches,
            "threshold": found.threshold,
            "is_familiar": query.is_familiar,
        }

    ask("compare", schemas.PairQuestion, schemas.Compared, compare, "Whether two pictures show the same")
    ask("embed", schemas.PicturesQuestion, schemas.Embedded, embed, "The embeddings of pictures")
    ask("distances", schemas.PicturesQuestion, schemas.Distances, distances, "The distances between all of some pictures")
    ask("identify", schemas.QueryQuestion, schemas.Identified, identify, "Which of some classes a picture is of")

    @app.get(f"{PREFIX}/model", responses={code: refusals[code] for code in refusals if code in (401, 429)},
             dependencies=allowed, operation_id="model", summary="Which model answers")  # fmt: skip
    def model() -> schemas.Model:
        config = verifier.config
        return schemas.Model(
            name=verifier.name, encoder=config.encoder.name, embedding_dim=config.encoder.embedding_dim,
            image_size=config.encoder.image_size, channels=config.encoder.channels, preprocess=config.preprocess.mode,
            threshold=threshold, dataset=config.data.dataset, balanced_accuracy=config.metrics.balanced_accuracy,
        )  # fmt: skip

    @app.get(HEALTH, operation_id="health", summary="Whether the server answers", responses={429: refusals[429]})
    async def health() -> schemas.Health:
        return schemas.Health(status="ok")


async def _looks(pool: Pool[Look | Exception], pictures: list[tuple[str, bytes]]) -> list[Look]:
    """What the model makes of pictures, each with its name. Raises HTTPException for one that is of no use."""
    looks = []
    for (name, _), look in zip(pictures, await pool.look([picture for _, picture in pictures]), strict=True):
        if isinstance(look, ValueError):
            raise HTTPException(415 if isinstance(look, NotAnImageError) else 422, f"{name}: {look}") from look
        if isinstance(look, Exception):
            raise look
        looks.append(look)
    return looks


async def _at_once(work: Callable[[], bytes]) -> bytes:
    return work()


def _rows(looks: list[Look]) -> torch.Tensor:
    """Their embeddings (N, D)."""
    return torch.stack([torch.from_numpy(look.embedding) for look in looks])


def _checking(key: str) -> Callable[[str | None], Awaitable[None]]:
    header = APIKeyHeader(name=HEADER, auto_error=False)

    async def check(sent: Annotated[str | None, Depends(header)]) -> None:
        if not secrets.compare_digest((sent or "").encode(), key.encode()):
            raise HTTPException(
                401, f"the header {HEADER} {'holds another key' if sent else 'is missing'}: ask the operator for it"
            )

    return check


async def refused(request: Request, error: Exception) -> JSONResponse:
    """The answer where something is wrong with a request."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


class Beside:
    """One server for both: what is asked of the service goes there, all else to the page. `prefix`: that of a proxy."""

    def __init__(self, page: ASGIApp, service: ASGIApp, prefix: str = "") -> None:
        self._page, self._service, self._prefix = page, service, prefix.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        path = scope.get("path", "")
        inner = path[len(self._prefix) :] if self._prefix and path.startswith(f"{self._prefix}/") else path
        if scope["type"] == "http" and (inner == DOCUMENTS or inner.startswith(f"{PREFIX}/")):
            await self._service(scope | {"path": f"{self._prefix}{inner}", "root_path": self._prefix}, receive, send)
        else:
            await self._page(scope, receive, send)
