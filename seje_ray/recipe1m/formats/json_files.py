"""JSON lines, lists, objects that hold a list of recipes, and objects of recipes by their id."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from seje_ray.recipe1m.formats.encodings import TextStream
from seje_ray.recipe1m.formats.reading import Reading
from seje_ray.recipe1m.json_stream import BETWEEN, Broken, Member, Window
from seje_ray.recipe1m.keys import PARTITION_WORDS
from seje_ray.recipe1m.records import PARTITIONS, DataError

NUM_SEEN = 100  # members of an object in an object that is not seen to its end
NUM_JUDGED = 3  # elements that show what a list holds
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s*")
_COLON = re.compile(r"\s*:\s*")
_COMMA = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the records of a file that begins with an object are."""

    kind: Literal["lines", "wrapped", "by_id"]
    keys: tuple[str, ...] = ()  # of the lists that hold records; none: of every list of objects
    opened: tuple[str, ...] = ()  # of the objects that hold these lists, or the recipes by id


def json_file_records(path: Path, reading: Reading) -> Iterator[Any | Broken]:
    """Records of a JSON file in any of its layouts, in file order; memory holds a few of them.

    Raises:
        DataError: If the file is empty, starts like no JSON, or holds a table by columns.
    """
    with TextStream(path) as stream:
        window = Window(path, stream.read, lambda value: _is_record(value, reading))
        if _is_list(window, path, stream):
            reading.say("JSON list", *stream.said())
            yield from window.elements()
        else:
            layout = _layout(window, path, reading)
            reading.say(_name(layout), *stream.said())
            if layout.kind == "lines":
                yield from window.lines()
            else:
                yield from _members(window, layout, reading)
        if stream.damage:
            yield Broken("truncated_file", stream.damage)


def _is_list(window: Window, path: Path, stream: TextStream) -> bool:
    try:
        return window.start()
    except DataError as error:
        if not stream.damage:
            raise
        raise DataError(
            f"{path}: expected JSON records, found a file that is cut before the first of them: "
            f"{stream.damage}; get it again"
        ) from error


def _name(layout: Layout) -> str:
    inside = f" in {', '.join(map(repr, layout.opened))}" if layout.opened else ""
    if layout.kind == "lines":
        return "JSON lines"
    if layout.kind == "by_id":
        return f"JSON object of recipes by id{inside}"
    return f"JSON object with recipes in {', '.join(map(repr, layout.keys)) or 'lists'}{inside}"


def _layout(window: Window, path: Path, reading: Reading) -> Layout:
    first = window.peek()
    if isinstance(first, Broken):  # perhaps a whole file; or one with damage in it
        first = dict(_pairs(window.ahead()))  # as far as it can be seen
    return layout_of(first, path, reading) if isinstance(first, dict) else Layout("lines")


def layout_of(first: Mapping[str, Any], path: Path, reading: Reading) -> Layout:
    """The layout of a file, by the first object in it.

    Raises:
        DataError: If it is a table by columns, as pandas writes it without being told.
    """
    found = reading.fields_of(tuple(first)) & {"ingredients", "instructions"}
    if _is_by_columns(first, found):
        raise DataError(
            f"{path}: expected recipes one by one, found a table by columns; write it with "
            "pandas' to_json(FILE, orient='records', lines=True)"
        )
    if found or "@type" in first:
        return Layout("lines")
    if lists := _lists_in(first, reading):
        return Layout("wrapped", lists)
    if _is_by_id(first, reading):
        return Layout("by_id")
    objects = {key: value for key, value in first.items() if isinstance(value, dict)}
    if by_id := tuple(key for key, value in objects.items() if _is_by_id(value, reading)):
        return Layout("by_id", opened=by_id)
    within = {key: lists for key, one in objects.items() if (lists := _lists_in(one, reading))}
    if within:
        keys = dict.fromkeys(key for lists in within.values() for key in lists)
        return Layout("wrapped", tuple(keys), tuple(within))
    return Layout("lines")


def _lists_in(found: Mapping[str, Any], reading: Reading) -> tuple[str, ...]:
    return tuple(key for key, value in found.items() if _holds_recipes(value, reading))


