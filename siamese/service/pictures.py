"""A request with pictures, as a form or as JSON, becomes a question; what is wrong with it, a status and a sentence."""

import json
from typing import Any, TypeVar

import pydantic
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from siamese.config import one_line, shorten
from siamese.guard.json_shape import check_shape
from siamese.service.schemas import MOST_EXAMPLES, MOST_IMAGES, QueryQuestion, Question

MOST_JSON, SMALL_JSON = 8_000_000, 50_000  # bytes; what is small is read sooner than a thread could take it over
MOST_FILE = 20_000_000  # bytes of one in a form; of the whole, see siamese.guard.gate
MOST_FIELDS, LONGEST_FIELD = MOST_EXAMPLES + 10, 1000  # of a form, beside its files
FORM, JSON = "multipart/form-data", "application/json"
Q = TypeVar("Q", bound=Question)


async def question_of(request: Request, kind: type[Q]) -> Q:
    """What a request asks. Raises HTTPException with 400, 413, 415 or 422."""
    sent = request.headers.get("content-type", "").split(";")[0].strip().lower()
    try:
        if sent == JSON:
            return await _from_json(request, kind)
        if sent == FORM:
            return kind.model_validate(await _from_form(request, kind))
        raise HTTPException(415, f"the content type is {shorten(sent)}, allowed: {FORM}, {JSON}")
    except pydantic.ValidationError as error:
        raise HTTPException(422, _sentence(error)) from error


async def _from_json(request: Request, kind: type[Q]) -> Q:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_JSON:
            raise HTTPException(413, f"the request is larger than {MOST_JSON:,} bytes, which is what is allowed as JSON")
    try:
        check_shape(body)
    except ValueError as error:
        raise HTTPException(413, str(error)) from error
    try:
        content = json.loads(body) if len(body) < SMALL_JSON else await run_in_threadpool(json.loads, body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the request is no JSON: {one_line(str(error))}") from error
    if len(body) < SMALL_JSON:
        return kind.model_validate(content)
    return await run_in_threadpool(kind.model_validate, content)  # which decodes base64


async def _from_form(request: Request, kind: type[Question]) -> dict[str, Any]:
    try:
        form = await request.form(
            max_files=max(MOST_IMAGES, MOST_EXAMPLES + 1), max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD
        )
    except (MultiPartException, HTTPException) as error:
        said = getattr(error, "detail", None) or getattr(error, "message", "")
        raise HTTPException(400, f"the form cannot be read: {one_line(str(said))}") from error
    try:
        content: dict[str, Any] = {}
        for name in dict.fromkeys(form):
            values = [await _content(name, value) for value in form.getlist(name)]
            content[name] = values if name in ("images", "examples", "names") else values[-1]
        return _by_name(content) if kind is QueryQuestion else content
    finally:
        await form.close()


async def _content(name: str, value: UploadFile | str) -> bytes | str:
    """A file's bytes, a field's text."""
    if isinstance(value, str):
        return value
    if (value.size or 0) > MOST_FILE:
        raise HTTPException(413, f"{shorten(name)} has {value.size:,} bytes, allowed: at most {MOST_FILE:,}")
    return await value.read()


def _by_name(content: dict[str, Any]) -> dict[str, Any]:
    """Examples and their names, which come one after the other in a form, as the examples of each name."""
    examples, names = content.pop("examples", []), content.pop("names", [])
    if len(examples) != len(names):
        raise HTTPException(
            422,
            f"there are {len(examples)} examples and {len(names)} names, allowed: a name for each example, in their order",
        )
    by_name: dict[Any, list] = {}
    for name, example in zip(names, examples, strict=True):
        by_name.setdefault(name if isinstance(name, str) else "", []).append(example)
    return content | {"examples": by_name}


def _sentence(error: pydantic.ValidationError) -> str:
    """The first of what is wrong, as one sentence: where, what, and what is allowed."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(
        shorten(str(part)) if isinstance(part, str) and not part.isidentifier() else str(part) for part in first["loc"]
    )
    said = one_line(first["msg"].removeprefix("Value error, "))
    return f"{place}: {said}" if place else said


def request_body(kind: type[Question]) -> dict[str, Any]:
    """The OpenAPI description of a question, as a form and as JSON."""
    as_json = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    properties = {name: _of_form(schema) for name, schema in as_json["properties"].items()}
    if kind is QueryQuestion:
        several = {"type": "array", "minItems": 1, "maxItems": MOST_EXAMPLES}
        properties["examples"] = several | {"items": {"type": "string", "format": "binary"}}
        properties["names"] = several | {"items": {"type": "string"}, "description": "of each example, in their order"}
    required = [*as_json["required"], *(["names"] if kind is QueryQuestion else [])]
    as_form = {"type": "object", "title": as_json["title"], "properties": properties, "required": required}
    as_form["additionalProperties"] = False
    return {"required": True, "content": {FORM: {"schema": as_form}, JSON: {"schema": as_json}}}


def _of_form(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a field in a form: pictures are files there."""
    if schema.get("contentEncoding") == "base64":
        return {"type": "string", "format": "binary", "minLength": 1, "description": "a picture"}
    if schema.get("type") == "array":
        return schema | {"items": _of_form(schema["items"]), "maxItems": MOST_IMAGES}
    return schema
