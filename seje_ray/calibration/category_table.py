"""Categories that a user gives: a table from recipe id to class, read from a file."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray import limits
from seje_ray.calibration.categories import BACKGROUND, Categories
from seje_ray.conversion import pickle_to_json
from seje_ray.errors import SejeError, first_line
from seje_ray.recipe1m.fields import FieldError, id_of, text_of
from seje_ray.recipe1m.formats.column_values import CELL_ERRORS, row_bytes
from seje_ray.recipe1m.formats.packed import without_packing
from seje_ray.recipe1m.labelled_photos import class_name
from seje_ray.recipe1m.records import DataError
from seje_ray.recipe1m.text_files import read_text

GIVEN = "given"  # source of a category of the table
ID_WORDS = ("id", "recipeid", "idrecipe", "uid", "key")  # of a header, in small letters alone
CLASS_WORDS = ("class", "category", "label", "classname", "categoryname", "classid", "categoryid")
DELIMITERS = (",", ";", "\t", "|")
NUM_JUDGED = 50  # lines that show the delimiter
JUDGED_CHARS = 1 << 17
ROWS_AT_ONCE = 4096  # of a .parquet file
PICKLES = (".pkl", ".pickle", ".p")
Row = tuple[Any, Any]  # id and class as the file has them


@dataclass(frozen=True)
class CategoryTable:
    """Category names, and the category of each recipe that the file lists."""

    names: tuple[str, ...]  # background first; the number of a category is its place
    numbers: dict[str, int]  # recipe id -> category; 0 where the file says background
    rejected: dict[str, int] = field(default_factory=dict)  # rows by reason

    def categories(self) -> Categories:
        """The same as categories of recipes, which take nothing from a title."""
        sources = (BACKGROUND, *[GIVEN] * (len(self.names) - 1))
        return Categories(self.names, sources, self.numbers)


def read_category_table(path: Path) -> CategoryTable:
    """Read a table of recipe ids and classes.

    .json is ``{id: class, ...}`` or ``{"names": [...], "ids": {id: class, ...}}``; .csv and .tsv
    have an id and a class per line, or other columns beside them under a first line that names
    these; .parquet has columns ``id`` and ``class``. Text files may be packed.

    A class is a name, or a whole number: its place in ``names``, or its own name where there are
    no names. Number 0 is background, unless ``names`` begins with another name. Without
    ``names`` the categories are the classes of the file, numbers first, then names by alphabet.

    A row that cannot be used is counted by reason: ``missing_id``, ``empty_class``,
    ``unknown_class``, ``wrong_type``, ``wrong_columns``, ``conflicting_class`` (the id is there
    with another class; the first stays), ``repeated_row`` (with the same one) and others of
    ``fields``.

    Raises:
        SejeError: If it is a pickle, or of an unknown kind.
        DataError: If it cannot be read at all, or no row of it can be used.
    """
    bare = Path(without_packing(path.name)).suffix.lower()
    suffix = path.suffix.lower() if bare == ".parquet" else bare
    if suffix in PICKLES:
        raise SejeError(
            f"{path}: expected .json, .csv, .tsv or .parquet, found a pickle, which can run code "
            f"when it is read; if you trust it, convert it once: "
            f"{pickle_to_json(str(path), str(path.with_suffix('.json')))}"
        )
    readers: dict[str, Callable[[Path], Iterator[Row | FieldError]]] = {
        ".csv": _lines, ".tsv": _lines, ".parquet": _columns,
    }  # fmt: skip
    if suffix not in readers and suffix != ".json":
        raise SejeError(f"{path}: expected .json, .csv, .tsv or .parquet, found {suffix or 'none'}")
    try:
        if suffix == ".json":
            names, rows = _json_rows(path)
        else:
            names, rows = None, readers[suffix](path)
        return _table(path, rows, names)
    except (OSError, ValueError, RecursionError, pa.ArrowException, OverflowError) as error:
        raise DataError(f"{path}: expected a table of id and class as text, {error}") from error


def _table(path: Path, rows: Iterator[Row | FieldError], names: list[str] | None) -> CategoryTable:
    """Check every row and number the classes."""
    labels: dict[str, str] = {}  # id -> name of its class
    one_of_each: dict[str, str] = {}  # so that a million ids share the names of their classes
    rejected: Counter[str] = Counter()
    known = None if names is None else set(names)
    for row in rows:
        try:
            if isinstance(row, FieldError):
                raise row
            id_ = id_of({"id": row[0]})
            label = _label(row[1], names, known)
            label = one_of_each.setdefault(label, label)
            if id_ in labels:
                is_same = labels[id_] == label
                raise FieldError("repeated_row" if is_same else "conflicting_class", id_)
            labels[id_] = label
        except FieldError as error:
            rejected[error.reason] += 1
    if not labels:
        counts = ", ".join(f"{reason}: {n}" for reason, n in sorted(rejected.items()))
        raise DataError(f"{path}: expected rows of id and class, found none ({counts or 'empty'})")
    order = names if names is not None else sorted(set(labels.values()), key=_numbers_first)
    used = (BACKGROUND, *(name for name in order if name != BACKGROUND))
    number_of = {name: number for number, name in enumerate(used)}
    numbers = {id_: number_of[label] for id_, label in labels.items()}
    return CategoryTable(used, numbers, dict(sorted(rejected.items())))


def _label(value: Any, names: list[str] | None, known: set[str] | None) -> str:
    """Name of a class."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # what a table with a gap in the column makes of whole numbers
    if value is None or value == "":
        raise FieldError("empty_class", "")
    if isinstance(value, bool):
        raise FieldError("wrong_type", "class: expected a name or a whole number, found bool")
    text = str(value) if isinstance(value, int) else class_name(text_of(value, "class"))
    if not text:
        raise FieldError("empty_class", "")
    if len(text) > limits.MAX_ID_LENGTH:
        raise FieldError("wrong_type", f"class of {len(text):,} characters: {text[:40]}...")
    if known is not None and text in known:
        return text
    if text.isdecimal():
        return _numbered(int(text), names)
    if text != BACKGROUND and (known is not None or text.removeprefix("-").isdecimal()):
        raise FieldError("unknown_class", f"{text!r:.80}")
    return text


