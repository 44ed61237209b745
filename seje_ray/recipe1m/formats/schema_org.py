"""Recipes as web pages give them to search engines: schema.org/Recipe in JSON-LD."""

import json
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeGuard

from seje_ray import limits
from seje_ray.recipe1m.formats.encodings import (
    CHUNK_BYTES,
    UTF_8,
    TextStream,
    page_encoding_of,
)
from seje_ray.recipe1m.formats.packed import ByteStream
from seje_ray.recipe1m.formats.reading import Reading
from seje_ray.recipe1m.json_stream import Broken

MAX_DEPTH = 8  # sections inside sections, graphs inside graphs
_TYPE = "application/ld+json"


def is_typed(record: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a record may hold recipes, rather than be one."""
    return isinstance(record, dict) and ("@type" in record or "@graph" in record)


def recipes_in(record: Mapping[str, Any]) -> Iterator[Any]:
    """The recipes that a typed record holds: itself, made plain, or those of its graph or page.

    Of what a page says of other things, its author and its site, nothing is left.
    """
    if {"ingredients", "instructions", "title"} & set(record) and not _is_a(record, "Recipe"):
        yield record
    else:
        yield from _found(record, MAX_DEPTH)


def _found(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(value, list) and depth:
        for one in value:
            yield from _found(one, depth - 1)
    elif isinstance(value, Mapping) and depth:
        if _is_a(value, "Recipe"):
            yield plain(value)
        else:
            for key in ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item"):
                yield from _found(value.get(key), depth - 1)


def _is_a(value: Mapping[str, Any], name: str) -> bool:
    types = value.get("@type")
    types = types if isinstance(types, list) else [types]
    return any(isinstance(one, str) and one.rpartition("/")[2] == name for one in types)


def plain(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A Recipe with names of photos in the place of objects; other keys stay."""
    found = {key: value for key, value in recipe.items() if not _is_said_of_all(key)}
    if "image" in recipe:
        found["image"] = list(_images(recipe["image"], MAX_DEPTH))
    name = recipe.get("name")
    if isinstance(name, list) and name:
        found["name"] = name[0]
    return found


def _is_said_of_all(key: str) -> bool:
    return key in ("@context", "@type")


def _images(value: Any, depth: int) -> Iterator[Any]:
    if not depth:
        return
    if isinstance(value, list):
        for one in value:
            yield from _images(one, depth - 1)
    elif isinstance(value, Mapping):
        keys = ("url", "contentUrl", "@id", "path")
        yield from _images(next((value[key] for key in keys if value.get(key)), None), depth - 1)
    elif value:
        yield value


def page_records(path: Path, reading: Reading) -> Iterator[Any | Broken]:
    """Recipes in the JSON-LD of a web page; a page without any has no record.

    Raises:
        DataError: If the file cannot be opened.
    """
    reading.say("web pages with JSON-LD")
    parser, size = _Scripts(), 0
    with ByteStream(path) as packed:
        encoding = page_encoding_of(packed.read(CHUNK_BYTES))
    if encoding != UTF_8:
        reading.say(encoding.name)
    with TextStream(path, encoding=encoding) as stream:
        while text := stream.read():
            size += len(text)
            if size > limits.MAX_RECORD_CHARS:
                yield Broken("record_too_large", f"{path.name}: a page")
                return
            parser.feed(text)
    parser.close()
    for script in parser.scripts:
        try:
            found = list(_found(json.loads(script, strict=False), MAX_DEPTH))
        except (ValueError, RecursionError) as error:
            yield Broken("malformed_json", f"{path.name}: {error}"[:200])
            continue
        yield from found


class _Scripts(HTMLParser):
    """Collects the JSON-LD of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[str] = []
        self._parts: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a script of JSON-LD."""
        kind = (dict(attrs).get("type") or "").split(";")[0].strip().lower()
        if tag == "script" and kind == _TYPE:
            self._parts = []

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if tag == "script" and self._parts is not None:
            self.scripts.append("".join(self._parts))
            self._parts = None

    def handle_data(self, data: str) -> None:
        """Keep what is in it."""
        if self._parts is not None:
            self._parts.append(data)
