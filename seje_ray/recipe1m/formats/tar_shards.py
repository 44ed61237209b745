"""Tar shards of WebDataset: the files of one record are called KEY.json, KEY.txt, KEY.jpg."""

import json
import tarfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from seje_ray import limits
from seje_ray.recipe1m.formats.encodings import encoding_of
from seje_ray.recipe1m.formats.packed import ByteStream
from seje_ray.recipe1m.formats.reading import Reading
from seje_ray.recipe1m.json_stream import Broken
from seje_ray.recipe1m.records import DataError
from seje_ray.recipe1m.stored_photos import StoredPhoto, in_tar

NUM_NAMES = 2000  # of a shard, that show whether keys have dots
PHOTO_SUFFIXES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "heic", "avif")
TEXT_SUFFIXES = {"txt": "title", "text": "title", "title": "title", "caption": "title"}


def tar_records(path: Path, reading: Reading) -> Iterator[Any | Broken]:
    """Records of a tar shard: neighbours with one key; nothing is unpacked.

    Raises:
        DataError: If it is no tar file, or a packed one.
    """
    with ByteStream(path) as stream:
        if stream.packing:
            raise DataError(
                f"{path}: expected a plain tar, whose photos are read where they are, found one "
                f"packed with {stream.packing}; unpack that alone, e.g. gzip -d {path.name}"
            )
    try:
        with tarfile.open(path, "r:") as shard:
            reading.say("tar shards (WebDataset)")
            has_dots = _has_dots(member.name for member in islice(_members(shard), NUM_NAMES))
        if has_dots:
            reading.say("keys with dots, which end at the last one")
        with tarfile.open(path, "r:") as shard:
            yield from _records(path, shard, has_dots=has_dots)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{path}: expected a tar file, found none: {error}") from error


def _has_dots(names: Iterable[str]) -> bool:
    """Whether keys have dots in them: up to the first one, most records of the shard were one.

    Two kinds of JSON of a record, ``a.json`` and ``a.meta.json``, are met again with the next one.
    """
    parts = [_split(name, has_dots=False) for name in names if name.lower().endswith(".json")]
    return len({kind for _, kind in parts}) > len({key for key, _ in parts})


def _split(path: str, *, has_dots: bool) -> tuple[str, str]:
    """(key, kind) of a file's path; "" where it is hidden or has no suffix."""
    folder, _, name = path.rpartition("/")
    stem, _, kind = name.rpartition(".") if has_dots else name.partition(".")
    return (f"{folder}/{stem}".lstrip("./"), kind.lower()) if stem and kind else ("", "")


def _records(path: Path, shard: tarfile.TarFile, *, has_dots: bool) -> Iterator[Any | Broken]:
    key, broken, described_by = "", None, ""
    record: dict[str, Any] = {}
    for member in _members(shard):
        new, kind = _split(member.name, has_dots=has_dots)
        if not new:
            continue
        if new != key:
            if record or broken:
                yield broken or record
            key, record, broken, described_by = new, {}, None, ""
        if kind.endswith("json"):
            if described_by:
                raise DataError(
                    f"{path}: expected one .json for the record {new!r}, found {described_by} and "
                    f"{member.name}; a key ends at the first dot of a name: write other names, "
                    "and leave further .json files out"
                )
            described_by = member.name
        broken = _add(record, new, kind, member, path, shard) or broken
        record.setdefault("id", new)
    if record or broken:
        yield broken or record


def _members(shard: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Regular files one by one; what was passed is forgotten."""
    while (member := shard.next()) is not None:
        shard.members = []  # type: ignore[attr-defined]  # all of them would fill the memory
        if member.isreg():
            yield member


def _add(
    record: dict[str, Any],
    key: str,
    kind: str,
    member: tarfile.TarInfo,
    path: Path,
    shard: tarfile.TarFile,
) -> Broken | None:
    """Put a member into its record."""
    last = kind.rpartition(".")[2]
    if last in PHOTO_SUFFIXES:
        location = in_tar(path, member.offset_data, member.size)
        photos = record.setdefault("images", [])
        if isinstance(photos, list):
            photos.append(StoredPhoto(f"{key}.{kind}", location))
        return None
    if last != "json" and last not in TEXT_SUFFIXES:
        return None
    if member.size > limits.MAX_RECORD_CHARS:
        return Broken("record_too_large", f"{path.name}: {member.name}")
    file = shard.extractfile(member)
    data = b"" if file is None else file.read()
    text = _text(data)
    if last in TEXT_SUFFIXES:
        record.setdefault(TEXT_SUFFIXES[last], text.strip())
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Broken("malformed_json", f"{path.name}: {member.name}: {error}"[:200])
    if not isinstance(found, dict):
        return Broken("not_an_object", f"{path.name}: {member.name}")
    photos = record.get("images")
    record |= found
    if photos:
        record["images"] = photos
    return None


def _text(data: bytes) -> str:
    encoding = encoding_of(data)
    return data[encoding.num_mark_bytes :].decode(encoding.codec, encoding.errors)
