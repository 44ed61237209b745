"""The one table of formats of own recipes, and which files of a folder are read by it."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seje_ray.recipe1m.formats.columnar import arrow_records, parquet_records
from seje_ray.recipe1m.formats.delimited import delimited_records, text_fields_of
from seje_ray.recipe1m.formats.json_files import json_file_records
from seje_ray.recipe1m.formats.packed import PACKED_SUFFIXES, without_packing
from seje_ray.recipe1m.formats.reading import ReadFormat, Reading
from seje_ray.recipe1m.formats.schema_org import page_records
from seje_ray.recipe1m.formats.tar_shards import tar_records
from seje_ray.recipe1m.keys import PARTITION_WORDS
from seje_ray.recipe1m.records import PARTITIONS, DataError

_WORDS = re.compile(r"[a-z]+")
MAX_DEPTH = 3  # folders in folders that are looked into
NUM_TABLES = 1000  # of a folder, whose columns are compared
MAX_FILES = 1_000_000  # names looked at
_NO_DATA = (  # beside data, in the folders of the hub and of ``datasets``
    "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json",
    "cache-",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file."""

    name: str  # for messages
    suffixes: tuple[str, ...]
    read: ReadFormat
    may_be_packed: bool = False


FORMATS = (
    Format("Parquet", (".parquet", ".pq"), parquet_records),
    Format("Arrow", (".arrow", ".feather", ".ipc"), arrow_records),
    Format("tar", (".tar", ".tgz"), tar_records, may_be_packed=True),
    Format("CSV or TSV", (".csv", ".tsv", ".tab"), delimited_records, may_be_packed=True),
    Format(
        "JSON",
        (".jsonl", ".ndjson", ".jsonlines", ".json", ".jsonld"),
        json_file_records,
        may_be_packed=True,
    ),
    Format("web page", (".html", ".htm", ".xhtml"), page_records, may_be_packed=True),
)
REFUSED = {  # suffix -> what to do
    ".zip": "unpack it, and name the folder or the file in it",
    ".rar": "unpack it, and name the folder or the file in it",
    ".7z": "unpack it, and name the folder or the file in it",
    ".xlsx": "save the sheet as CSV UTF-8",
    ".xls": "save the sheet as CSV UTF-8",
    ".ods": "save the sheet as CSV UTF-8",
    ".pkl": "a pickle can run any code and is never opened; write it with pandas' to_parquet",
    ".pickle": "a pickle can run any code and is never opened; write it with pandas' to_parquet",
    ".npy": "write its records as JSON lines",
    ".npz": "write its records as JSON lines",
    ".db": "export its table as CSV",
    ".sqlite": "export its table as CSV",
    ".sqlite3": "export its table as CSV",
    ".xml": "write its records as JSON lines",
    ".yaml": "write its records as JSON lines",
    ".yml": "write its records as JSON lines",
    ".tfrecord": "write its records as JSON lines, with the photos as files",
    ".lmdb": "write its records as JSON lines, with the photos as files",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A file that is read, and what its name says."""

    path: Path
    format: Format
    partition: str | None = None  # of records that name none


def suffixes() -> str:
    """All suffixes of files that can be read, for messages."""
    return " ".join(suffix for one in FORMATS for suffix in one.suffixes)


def format_of(path: Path) -> Format | None:
    """The format that a file's name says."""
    name = path.name.lower()
    bare = without_packing(name)
    for one in FORMATS:
        if name.endswith(one.suffixes) or (one.may_be_packed and bare.endswith(one.suffixes)):
            return one
    return None


def part_of(path: Path) -> Part:
    """A file of own recipes.

    Raises:
        DataError: If its suffix is not known; says what to do.
    """
    found = format_of(path)
    if found is not None:
        return Part(path, found)
    suffix = path.suffix.lower()
    bare = Path(without_packing(path.name)).suffix.lower()
    what = (suffix if bare == suffix else bare + suffix) or "a file without suffix"
    advice = REFUSED.get(bare, "")
    raise DataError(
        f"{path}: expected a Recipe1M folder, or recipes in a file with one of {suffixes()} "
        f"({' '.join(PACKED_SUFFIXES)} behind it for packed ones), found {what}"
        + (f"; {advice}" if advice else "")
    )


def parts_in(folder: Path, columns: Mapping[str, str] | None = None) -> list[Part]:
    """Files of a folder that hold recipes: all of one format, by their names.

    Args:
        folder: Looked into, and folders in it.
        columns: field -> key, as the user says.

    Raises:
        DataError: If none holds any, or files of several formats do, or tables of other columns.
    """
    paths = list(_files(folder))
    by_format: dict[str, list[Part]] = {}
    for path in paths:
        found = format_of(path)
        if found is not None and not path.name.startswith(_NO_DATA):
            part = Part(path, found, _partition_in(path.relative_to(folder)))
            by_format.setdefault(found.name, []).append(part)
    if len(by_format) > 1 and all(_is_beside(part.path) for part in by_format.get("JSON", [])):
        by_format.pop("JSON", None)
    if len(by_format) > 1:
        by_format.pop("web page", None)
    if not by_format:
        shown = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise DataError(
            f"{folder}: expected Recipe1M's layer1.json, or files with recipes ({suffixes()}), "
            f"found {shown}; name the folder or the file that holds the recipes"
        )
    if len(by_format) > 1:
        shown = ", ".join(f"{parts[0].path.name} ({name})" for name, parts in by_format.items())
        raise DataError(
            f"{folder}: expected files of one format, found {shown}; name the one that holds the "
            "recipes"
        )
    (parts,) = by_format.values()
    if len(parts) > 1 and parts[0].format.read is delimited_records:
        _refuse_other_tables(folder, parts, Reading(columns or {}))
    return parts


def _refuse_other_tables(folder: Path, parts: list[Part], reading: Reading) -> None:
    """Raise an error if tables of a folder hold other texts, as one of ingredients' names does."""
    fields = {part.path: text_fields_of(part.path, reading) for part in parts[:NUM_TABLES]}
    if len({*fields.values()}) == 1:
        return
    most = max(fields.values(), key=lambda found: ("ingredients" in found, len(found)))
    whole = [path for path, found in fields.items() if found == most]
    other = next(path for path, found in fields.items() if found != most)
    advice = "move it away" if len(whole) > 1 else f"name that file alone: --data {whole[0]}"
    raise DataError(
        f"{folder}: expected tables of the same columns, found {', '.join(most)} in "
        f"{whole[0].relative_to(folder)} and {', '.join(fields[other]) or 'no text of a recipe'} "
        f"in {other.relative_to(folder)}; {advice}"
    )


def named_partitions(parts: list[Part]) -> set[str]:
    """Partitions that the names of files say."""
    return {part.partition for part in parts if part.partition is not None}


def _files(folder: Path) -> Iterator[Path]:
    """Regular files below a folder, by name; hidden ones and links to folders are passed over."""
    number = 0
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = [] if depth >= MAX_DEPTH else sorted(n for n in folders if _is_seen(n))
        for name in sorted(filter(_is_seen, names)):
            number += 1
            if number > MAX_FILES:
                return
            path = Path(place) / name
            if path.is_file():
                yield path


def _is_seen(name: str) -> bool:
    return not name.startswith((".", "_"))


def _is_beside(path: Path) -> bool:
    """Whether a JSON file tells of other files, and holds no recipes: small, and no list."""
    if path.suffix.lower() != ".json" or path.stat().st_size > 1 << 16:
        return False
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and not {"ingredients", "@type", "@graph"} & set(found)


def _partition_in(path: Path) -> str | None:
    """The partition that a file's name says, or the folder's: train-00000-of-00003, val/0."""
    for part in reversed(path.parts):
        words: list[str] = _WORDS.findall(part.lower())
        found = {PARTITION_WORDS.get(word, word) for word in words} & {*PARTITIONS}
        if len(found) == 1:
            return found.pop()
    return None
