"""The objects below a URI, through pyarrow's file systems, with patience.

Nothing is ever renamed. An object that is written is there as a whole or not at all, and whoever
lists or reads after that sees it: S3, Google's and Azure's stores promise both.
"""

import functools
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from seje_ray.store import azure
from seje_ray.store.location import without_options
from seje_ray.store.patience import TRIES, patient

NUM_THREADS = 8  # requests at once
CONNECT_S = 10.0  # to wait for a connection
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")  # environment variables, the first counts
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a store lists it."""

    size: int  # bytes
    changed_ns: int  # by the store's clock


class Objects:
    """Objects below one URI; keys are relative to it."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._files, self._base = patient(uri, self._opened)

    def listed(self, folder: str = "", *, is_deep: bool = True) -> dict[str, StoredObject]:
        """All objects below ``folder``, or right in it alone, by their keys."""
        from pyarrow import fs

        base = self._path(folder)
        selector = fs.FileSelector(base, allow_not_found=True, recursive=is_deep)
        found = self._patient(folder, lambda: self._files.get_file_info(selector))
        start = len(self._base) + 1 if self._base else 0
        listed = {one.path[start:]: _seen(one) for one in found if one.type == fs.FileType.File}
        return {key: one for key, one in listed.items() if self._is_there(key, one.size)}

    def seen(self, key: str) -> StoredObject | None:
        """One object; None if there is none."""
        from pyarrow import fs

        path = self._path(key)
        found = self._patient(key, lambda: self._files.get_file_info(path))
        is_there = found.type == fs.FileType.File and self._is_there(key, found.size)
        return _seen(found) if is_there else None

    def read(self, key: str, tries: int = TRIES) -> bytes | None:
        """The bytes of an object; None if there is none."""

        def read() -> bytes:
            with self._files.open_input_stream(self._path(key)) as stream:
                return bytes(stream.read())

        try:
            found = self._patient(key, read, tries)
        except FileNotFoundError:
            return None
        return found if self._is_there(key, len(found)) else None

    def read_into(self, key: str, path: Path, size: int) -> None:
        """Copy an object of ``size`` bytes into a file."""

        def read() -> None:
            with self._files.open_input_stream(self._path(key)) as stream, path.open("wb") as file:
                shutil.copyfileobj(stream, file, azure.PIECE)
            if (found := path.stat().st_size) != size:
                raise OSError(f"got {found:,} bytes of {size:,}")

        try:
            self._patient(key, read)
        except OSError as error:
            if error.errno is not None:  # of this machine's disk
                error.filename = str(path)
            raise

    def write(self, key: str, data: bytes, tries: int = TRIES) -> None:
        """Make or replace an object."""
        self._patient(key, lambda: self._send(key, len(data), lambda it: it.write(data)), tries)

    def write_from(self, key: str, path: Path) -> StoredObject:
        """Make or replace an object by a file's bytes; the object as it is then listed."""

        def write() -> StoredObject:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                self._send(key, size, lambda stream: shutil.copyfileobj(file, stream, azure.PIECE))
            seen = self.seen(key) if self._is_there(key, size) else StoredObject(0, 0)
            if seen is None or seen.size != size:
                raise OSError(f"{size:,} bytes were written, {seen and seen.size} are there")
            return seen

        return self._patient(key, write)

    def copy(self, names: Iterable[str], source: str, target: str) -> None:
        """Copy objects from below one key to below another, within the store."""

        def copy(name: str) -> None:
            pair = self._path(f"{source}/{name}"), self._path(f"{target}/{name}")
            self._patient(f"{target}/{name}", lambda: self._copy(*pair))

        in_threads(copy, names)

    def drop(self, keys: Iterable[str]) -> None:
        """Delete objects, also such as are gone."""

        def drop(key: str) -> None:
            with suppress(FileNotFoundError):
                self._patient(key, lambda: self._files.delete_file(self._path(key)))

        in_threads(drop, keys)

    def at(self, key: str) -> tuple[Any, str]:
        """The file system, and the path of a key in it, for libraries that take both."""
        return self._files, self._path(key)

    def _opened(self) -> tuple[Any, str]:
        """The file system, and the path of the URI in it."""
        return _opened(self.uri)

    def _is_there(self, key: str, size: int) -> bool:
        """Whether an object of ``size`` bytes counts as one that has been written."""
        return True

    def _send(self, key: str, size: int, fill: Callable[[IO[bytes]], object]) -> None:
        """Make or replace an object of ``size`` bytes, which ``fill`` writes into a stream."""
        with self._files.open_output_stream(self._path(key)) as stream:
            fill(stream)

    def _copy(self, source: str, target: str) -> None:
        self._files.copy_file(source, target)

    def _patient(self, key: str, function: Callable[[], Result], tries: int = TRIES) -> Result:
        """What ``function`` gives; a list has a reason where an object's own answer has none."""
        from pyarrow import fs

        nothing = fs.FileSelector(self._path(".nothing"), allow_not_found=True)
        return patient(
            self._where(key), function, tries, ask=lambda: self._files.get_file_info(nothing)
        )

    def _path(self, key: str) -> str:
        return f"{self._base}/{key}" if key else str(self._base)

    def _where(self, key: str) -> str:
        return f"{without_options(self.uri)}/{key}".rstrip("/")


