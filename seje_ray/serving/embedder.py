"""Queries from photos and texts: the model's side of a server."""

import asyncio
import io
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image

from seje_ray.calibration.corpus import RecipeText
from seje_ray.features.encoder import Encoder
from seje_ray.integrity import file_hash
from seje_ray.pipeline.index.queries import read_queries, seen_queries
from seje_ray.retrieval.index.collection import Query
from seje_ray.workspace import Workspace

NAME_OF_PHOTO = "a photo"


@dataclass(frozen=True, slots=True)
class Embedded:
    """A query, and what it cost."""

    query: Query
    batch: int  # photos or recipes that were embedded together
    seconds: float  # of the model


class Model(Protocol):
    """Embeds, wherever the model may be."""

    async def photos(self, jpegs: Sequence[bytes]) -> list[Embedded]:
        """A query by each photo, prepared as the encoder takes it."""

    async def recipes(self, recipes: Sequence[RecipeText]) -> list[Embedded]:
        """A query by each recipe; raises ``QueryError`` as ``Encoder.read`` does."""

    async def is_ready(self) -> bool:
        """Whether it answers at once."""


class Embedder:
    """A model, loaded and warm."""

    def __init__(
        self, checkpoint: Path, workspace: Workspace, device: torch.device | str | None = None
    ) -> None:
        """Load it, and embed a photo and a recipe, so that the first request waits for nothing."""
        self._encoder = Encoder.load(checkpoint, workspace, device)
        self.weights = weights_of(checkpoint)
        self.photos([_grey_photo(self._encoder.shorter_side)])
        self._encoder.read([RecipeText("warm", "Soup", ("1 onion",), ())])

    def photos(self, jpegs: Sequence[bytes]) -> list[Embedded]:
        """A query by each photo, prepared as the encoder takes it."""
        start = time.perf_counter()
        queries = seen_queries(self._encoder, jpegs, [NAME_OF_PHOTO] * len(jpegs))
        return _embedded(queries, start)

    def recipes(self, recipes: Sequence[RecipeText]) -> list[Embedded]:
        """A query by each recipe; raises ``QueryError`` as ``Encoder.read`` does."""
        start = time.perf_counter()
        return _embedded(read_queries(self._encoder, recipes), start)


class LocalModel:
    """A ``Model`` in a thread of this process."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._thread = ThreadPoolExecutor(1, "model")

    async def photos(self, jpegs: Sequence[bytes]) -> list[Embedded]:
        """See ``Model``."""
        return await self._loop().run_in_executor(self._thread, self._embedder.photos, jpegs)

    async def recipes(self, recipes: Sequence[RecipeText]) -> list[Embedded]:
        """See ``Model``."""
        return await self._loop().run_in_executor(self._thread, self._embedder.recipes, recipes)

    async def is_ready(self) -> bool:
        """It is: an embedder is warm."""
        return True

    @staticmethod
    def _loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()


def weights_of(checkpoint: Path) -> str:
    """Hash of a checkpoint's weights, by which an index knows its model."""
    return file_hash(checkpoint / "model.safetensors")


def _embedded(queries: list[Query], start: float) -> list[Embedded]:
    seconds = time.perf_counter() - start
    return [Embedded(query, len(queries), seconds) for query in queries]


def _grey_photo(side: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (side, side), (128, 128, 128)).save(stream, "JPEG")
    return stream.getvalue()
