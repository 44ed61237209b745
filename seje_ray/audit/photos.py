"""The second pass of an audit: which photos exist, and what a sample of them shows."""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from seje_ray.audit.near import difference_hashes
from seje_ray.audit.spool import Spool
from seje_ray.console.report import NamedReport
from seje_ray.recipe1m.images import decode
from seje_ray.recipe1m.photo_names import MAX_EXAMPLES, like_name, load_like
from seje_ray.recipe1m.records import ImageFile, Reject
from seje_ray.recipe1m.stored_photos import file_of, photo_bytes

SequenceT = TypeVar("SequenceT", bound=Sequence[Any])

PHOTOS_PER_STEP = 256  # looked up or read between two reports of progress
BAD_PHOTOS_PER_REASON = 6  # kept to be looked at
RECORD = np.dtype(
    [
        ("photo", np.int64),  # its number among those taken
        ("file", np.uint64),  # hash of the file's bytes
        ("pixels", np.uint64),  # hash of what ingest would store
        ("rows", np.uint64),
        ("columns", np.uint64),
    ]
)
"""What is kept of a photo that was read."""


@dataclass(slots=True)
class Sample:
    """Result of reading some photos, n of which are usable."""

    usable: np.ndarray = field(default_factory=lambda: np.empty(0, RECORD))  # (n,), by ``photo``
    read: int = 0
    seconds: float = 0.0
    jpeg_bytes: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[int, str, str]] = field(default_factory=list)  # (photo, reason, detail)


@dataclass(slots=True)
class Found:
    """Which photos have a file; N photos."""

    is_there: np.ndarray  # bool (N,), also where it has a like name
    missing: list[tuple[int, str]] = field(default_factory=list)  # some: (number, location)
    num_like: int = 0  # are there under a like name
    like: tuple[int, str] | None = None  # the first of these


def found_photos(photos: Spool, *, num_threads: int, progress: NamedReport) -> Found:
    """Photos that have a file, by their name or a like one."""
    found = Found(np.zeros(len(photos), bool))
    report = progress("looking up photos", "photos", len(photos))
    with ThreadPoolExecutor(num_threads) as pool:
        for block in _blocks(range(len(photos)), PHOTOS_PER_STEP * num_threads):
            locations = [photos.row(number)[2] for number in block]
            parts = list(_blocks(locations, PHOTOS_PER_STEP))
            there = [f for part in pool.map(_are_there, parts) for f in part]
            for number, location, is_there in zip(block, locations, there, strict=True):
                if not is_there and (like := like_name(location)) is not None:
                    found.like = found.like or (
                        number,
                        f"{location}: taken as {os.path.basename(like)!r}",
                    )
                    found.num_like += 1
                elif not is_there:
                    if len(found.missing) < MAX_EXAMPLES:
                        found.missing.append((number, location))
                    continue
                found.is_there[number] = True
            report(block.stop)
    return found


def _are_there(locations: Sequence[str]) -> list[bool]:
    return [_is_there(location) for location in locations]


def _is_there(location: str) -> bool:
    """False where ingest says missing_file; other faults show when the photo is read."""
    try:
        os.stat(file_of(location))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return True


def drawn_photos(draws: np.ndarray, is_there: np.ndarray, size: int | None) -> np.ndarray:
    """Numbers of the ``size`` photos with the smallest draws, ascending; all where it is None."""
    numbers = np.flatnonzero(is_there)
    if size is None or size >= len(numbers):
        return numbers
    order = np.argsort(draws[numbers], kind="stable")
    return np.sort(numbers[order[:size]])


def read_photos(
    photos: Spool,
    numbers: np.ndarray,
    *,
    shorter_side: int,
    num_threads: int,
    progress: NamedReport,
) -> Sample:
    """Decode photos as ingest does, and hash them.

    Args:
        photos: (recipe's number, id, location) of each photo.
        numbers: Which to read, ascending.
        shorter_side: Pixels that ingest stores.
        num_threads: Pillow lets other threads work while it decodes.
        progress: Called with the number read.
    """
    sample = Sample()
    usable: list[np.ndarray] = []
    report = progress("reading photos", "photos", len(numbers))
    started = time.perf_counter()

    def read(row: tuple[int, str, str]) -> tuple[int, tuple[int, int, int, int, int] | Reject]:
        return row[0], _photo(ImageFile(row[1], row[2]), shorter_side)

    with ThreadPoolExecutor(num_threads) as pool:
        for block in _blocks(range(len(numbers)), PHOTOS_PER_STEP):
            rows = [(int(n), *photos.row(int(n))[1:]) for n in numbers[block.start : block.stop]]
            usable.append(_noted(sample, pool.map(read, rows)))
            report(sample.read)
    sample.seconds = time.perf_counter() - started
    if usable:
        sample.usable = np.concatenate(usable)
    return sample


def _noted(
    sample: Sample, results: Iterator[tuple[int, tuple[int, int, int, int, int] | Reject]]
) -> np.ndarray:
    """Count a block's results; give the usable ones."""
    rows = []
    for number, result in results:
        sample.read += 1
        if isinstance(result, Reject):
            sample.rejected[result.reason] += 1
            if sample.rejected[result.reason] <= BAD_PHOTOS_PER_REASON:
                sample.bad.append((number, result.reason, result.detail))
        else:
            sample.jpeg_bytes += result[0]
            rows.append((number, *result[1:]))
    return np.array(rows, RECORD)


def _photo(file: ImageFile, shorter_side: int) -> tuple[int, int, int, int, int] | Reject:
    """(bytes as ingest stores it, and the four hashes of ``RECORD``) of one photo."""
    jpeg, note = load_like(file, shorter_side=shorter_side)
    if isinstance(jpeg, Reject):
        return jpeg
    try:
        location = file.location if note is None else str(like_name(file.location))
        data = photo_bytes(location)
    except OSError as error:
        return Reject(file.id, "unreadable_file", f"{file.location}: {error.strerror}")
    return len(jpeg), _hash(data), _hash(jpeg), *difference_hashes(decode(jpeg))


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def any_usable(photos: Spool, numbers: np.ndarray, *, shorter_side: int, num_threads: int) -> bool:
    """Whether one of the photos can be used; stops at the first."""

    def is_usable(row: list[Any]) -> bool:
        loaded, _ = load_like(ImageFile(row[1], row[2]), shorter_side=shorter_side)
        return isinstance(loaded, bytes)

    with ThreadPoolExecutor(num_threads) as pool:
        for block in _blocks(range(len(numbers)), 8 * num_threads):
            rows = [photos.row(int(n)) for n in numbers[block.start : block.stop]]
            if any(pool.map(is_usable, rows)):
                return True
    return False


def _blocks(values: SequenceT, size: int) -> Iterator[SequenceT]:
    for start in range(0, len(values), size):
        yield values[start : start + size]  # type: ignore[misc]  # a slice is of the same type