class AzureObjects(Objects):
    """Objects of Azure's store, where pyarrow shows an empty one until its bytes are there."""

    def _opened(self) -> tuple[Any, str]:
        return azure.opened(self.uri)

    def _is_there(self, key: str, size: int) -> bool:
        return size > 0 and azure.SENDING not in key.split("/")

    def _send(self, key: str, size: int, fill: Callable[[IO[bytes]], object]) -> None:
        azure.send(self._files, self._base, self._path(key), size, fill)

    def _copy(self, source: str, target: str) -> None:
        azure.copy(self._files, source, target)


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """What a function gives for each item, several at once; raises what the first raised."""
    items = list(items)
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(NUM_THREADS, len(items))) as threads:
        return list(threads.map(function, items))


def objects_of(uri: str) -> Objects:
    """The objects at a URI, by this process's one connection to it."""
    return _connection(uri, os.getpid())


@functools.lru_cache(maxsize=16)
def _connection(uri: str, process: int) -> Objects:
    return AzureObjects(uri) if azure.is_azure(uri) else Objects(uri)


def environment() -> dict[str, str]:
    """Which store is meant, for processes of a cluster: no credentials, theirs are the node's."""
    found = {name: os.environ.get(name, "") for name in (*ENDPOINTS, *REGIONS)}
    return {name: value for name, value in found.items() if value and "@" not in value}


def _opened(uri: str) -> tuple[Any, str]:
    from pyarrow import fs

    if uri.startswith("s3:"):
        return _opened_s3(uri)
    if uri.startswith(("gs:", "gcs:")):  # which tries for a quarter of an hour where nobody answers
        uri += f"{'&' if '?' in uri else '?'}retry_limit_seconds={CONNECT_S}"
    files, base = fs.FileSystem.from_uri(uri)
    return files, str(base).rstrip("/")


def _opened_s3(uri: str) -> tuple[Any, str]:
    from pyarrow import fs

    parts = urlsplit(uri)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    if "anonymous" in options:
        options["anonymous"] = options["anonymous"] == "true"
    endpoint = next(filter(None, map(os.environ.get, ENDPOINTS)), None)
    if endpoint and "endpoint_override" not in options:
        scheme, _, options["endpoint_override"] = endpoint.rstrip("/").rpartition("://")
        options["scheme"] = scheme or "https"
    region = next(filter(None, map(os.environ.get, REGIONS)), None)
    if region is None and "endpoint_override" not in options and "region" not in options:
        region = fs.resolve_s3_region(parts.netloc)
    files = fs.S3FileSystem(
        **{"region": region} | options,
        allow_delayed_open=True,  # a small object takes one request in place of three
        connect_timeout=CONNECT_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),  # ``patient`` tries again
    )
    return files, f"{parts.netloc}{parts.path}".rstrip("/")


def _seen(found: Any) -> StoredObject:
    return StoredObject(int(found.size), int(found.mtime_ns or 0))