def _is_by_id(found: Mapping[str, Any], reading: Reading) -> bool:
    objects = [value for value in found.values() if isinstance(value, dict)]
    return bool(objects) and all(is_recipe(value, reading) for value in objects[:NUM_JUDGED])


def is_recipe(value: Any, reading: Reading) -> bool:
    """Whether an object looks like a recipe: by its keys, or as schema.org says."""
    if not isinstance(value, dict):
        return False
    fields = reading.fields_of(tuple(value))
    return bool(fields & {"ingredients", "instructions"} or {"title", "images"} <= fields)


def _is_record(value: Any, reading: Reading) -> bool:
    """Whether an object is a record, not one of those in it: steps and lines have less."""
    return isinstance(value, dict) and ("id" in value or is_recipe(value, reading))


def _holds_recipes(value: Any, reading: Reading) -> bool:
    if not isinstance(value, list):
        return False
    objects = [one for one in value if isinstance(one, dict)]
    return any(is_recipe(one, reading) or "@type" in one for one in objects[:NUM_JUDGED])


def _is_by_columns(first: Mapping[str, Any], texts: set[str]) -> bool:
    if set(first) >= {"columns", "data"} and isinstance(first["data"], list):
        return True  # orient="split"
    columns = [value for value in first.values() if isinstance(value, dict)]
    if not texts or len(columns) != len(first):
        return False
    return all({"0", "1"} & set(column) or len(column) == 1 for column in columns)


def _pairs(text: str, at: int = 1, depth: int = 1) -> Iterator[tuple[str, Any]]:
    """Keys and values of an object that is not seen to its end; of a list its first element."""
    try:
        while True:
            at = _end(_COMMA, text, at)
            key, at = _DECODER.raw_decode(text, at)
            at = _end(_COLON, text, at)
            if text[at] == "[":
                element, _ = _DECODER.raw_decode(text, _end(_SPACE, text, at + 1))
                yield str(key), [element]
            if text[at] == "{" and depth:
                yield str(key), dict(islice(_pairs(text, at + 1, depth - 1), NUM_SEEN))
            value, at = _DECODER.raw_decode(text, at)
            yield str(key), value
    except (ValueError, IndexError, RecursionError):
        return


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _members(window: Window, layout: Layout, reading: Reading) -> Iterator[Any | Broken]:
    """Records of the objects in the file, one after the other; mostly there is one."""
    while window.skip(BETWEEN):
        if window.character() != "{":
            yield window.record()
            continue
        window.step()
        members = window.members(streamed=layout.kind == "wrapped", opened=layout.opened)
        for key, value in members:
            if not layout.opened:
                yield from _records_of(key, value, layout, reading)
            elif isinstance(value, Member):
                is_counted = len(layout.opened) > 1 and value.key.isdecimal()  # in each from 0
                name = f"{key}:{value.key}" if is_counted and layout.kind == "by_id" else value.key
                for record in _records_of(name, value.value, layout, reading):
                    yield _with_partition(record, key, layout.opened, reading)


def _records_of(key: str, value: Any, layout: Layout, reading: Reading) -> Iterator[Any | Broken]:
    """The record that a member is, if it is one."""
    if isinstance(value, Broken):
        yield value
    elif layout.kind == "by_id":
        yield _with_id(value, key, reading)
    elif key in layout.keys or (not layout.keys and isinstance(value, dict)):
        yield _with_partition(value, key, layout.keys, reading)


def _with_id(record: Any, key: str, reading: Reading) -> Any:
    if not isinstance(record, dict) or "id" in reading.fields_of(tuple(record)):
        return record
    return {"id": key, **record}


def _with_partition(record: Any, key: str, keys: tuple[str, ...], reading: Reading) -> Any:
    """The record, with the partition that its list or object is called, where it names none."""
    words = {*PARTITIONS, *PARTITION_WORDS}
    if len(keys) < 2 or any(key.lower() not in words for key in keys):
        return record
    if not isinstance(record, dict) or "partition" in reading.fields_of(tuple(record)):
        return record
    reading.say("partitions by the names of its parts")
    return {"partition": key, **record}
