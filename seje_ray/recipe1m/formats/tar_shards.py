"""Tar shards of WebDataset: the files of one record are called KEY.json, KEY.txt, KEY.jpg."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seje_ray.recipe1m import json_stream
from seje_ray.recipe1m.formats.encodings import encoding_of
from seje_ray.recipe1m.formats.packed import ByteStream
from seje_ray.recipe1m.formats.reading import Reading
from seje_ray.recipe1m.json_stream import Broken
from seje_ray.recipe1m.records import DataError
from seje_ray.recipe1m.stored_photos import StoredPhoto, in_tar

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
            yield from _records(path, shard)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{path}: expected a tar file, found none: {error}") from error


def _records(path: Path, shard: tarfile.TarFile) -> Iterator[Any | Broken]:
    key, broken = "", None
    record: dict[str, Any] = {}
    for member in _members(shard):
        folder, _, name = member.name.rpartition("/")
        stem, _, kind = name.partition(".")
        if not stem or not kind:
            continue
        if (new := f"{folder}/{stem}".lstrip("./")) != key:
            if record or broken:
                yield broken or record
            key, record, broken = new, {}, None
        broken = _add(record, new, kind.lower(), member, path, shard) or broken
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
    if member.size > json_stream.MAX_RECORD_CHARS:
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
