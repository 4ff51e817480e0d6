"""The routes of the service, as a FastAPI app that stands alone or beside the page."""

import os
import secrets
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from siamese.distances import paired_distance
from siamese.gallery import Gallery
from siamese.images.load import NotAnImageError
from siamese.service import schemas
from siamese.service.pictures import question_of, request_body
from siamese.service.work import Pool
from siamese.verifier import Look, Verifier
from siamese.version import __version__

KEY, HEADER, ORIGINS = "SIAMESE_API_KEY", "X-API-Key", "SIAMESE_CORS_ORIGINS"
PREFIX, DOCUMENTS, STATIC, HEALTH = "/v1", "/docs", "/v1/static", "/health"
REFUSALS = {
    400: "The request cannot be read.",
    413: "The request, or one of its pictures, has too many bytes.",
    415: "What was sent is neither a form nor JSON, or is no picture.",
    422: "Something is missing or out of range, or nothing is drawn on a picture.",
    429: "Too many requests come from this address.",
    503: "The server is busy.",
}


def create_app(verifier: Verifier, environment: Mapping[str, str] = os.environ) -> FastAPI:
    """The service of a model. With SIAMESE_API_KEY in `environment`, only who sends that key is answered."""
    app = FastAPIOffline(
        docs_url=DOCUMENTS, redoc_url=None, openapi_url=f"{PREFIX}/openapi.json", static_url=STATIC,
        title="Same or different?", version=__version__, description=f"Compares pictures with the model {verifier.name}.",
    )  # fmt: skip
    app.add_exception_handler(HTTPException, refused)
    if origins := [each.strip() for each in environment.get(ORIGINS, "").split(",") if each.strip()]:
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"])
    _add_routes(app, verifier, environment.get(KEY, "").strip())
    return app


def _add_routes(app: FastAPI, verifier: Verifier, key: str) -> None:
    pool, named, threshold = Pool(), {"model": verifier.name}, verifier.config.calibration.threshold
    codes = REFUSALS | ({401: f"The header {HEADER} does not hold the key."} if key else {})
    refusals = {code: {"model": schemas.Problem, "description": text} for code, text in codes.items()}
    allowed = [Depends(_checking(key))] if key else []

    def ask(
        path: str, kind: type[schemas.Question], answer: type, work: Callable[[Any], dict[str, Any]], about: str
    ) -> None:
        async def endpoint(request: Request) -> JSONResponse:
            return JSONResponse(await pool.run(work, await question_of(request, kind)))

        app.post(
            f"{PREFIX}/{path}", response_model=answer, responses=refusals, dependencies=allowed, operation_id=path,
            summary=about, openapi_extra={"requestBody": request_body(kind)},
        )(endpoint)  # fmt: skip

    def compare(asked: schemas.PairQuestion) -> dict[str, Any]:
        a, b = _looks(verifier, {"image_a": asked.image_a, "image_b": asked.image_b})
        return verifier.verify_looks(a, b, asked.threshold).to_dict() | named

    def embed(asked: schemas.PicturesQuestion) -> dict[str, Any]:
        return {"embeddings": _embeddings(verifier, asked.images).tolist()} | named

    def distances(asked: schemas.PicturesQuestion) -> dict[str, Any]:
        rows = _embeddings(verifier, asked.images)
        found = torch.stack([paired_distance(rows, row) for row in rows])
        return {"distances": found.tolist(), "threshold": threshold} | named

    def identify(asked: schemas.QueryQuestion) -> dict[str, Any]:
        gallery, (query,) = Gallery(verifier), _looks(verifier, {"query": asked.query})
        for name, pictures in asked.examples.items():
            gallery.enrol_embeddings(name, _embeddings(verifier, pictures, f"examples.{name}"))
        found = gallery.identify_embedding(torch.from_numpy(query.embedding), asked.threshold, asked.top)
        matches = [dict(match.__dict__) for match in found.matches]
        return {
            "name": found.name,
            "matches": matches,
            "threshold": found.threshold,
            "is_familiar": query.is_familiar,
        } | named

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


def _looks(verifier: Verifier, pictures: Mapping[str, bytes]) -> list[Look]:
    """What the model makes of pictures, each under its name. Raises HTTPException for one that is of no use."""
    looks = []
    for name, picture in pictures.items():
        try:
            looks.append(verifier.look(picture))
        except ValueError as error:
            raise HTTPException(415 if isinstance(error, NotAnImageError) else 422, f"{name}: {error}") from error
    return looks


def _embeddings(verifier: Verifier, pictures: list[bytes], name: str = "images") -> torch.Tensor:
    """Their embeddings (N, D). Raises HTTPException for one that is of no use."""
    looks = _looks(verifier, {f"{name}.{place}": picture for place, picture in enumerate(pictures)})
    return torch.stack([torch.from_numpy(look.embedding) for look in looks])


def _checking(key: str) -> Callable[[str | None], None]:
    header = APIKeyHeader(name=HEADER, auto_error=False)

    def check(sent: Annotated[str | None, Depends(header)]) -> None:
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
