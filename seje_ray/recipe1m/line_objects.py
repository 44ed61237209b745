"""Lines that are objects: schema.org's steps and sections, and amounts with their ingredients."""

from collections.abc import Iterator, Mapping
from typing import Any

MAX_DEPTH = 8  # sections inside sections
STEPS = ("text", "step", "instruction", "description", "ingredient", "item")  # say a line
TEXTS = ("text", "name", *STEPS[1:])
HEADINGS = ("name", "title", "section", "heading", "header", "group", "component", "label")
AMOUNTS = ("quantity", "amount", "qty")
UNITS = ("unit", "measure")
_INNER = (  # lists of lines, whatever else the object says
    "itemListElement", "steps", "items", "substeps", "instructions", "directions", "lines",
)  # fmt: skip
_DETAILS = (  # lists that are no lines
    "meta", "tags", "tool", "supply", "photo", "allergens", "substitutes", "alternatives",
    "equipment", "tools", "image",
    "images", "photos", "video", "videos", "notes", "categories", "nutrition",
)  # fmt: skip


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
    return [value] if _is_line(value) or any(key in _INNER for key in value) else value


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

    A section's name stands in front of its lines, as a line of its own. An ingredient with its
    amount is one line: 2 cups flour. What a step lists beside its text, its tools and its
    ingredients, is no line.
    """
    inner = _inner_lists(value)
    if inner and depth:
        heading = _word(value, (*HEADINGS, *STEPS))
        if heading and _is_section(value):
            yield heading
        for one in inner:
            yield from lines_of_list(one, depth - 1)
    elif inner:
        yield value  # deeper than any recipe
    elif isinstance(text := value.get("text"), str) and text.strip():
        yield text
    elif _is_line(value):
        yield " ".join(filter(None, (_word(value, keys) for keys in (AMOUNTS, UNITS, TEXTS))))
    else:
        yield value.get("text", value)


def _inner_lists(value: Mapping[str, Any]) -> list[list[Any]]:
    """The lists of lines that an object holds, in its order."""
    is_said = bool(_word(value, (*STEPS, *AMOUNTS, *UNITS)))
    found = []
    for key, inner in value.items():
        if key in _INNER or not (is_said or key in _DETAILS):
            lines = listed_lines(inner) if key in _INNER else inner
            lines = [lines] if key == "itemListElement" and isinstance(lines, str) else lines
            if isinstance(lines, list) and any(isinstance(one, str | Mapping) for one in lines):
                found.append(lines)
    return found


def _is_section(value: Mapping[str, Any]) -> bool:
    """Whether the name of what holds lines is a heading; of a HowToStep it repeats them."""
    kind = value.get("@type")
    return kind is None or "Section" in str(kind)


def _is_line(value: Mapping[str, Any]) -> bool:
    return any(isinstance(value.get(key), str) for key in TEXTS)


def _word(value: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """The first of the keys that holds a text or a number, as a text."""
    for key in keys:
        found = value.get(key)
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        if (isinstance(found, str) or (is_number and found == found)) and str(found).strip():
            return str(found).strip()
    return ""
