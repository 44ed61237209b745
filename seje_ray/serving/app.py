"""The application: routes, documents and the page, behind a guard."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from seje_ray import __version__
from seje_ray.errors import SejeError
from seje_ray.serving.answers import Problem
from seje_ray.serving.asked import Embed, PhotoOptions
from seje_ray.serving.docs_page import docs_html
from seje_ray.serving.embedder import Model
from seje_ray.serving.failures import ApiError, bad_query, refused
from seje_ray.serving.finder import Finder
from seje_ray.serving.guard import Guard
from seje_ray.serving.limits import Limits
from seje_ray.serving.measures import Measures
from seje_ray.serving.page import INDEX, StaticFile, page_files
from seje_ray.serving.service import Service, as_response

NUM_TOLD = 3  # mistakes of a request that are told
KINDS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}
Responses = dict[int | str, dict[str, Any]]
SEARCH_PROBLEMS: Responses = {
    status: {"model": Problem} for status in (400, 401, 404, 408, 413, 422, 429, 503, 504)
}
PHOTO_PROBLEMS: Responses = SEARCH_PROBLEMS | {415: {"model": Problem}}
READ_PROBLEMS: Responses = {status: {"model": Problem} for status in (401, 404, 422, 429, 503, 504)}


def create_app(
    finder: Finder,
    model: Model,
    limits: Limits | None = None,
    *,
    token_hash: str | None = None,
    replica: str = "0",
) -> Guard:
    """The whole of a server, as an ASGI application.

    Args:
        finder: The index.
        model: That embeds.
        limits: Bounds; None for those of ``Limits``.
        token_hash: SHA-256 in hex of a token that clients have to know.
        replica: Name of this process among several.
    """
    bounds = limits or Limits()
    measures = Measures(finder.run, replica)
    service = Service(finder, model, bounds, measures)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="seje_ray",
        version=__version__,
        summary="Recipes for photos, photos for recipes",
        docs_url=None,  # its scripts come from another host
        redoc_url=None,
        lifespan=lifespan,
    )
    _add_searches(app, service)
    _add_reads(app, service)
    _add_pages(app, page_files())
    _add_failures(app)
    return Guard(app, bounds, measures, token_hash=token_hash)


def _add_searches(app: FastAPI, service: Service) -> None:
    for path, endpoint in (
        ("/v1/search/text", service.search_text),
        ("/v1/search/recipe", service.search_recipe),
        ("/v1/search/like", service.search_like),
    ):
        app.post(path, responses=SEARCH_PROBLEMS, tags=["search"])(endpoint)
    photo = app.post(
        "/v1/search/photo",
        responses=PHOTO_PROBLEMS,
        tags=["search"],
        openapi_extra=_photo_body(PhotoOptions.model_json_schema()["properties"]),
    )
    photo(service.search_photo)
    body = _photo_body({})
    schema = Embed.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    body["requestBody"]["content"]["application/json"] = {"schema": schema}
    app.post("/v1/embed", responses=PHOTO_PROBLEMS, tags=["search"], openapi_extra=body)(
        service.embed
    )


def _add_reads(app: FastAPI, service: Service) -> None:
    reads: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("/v1/collection", service.collection),
        ("/v1/recipes/{id:path}", service.recipe),
        ("/v1/photos/{id:path}", service.photo),
    )
    for path, endpoint in reads:
        app.get(path, responses=READ_PROBLEMS, tags=["collection"])(endpoint)
    picture: Responses = {200: {"content": {"image/jpeg": {}}}, 304: {"description": "Not changed"}}
    app.get(
        "/v1/thumbnails/{what}/{id:path}",
        responses=READ_PROBLEMS | picture,
        response_class=Response,
        tags=["collection"],
    )(service.thumbnail)
    app.get("/healthz", tags=["server"])(service.health)
    app.get("/readyz", responses={503: {"model": Problem}}, tags=["server"])(service.ready)
    app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, 401: {"model": Problem}},
        tags=["server"],
    )(service.metrics)


def _add_pages(app: FastAPI, pages: dict[str, StaticFile]) -> None:
    """The page, and the documents of the API; outside of the API's own description."""

    async def file(request: Request) -> Response:
        found = pages.get(request.path_params.get("name", INDEX))
        if found is None:
            raise HTTPException(404)
        headers = {"etag": found.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.content, media_type=found.media_type, headers=headers)

    async def docs(request: Request) -> Response:
        return Response(docs_html(app.openapi()), media_type="text/html; charset=utf-8")

    for path, endpoint in (("/", file), ("/page/{name}", file), ("/docs", docs)):
        app.add_api_route(path, endpoint, include_in_schema=False, response_class=Response)


def _add_failures(app: FastAPI) -> None:
    """Every error as JSON of one shape."""

    @app.exception_handler(ApiError)
    async def known(request: Request, error: ApiError) -> Response:
        return as_response(error)

    @app.exception_handler(SejeError)
    async def ours(request: Request, error: SejeError) -> Response:
        told = refused(error)
        if told is None:
            raise error
        return as_response(told)

    @app.exception_handler(RequestValidationError)
    async def shape(request: Request, error: RequestValidationError) -> Response:
        return as_response(_wrong_fields(error.errors()))

    @app.exception_handler(ValidationError)
    async def form(request: Request, error: ValidationError) -> Response:
        return as_response(_wrong_fields(error.errors()))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        kind = KINDS.get(error.status_code, "bad_request")
        response = as_response(ApiError(error.status_code, kind, str(error.detail)))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        told = "this server made an error; its log says which"
        return as_response(ApiError(500, "internal", told))


def _wrong_fields(errors: Any) -> ApiError:
    """What is wrong with a request; never what it was, which may be long."""
    if any(one["type"] == "json_invalid" for one in errors):
        return ApiError(400, "bad_request", "the body is no JSON that can be read")
    told = []
    for one in errors[:NUM_TOLD]:
        place = [str(part)[:100] for part in one["loc"] if part not in ("body", "path")]
        told.append(": ".join(part for part in (".".join(place), one["msg"]) if part))
    return bad_query("; ".join(told))


def _photo_body(fields: dict[str, Any]) -> dict[str, Any]:
    """Description of a body that is a form with photos, or a photo itself."""
    photo = {"type": "string", "format": "binary"}
    photos = {"type": "array", "items": photo, "minItems": 1, "maxItems": 5}
    form = {
        "type": "object",
        "required": ["photo"],
        "properties": {"photo": photos, **fields},
    }
    content = {"multipart/form-data": {"schema": form}, "image/jpeg": {"schema": photo}}
    return {"requestBody": {"required": True, "content": content}}
