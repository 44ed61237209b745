"""What the routes of the API do, over a model and an index.

Letters: G parts along a photo's side, D joint dimensions.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Literal, ParamSpec, TypeVar

import numpy as np
from fastapi import Request, Response
from fastapi.responses import JSONResponse

from seje_ray.calibration.corpus import of_words
from seje_ray.features.occlusion import PARTS, hidden_photos
from seje_ray.pipeline.index.queries import mean_query
from seje_ray.retrieval.index.collection import Query
from seje_ray.retrieval.index.side import What
from seje_ray.serving.answers import (
    DIGITS,
    CollectionFacts,
    EmbedAnswer,
    PhotoAnswer,
    RecipeAnswer,
    SearchAnswer,
    Status,
    Took,
    asked_of,
    result_of,
)
from seje_ray.serving.asked import (
    Embed,
    Find,
    LikeSearch,
    Options,
    PhotoOptions,
    RecipeSearch,
    TextSearch,
)
from seje_ray.serving.embedder import Embedded, Model
from seje_ray.serving.failures import ApiError, bad_query
from seje_ray.serving.finder import Finder
from seje_ray.serving.forms import read_form
from seje_ray.serving.limits import Limits
from seje_ray.serving.measures import MEDIA_TYPE, Measures
from seje_ray.serving.page import static_file
from seje_ray.serving.photos import prepared_upload

READY_S = 2.0  # within which a model that is ready answers
CACHED = "private, max-age=3600"
Kind = Literal["photo", "text", "recipe"]
P = ParamSpec("P")
T = TypeVar("T")


class Service:
    """The routes' state: one index, one model, and the threads that work for them."""

    def __init__(self, finder: Finder, model: Model, limits: Limits, measures: Measures) -> None:
        self._finder, self._model = finder, model
        self._limits, self._measures = limits, measures
        self._index = ThreadPoolExecutor(1, "index")  # its Parquet files are for one thread
        self._decoders = ThreadPoolExecutor(limits.decoders, "decode")
        self._heating = asyncio.Semaphore(1)  # a heat map costs as much as fifty photos
        self._facts = finder.facts(limits)
        self._readiness: asyncio.Task[bool] | None = None

    def close(self) -> None:
        """End the threads."""
        self._index.shutdown(wait=False, cancel_futures=True)
        self._decoders.shutdown(wait=False, cancel_futures=True)

    # Searches

    async def search_photo(self, request: Request) -> SearchAnswer:
        """Recipes, or photos, for a photo or the mean of several."""
        jpegs, fields = await self._photos_of(request)
        options = PhotoOptions.of(fields)
        made = await self._embedded(self._model.photos(jpegs))
        query = mean_query([one.query for one in made])
        heated = jpegs[0] if options.heat_map else None
        return await self._found("photo", query, options.find or "recipes", options, made, heated)

    async def search_text(self, asked: TextSearch) -> SearchAnswer:
        """Recipes, or photos, for words."""
        made = await self._embedded(self._model.recipes([of_words(asked.text)]))
        return await self._found("text", made[0].query, asked.find or "recipes", asked, made)

    async def search_recipe(self, asked: RecipeSearch) -> SearchAnswer:
        """Photos, or recipes, for a recipe or a part of one, or for one of the index."""
        find = asked.find or "photos"
        if asked.recipe is None:
            query = await self._indexed(self._finder.query_of, "recipes", str(asked.id))
            return await self._found("recipe", query, find, asked)
        made = await self._embedded(self._model.recipes([asked.recipe.text()]))
        return await self._found("recipe", made[0].query, find, asked, made)

    async def search_like(self, asked: LikeSearch) -> SearchAnswer:
        """More like a recipe or photo of the index, or what belongs to it of the other kind."""
        what: What = "recipes" if asked.kind == "recipe" else "photos"
        query = await self._indexed(self._finder.query_of, what, asked.id)
        return await self._found(asked.kind, query, asked.find or what, asked)

    # What is stored

    async def collection(self) -> CollectionFacts:
        """What is searched, and examples to begin with."""
        return self._facts

    async def recipe(self, id: str) -> RecipeAnswer:
        """A recipe with its lines and photos."""
        return await self._indexed(self._finder.recipe, id)

    async def photo(self, id: str) -> PhotoAnswer:
        """A photo and the recipe that it is of."""
        return await self._indexed(self._finder.photo, id)

    async def thumbnail(self, what: Find, id: str, request: Request) -> Response:
        """A small JPEG of a recipe or a photo."""
        jpeg = await self._indexed(self._finder.thumbnail, what, id)
        file = static_file(jpeg, "image/jpeg")
        headers = {"etag": file.etag, "cache-control": CACHED}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)

    async def embed(self, request: Request) -> EmbedAnswer:
        """Unit vectors of photos, or of texts and recipes."""
        kind: Literal["photos", "recipes"]
        if request.headers.get("content-type", "").startswith("application/json"):
            asked = Embed.model_validate_json(await request.body())
            kind, made = "recipes", await self._embedded(self._model.recipes(asked.all()))
        else:
            jpegs, fields = await self._photos_of(request)
            if fields:
                raise bad_query(f"{next(iter(fields))}: no field of this request")
            kind, made = "photos", await self._embedded(self._model.photos(jpegs))
        vectors = [one.query.vector.tolist() for one in made]
        return EmbedAnswer(
            run=self._finder.run,
            kind=kind,
            embedding_dim=self._facts.embedding_dim,
            embeddings=vectors,
        )

    # How the server is

    async def health(self) -> Status:
        """It answers."""
        return Status(status="ok")

    async def ready(self) -> Status:
        """The model is loaded and warm, and answers."""
        if self._readiness is None or self._readiness.done():  # one question for all who ask
            self._readiness = asyncio.create_task(self._is_ready())
        if not await asyncio.shield(self._readiness):
            raise ApiError(503, "not_ready", "the model does not answer yet", "", 2.0)
        return Status(status="ready", run=self._finder.run)

    async def metrics(self) -> Response:
        """Counters and times, as Prometheus reads them."""
        return Response(self._measures.text(), media_type=MEDIA_TYPE)

    async def _is_ready(self) -> bool:
        try:
            async with asyncio.timeout(READY_S):
                return await self._model.is_ready()
        except (TimeoutError, ApiError):
            return False

    # Parts

    async def _photos_of(self, request: Request) -> tuple[list[bytes], dict[str, list[str]]]:
        """Photos of a form, ready for the encoder, and its other fields."""
        content_type = request.headers.get("content-type", "")
        query = request.url.query
        form = read_form(content_type, query, await request.body(), self._limits)
        with self._measures.timed("decode"):
            jpegs = await asyncio.gather(*(self._decoded(photo) for photo in form.photos))
        return list(jpegs), form.fields

    async def _decoded(self, photo: bytes) -> bytes:
        side, most = self._finder.shorter_side, self._limits.pixels

        def decode() -> bytes:
            return prepared_upload(photo, shorter_side=side, max_pixels=most)

        return await _within(self._decoders, decode)

    async def _embedded(self, embedding: Awaitable[list[Embedded]]) -> list[Embedded]:
        with self._measures.timed("embed"):
            made = await embedding
        for one in made:
            self._measures.embedded(one.batch, one.seconds)
        return made

    async def _found(
        self,
        kind: Kind,
        query: Query,
        what: What,
        options: Options,
        made: Sequence[Embedded] = (),
        heated: bytes | None = None,
    ) -> SearchAnswer:
        """Search, and say what was found; of a photo ``heated`` also what it rests on."""
        start = time.perf_counter()
        with self._measures.timed("search"):
            shifted, hits = await self._indexed(self._finder.find, query, what, options)
        seconds = time.perf_counter() - start
        heats: list[list[list[float]] | None] = [None] * len(hits)
        if heated is not None and hits:
            with self._measures.timed("heat_map"):
                hidden = await self._occluded(heated)
                found = await self._indexed(self._finder.heat, what, hits, hidden)
            heats = [heat.round(DIGITS).tolist() for heat in found]
        model_s = max((one.seconds for one in made), default=0.0)
        return SearchAnswer(
            query=asked_of(shifted, kind),
            find=what,
            run=self._finder.run,
            is_made_up=self._finder.is_made_up,
            took_ms=Took(embed=round(1e3 * model_s, 1), search=round(1e3 * seconds, 1)),
            results=[result_of(shifted, hit, heat) for hit, heat in zip(hits, heats, strict=True)],
        )

    async def _occluded(self, jpeg: bytes) -> np.ndarray:
        """Embeddings (G, G, D) of a photo without each of its parts; one photo after another.

        A row of parts at a time: what others ask for meanwhile stands between two of them.
        """
        made: list[Embedded] = []
        async with self._heating:
            hidden = await _within(self._decoders, lambda: hidden_photos(jpeg))
            for start in range(0, len(hidden), PARTS):
                made += await self._model.photos(hidden[start : start + PARTS])
        return np.stack([one.query.vector for one in made]).reshape(PARTS, PARTS, -1)

    async def _indexed(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something of the index in its thread."""
        return await _within(self._index, lambda: function(*args, **kwargs))


async def _within(executor: Executor, function: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(executor, function)


def as_response(error: ApiError) -> JSONResponse:
    """An error as an answer."""
    headers = {name.decode(): value.decode() for name, value in error.headers()[1:]}
    told = {"type": error.type, "message": error.message, "hint": error.hint}
    return JSONResponse(told, error.status, headers)