def _numbered(number: int, names: list[str] | None) -> str:
    """Name of a class that is given as a number."""
    if names is None:
        return str(number) if number else BACKGROUND
    if number >= len(names):
        raise FieldError("unknown_class", f"{number} of {len(names)} names")
    return names[number]


def _numbers_first(label: str) -> tuple[bool, int, str]:
    is_number = label.isdecimal()
    return not is_number, int(label) if is_number else 0, label


def _json_rows(path: Path) -> tuple[list[str] | None, Iterator[Row | FieldError]]:
    """Names, where the file has them, and rows; an object keeps what it has twice."""
    raw = json.loads(_text(path), object_pairs_hook=_Pairs)
    if not isinstance(raw, _Pairs):
        raise DataError(
            f"{path}: expected an object of id: class, found {type(raw).__name__}; write "
            '{"ids": {id: class}, "names": [...]}'
        )
    parts = dict(raw)
    if not (set(parts) <= {"names", "ids"} and isinstance(parts.get("ids"), _Pairs)):
        return None, iter(raw)
    return _checked_names(path, parts.get("names")), iter(parts["ids"])


def _text(path: Path) -> str:
    return read_text(path, max_chars=limits.MAX_TABLE_CHARS)


class _Pairs(list[Row]):
    """An object of a JSON file as (key, value) in file order."""


def _checked_names(path: Path, names: Any) -> list[str] | None:
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: names: expected a list of texts; the place is the number")
    words = [class_name(text_of(name, "names[]")) for name in names]
    doubtful = sorted({name for name in words if not name or words.count(name) > 1})
    if doubtful:
        raise DataError(f"{path}: names: expected each once and none empty, found {doubtful[:5]}")
    return words


def _lines(path: Path) -> Iterator[Row | FieldError]:
    """Rows of a .csv or .tsv file, streamed."""
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(path, text))
    places: tuple[int, int] | None = None
    num_columns = 2
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield FieldError("broken_line", str(error))
            continue
        if cells is None:
            return
        if not cells:
            continue
        if places is None:
            places = _places(path, cells)
            if places is not None:
                num_columns = len(cells)
                continue
            places = (0, 1)
        if len(cells) == num_columns:
            yield cells[places[0]].strip(), cells[places[1]].strip()
        else:
            yield FieldError("wrong_columns", f"expected {num_columns} cells, found {len(cells)}")


def _delimiter(path: Path, text: str) -> str:
    """What most of the first lines have between cells; what the suffix says where several do."""
    first = "\t" if ".tsv" in path.name.lower() else ","
    lines = text[:JUDGED_CHARS].splitlines()[:NUM_JUDGED]
    return max((first, *DELIMITERS), key=lambda mark: sum(mark in line for line in lines))


def _places(path: Path, header: list[str]) -> tuple[int, int] | None:
    """Columns of id and class, by the names in the first line; None if it is no header."""
    words = [re.sub(r"[^a-z]", "", cell.lower()) for cell in header]
    ids = [place for place, word in enumerate(words) if word in ID_WORDS]
    classes = [place for place, word in enumerate(words) if word in CLASS_WORDS]
    if not ids and not classes:
        return None
    if len(header) == 2 and len(ids) + len(classes) == 1:
        return (ids[0], 1 - ids[0]) if ids else (1 - classes[0], classes[0])
    if not ids or not classes:
        raise DataError(
            f"{path}: expected columns id and class, found {', '.join(header)}; rename yours"
        )
    return ids[0], classes[0]


def _columns(path: Path) -> Iterator[Row | FieldError]:
    """Rows of a .parquet file, streamed."""
    found = pq.read_schema(path).names
    if not {"id", "class"} <= set(found):
        raise DataError(
            f"{path}: expected columns id and class, found {', '.join(found) or 'none'}; "
            "rename yours"
        )
    # Texts that repeat are kept once, however often they do: no small file fills the memory.
    with pq.ParquetFile(path, read_dictionary=["id", "class"]) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=["id", "class"], use_threads=False):
            yield from _rows_of(batch)


def _rows_of(batch: pa.RecordBatch) -> Iterator[Row | FieldError]:
    """Rows one by one where not all can be read at once."""
    sizes = row_bytes(batch)
    try:
        if sizes.max(initial=0) > limits.MAX_CELL_BYTES:
            raise OverflowError
        columns = (batch.column(name).to_pylist() for name in ("id", "class"))
        yield from zip(*columns, strict=True)
        return
    except CELL_ERRORS:
        pass
    for number in range(batch.num_rows):
        if sizes[number] > limits.MAX_CELL_BYTES:
            yield FieldError("id_too_long", f"{sizes[number]:,} bytes")
            continue
        try:
            yield tuple(batch.column(name)[number].as_py() for name in ("id", "class"))
        except UnicodeDecodeError as error:
            yield FieldError("invalid_unicode", str(error))
        except CELL_ERRORS as error:  # a date that Python has none for
            yield FieldError("wrong_type", first_line(error))
