"""Whether files are as they were when their size and sha256 were noted."""

import functools
import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from seje_ray.store.mirror import sizes_of

Verify = Literal["full", "size"]  # sha256 and size, or size alone
MAX_THREADS = 8  # hashing lets other threads run, and one reads some 0.5 to 2 GB/s


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_hash(path: Path) -> str:
    """sha256 of a file, which this process reads once unless the file changes."""
    found = path.stat()
    return _hash_of(path, found.st_size, found.st_mtime_ns, found.st_ino)


@functools.lru_cache(maxsize=100_000)
def _hash_of(path: Path, size: int, changed_ns: int, number: int) -> str:
    return file_hash(path)


def known_hashes(paths: Iterable[Path]) -> dict[Path, str]:
    """``known_hash`` of each file, several at once."""
    paths = list(paths)
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as threads:
        return dict(zip(paths, threads.map(known_hash, paths), strict=True))


def first_fault(
    folder: Path, hashes: Mapping[str, str], sizes: Mapping[str, int], verify: Verify
) -> str | None:
    """What is wrong with the first file that is not as it was noted; None if all are.

    Args:
        folder: Where they lie.
        hashes: File name -> sha256.
        sizes: File name -> bytes; older manifests have none.
        verify: ``size`` compares no hash, except where a size is not known to be right. Of what
            lies in a store no hash is compared here, but whenever a file is brought from there.
    """
    if (stored := sizes_of(folder)) is not None:
        return _stored_fault(folder, hashes, sizes, stored)
    for name in sorted(hashes):
        path = folder / name
        try:
            found = path.stat().st_size
        except OSError as error:
            return f"{path} is missing ({error.strerror})"
        if (expected := sizes.get(name, found)) != found:
            return f"{path} has {found:,} bytes, expected {expected:,}"
        if found == 0 and hashes[name] != EMPTY:
            return f"{path} is empty"
    if verify == "size":
        return None
    for path, hash_found in known_hashes(folder / name for name in sorted(hashes)).items():
        noted = hashes[path.relative_to(folder).as_posix()]
        if hash_found != noted:
            return (
                f"{path} has changed since it was made: expected sha256 {noted[:12]}, found "
                f"{hash_found[:12]}"
            )
    return None


def _stored_fault(
    folder: Path, hashes: Mapping[str, str], sizes: Mapping[str, int], stored: Mapping[str, int]
) -> str | None:
    """``first_fault`` by a store's list of objects, name -> bytes."""
    for name in sorted(hashes):
        if name not in stored:
            return f"{folder / name} is missing"
        if (expected := sizes.get(name, stored[name])) != stored[name]:
            return f"{folder / name} has {stored[name]:,} bytes, expected {expected:,}"
    return None


EMPTY = hashlib.sha256().hexdigest()
