"""Labelled photos in shuffled batches, decoded in threads, wherever they come from.

Letters: B photos.
"""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from seje_ray.distributed.collectives import gather_objects
from seje_ray.distributed.process import LocalProcess, Process, own_rows
from seje_ray.random_streams import Stream, generator
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.recipe1m.records import DataError, Reject


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo, not yet decoded, and its category."""

    id: str
    jpeg: Callable[[], bytes | Reject]  # called in a thread
    category_id: int


@dataclass(frozen=True, slots=True)
class PhotoBatch:
    """Pixels that a network sees, and categories, of one worker's photos of a batch."""

    pixels: np.ndarray  # (B, 3, crop, crop) uint8
    category_ids: np.ndarray  # (B,) int64
    num_photos: int  # of all workers together, B where there is one; > 0


class LabelledPhotos(Protocol):
    """Labelled photos that an image categorizer is fitted and tested on.

    Where ``worker`` is one of several, it gets its rows of each batch, and every worker takes
    the same number of batches.
    """

    @property
    def batch_size(self) -> int:
        """Photos of a full batch."""

    @property
    def num_batches(self) -> int:
        """Batches of ``epoch``, at most."""

    def __len__(self) -> int:
        """Photos, with those that cannot be decoded."""

    def epoch(self, number: int, worker: Process | None = None) -> Iterator[PhotoBatch]:
        """Random crops of all photos in the order of epoch ``number``."""

    def in_order(self, worker: Process | None = None) -> Iterator[PhotoBatch]:
        """Centre crops of all photos in a fixed order."""


Drawn = tuple[Photo, np.random.Generator | None]  # a photo and what its crop is drawn from


class ShuffledPhotos(ABC):
    """Batches of the photos that a subclass gives one by one.

    A photo that cannot be decoded is left out of its batch and kept in ``rejects``. Workers draw
    the same batches, and each decodes its own rows.

    Args:
        pixels: What the network expects.
        batch_size: Photos, >= 2.
        seed: Of order and crops.
        num_threads: Threads that decode.
    """

    def __init__(
        self, *, pixels: PixelSpec, batch_size: int, seed: int, num_threads: int = 2
    ) -> None:
        self.pixels, self.batch_size, self.seed = pixels, batch_size, seed
        self._num_threads = num_threads
        self._rejects: dict[str, Reject] = {}

    @property
    @abstractmethod
    def num_photos(self) -> dict[int, int]:
        """Photos of each category that has some; no photo is read for it."""

    @abstractmethod
    def _shuffled(self, generator: np.random.Generator) -> Iterator[Photo]:
        """All photos in random order."""

    @abstractmethod
    def _listed(self) -> Iterator[Photo]:
        """All photos in their own order."""

    @property
    def rejects(self) -> list[Reject]:
        """Photos that a worker found undecodable so far, each once."""
        return list(self._rejects.values())

    @property
    def rejected(self) -> dict[str, int]:
        """Photos that a worker found undecodable so far, counted by reason."""
        return dict(sorted(Counter(reject.reason for reject in self.rejects).items()))

    def __len__(self) -> int:
        """Photos of one epoch."""
        return sum(self.num_photos.values())

    @property
    def num_batches(self) -> int:
        """Batches of ``epoch``; a single photo left at the end makes none of its own."""
        full, rest = divmod(len(self), self.batch_size)
        return full + (rest > 1 or len(self) == 1)

    def epoch(self, number: int, worker: Process | None = None) -> Iterator[PhotoBatch]:
        """Random crops of all photos in the order of epoch ``number``.

        A batch of one photo is left out where there are others: batch norm cannot use it.

        Args:
            number: From 0.
            worker: Whose rows to decode; None for all.

        Raises:
            DataError: If photos are there and no batch of them can be decoded.
        """
        draws = generator(Stream.CATEGORIZER_PHOTOS, self.seed, number)
        batches = self._batches(self._shuffled(draws), draws)
        return self._not_none(
            batch
            for batch in self._decoded(batches, worker or LocalProcess())
            if batch.num_photos > 1 or len(self) == 1
        )

    def in_order(self, worker: Process | None = None) -> Iterator[PhotoBatch]:
        """Centre crops of all photos in their own order.

        Args:
            worker: Whose rows to decode; None for all.

        Raises:
            DataError: If photos are there and none can be decoded.
        """
        batches = self._batches(self._listed(), None)
        return self._not_none(self._decoded(batches, worker or LocalProcess()))

    def _not_none(self, batches: Iterator[PhotoBatch]) -> Iterator[PhotoBatch]:
        num_batches = 0
        for batch in batches:
            num_batches += 1
            yield batch
        if num_batches == 0 and len(self) > 0:
            counts = ", ".join(f"{reason}: {n}" for reason, n in self.rejected.items())
            raise DataError(
                f"expected labelled photos to fit or test an image categorizer, found none or one "
                f"among {len(self)} that can be decoded ({counts}); e.g. "
                f"{next(iter(self._rejects), 'none')}; look at the files"
            )

    def _batches(
        self, photos: Iterator[Photo], generator: np.random.Generator | None
    ) -> Iterator[list[Drawn]]:
        """Photos with a generator of their own, so that threads cannot change a crop."""
        batch: list[Drawn] = []
        for photo in photos:
            own = None if generator is None else np.random.default_rng(generator.integers(2**63))
            batch.append((photo, own))
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _decoded(self, batches: Iterator[list[Drawn]], worker: Process) -> Iterator[PhotoBatch]:
        """Decode the worker's rows in threads, one batch ahead of the one in use."""
        waiting: deque[list[tuple[Photo, Future[np.ndarray | Reject]]]] = deque()
        with ThreadPoolExecutor(self._num_threads) as threads:
            for batch in batches:
                rows, are_own = own_rows(len(batch), worker)
                drawn = batch[rows] if are_own else []
                waiting.append([(p, threads.submit(self._crop, p, own)) for p, own in drawn])
                if len(waiting) > 1:
                    yield from self._gathered(waiting.popleft(), worker)
            while waiting:
                yield from self._gathered(waiting.popleft(), worker)

    def _crop(self, photo: Photo, generator: np.random.Generator | None) -> np.ndarray | Reject:
        jpeg = photo.jpeg()
        if isinstance(jpeg, Reject):
            return jpeg
        try:
            return self.pixels.crop_of(jpeg, generator)
        except OSError as error:  # Pillow's, of bytes that are no image
            return Reject(photo.id, "undecodable_image", str(error))

    def _gathered(
        self, decoded: list[tuple[Photo, Future[np.ndarray | Reject]]], worker: Process
    ) -> Iterator[PhotoBatch]:
        """The worker's part of what could be decoded; none where no worker could."""
        crops, category_ids, rejects = [], [], []
        for photo, future in decoded:
            crop = future.result()
            if isinstance(crop, Reject):
                rejects.append(crop)
                continue
            crops.append(crop)
            category_ids.append(photo.category_id)
        parts = gather_objects((len(crops), rejects))
        self._rejects |= {reject.id: reject for _, found in parts for reject in found}
        num_photos = sum(num_decoded for num_decoded, _ in parts)
        if num_photos > 0:
            pixels = self.pixels.stack(crops)
            yield PhotoBatch(pixels, np.asarray(category_ids, np.int64), num_photos)
