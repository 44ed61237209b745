"""Lines that are objects: schema.org's steps and sections, and amounts with their ingredients."""

from collections.abc import Iterator, Mapping
from typing import Any

MAX_DEPTH = 8  # sections inside sections
TEXTS = ("text", "name", "ingredient", "item", "step", "instruction", "description")
AMOUNTS = ("quantity", "amount", "qty")
UNITS = ("unit", "measure")


def listed_lines(value: Any) -> Any:
    """A list of lines where a field is an object: columns of a table, or numbered lines."""
    if not isinstance(value, Mapping):
        return value
    columns = list(value.values())
    if columns and all(isinstance(column, list) for column in columns):
        if len({len(column) for column in columns}) == 1 and set(value) & set(TEXTS):
            return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    elif value and all(str(key).isdigit() for key in value):
        return [value[key] for key in sorted(value, key=lambda key: int(str(key)))]
    return [value] if _is_line(value) else value


def lines_of_list(value: list[Any], depth: int = MAX_DEPTH) -> Iterator[Any]:
    """Lines with texts in the place of objects and of lists."""
    for one in value:
        if isinstance(one, Mapping):
            yield from lines_of_object(one, depth)
        elif isinstance(one, list) and depth:
            yield from lines_of_list(one, depth - 1)
        else:
            yield one


def lines_of_object(value: Mapping[str, Any], depth: int = MAX_DEPTH) -> Iterator[Any]:
    """Lines of an object in a list of lines; itself where it is none.

    A section's name stands in front of its steps, as a line of its own. An ingredient with its
    amount is one line: 2 cups flour.
    """
    if "itemListElement" in value and depth:  # HowToSection, ItemList, HowToStep
        kind, name = value.get("@type"), value.get("name")
        if isinstance(name, str) and (kind is None or "Section" in str(kind)):
            yield name
        inner = value["itemListElement"]
        yield from lines_of_list(inner if isinstance(inner, list) else [inner], depth - 1)
    elif "text" in value:
        yield value["text"]
    elif _is_line(value):
        yield " ".join(filter(None, (_word(value, keys) for keys in (AMOUNTS, UNITS, TEXTS))))
    else:
        yield value


def _is_line(value: Mapping[str, Any]) -> bool:
    return "itemListElement" in value or any(isinstance(value.get(key), str) for key in TEXTS)


def _word(value: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """The first of the keys that holds a text or a number, as a text."""
    for key in keys:
        found = value.get(key)
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        if isinstance(found, str | int | float) and not isinstance(found, bool) and found == found:
            return str(found).strip()
    return ""
