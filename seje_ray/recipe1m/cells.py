"""Cells of own recipes as a table or a web page leaves them, made what the fields take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seje_ray.recipe1m.keys import is_empty
from seje_ray.recipe1m.line_objects import lines_of_list, listed_lines
from seje_ray.recipe1m.markup import has_marks, listed, plain_text

LINES = ("ingredients", "instructions")
_LISTS = (*LINES, "images", "entities")
_NO_NUMBERS = frozenset(("title", *LINES, "images"))
_NUMBERS = (int, float)


@dataclass(slots=True)
class Seen:
    """What was done to the cells of one record: names of fields."""

    marked: frozenset[str] = frozenset()  # held entities or tags
    lists: frozenset[str] = frozenset()  # were a list written as text
    numbers: frozenset[str] = frozenset()  # held a number, which costs the cell
    split: frozenset[str] = frozenset()  # were split by the user's separator


def read_cells(
    fields: Mapping[str, Any], separators: Mapping[str, str]
) -> tuple[dict[str, Any], Seen]:
    """Fields with plain texts and lists, and what was done for that.

    Null, NaN, blanks, and numbers in the place of texts cost the cell; such lines are skipped, and
    kept blank where ``entities`` belong to them by position.

    Args:
        fields: Under our names.
        separators: Field -> what stands between the lines of one text.
    """
    seen = Seen()
    if not fields:
        return dict.fromkeys(_LISTS), seen
    cells = dict(fields)
    for name, value in fields.items():
        if value != [] and is_empty(value):
            cells[name] = None
        elif name in _NO_NUMBERS and isinstance(value, _NUMBERS) and not isinstance(value, bool):
            seen.numbers |= {name}
            cells[name] = None
    for name in _LISTS:
        value = cells.setdefault(name)
        cells[name] = None if value is None else _as_list(value, name, seen)
    if isinstance(title := cells.get("title"), str):
        cells["title"] = " ".join(_without_marks(title, "title", seen).split("\n"))
    has_entities = cells["entities"] is not None
    for name in LINES:
        if cells[name] is not None:
            in_place = has_entities and name == "ingredients"
            cells[name] = _lines(cells[name], name, separators.get(name, ""), in_place, seen)
    if isinstance(cells["images"], list):
        cells["images"] = [image for image in cells["images"] if not is_empty(image)]
    return cells, seen


def _as_list(value: Any, name: str, seen: Seen) -> Any:
    """The list that a text, or the one text of a list, is written as; other values as they are."""
    text = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(text, str) and (found := listed(text)) is not None:
        seen.lists |= {name}
        return found
    return value


def _lines(value: Any, name: str, separator: str, in_place: bool, seen: Seen) -> Any:
    """A list of lines; what is neither text nor list is left to be rejected."""
    value = listed_lines(value)
    if isinstance(value, str):
        value = [line for line in _without_marks(value, name, seen).splitlines() if line.strip()]
    if not isinstance(value, list):
        return value
    if separator and len(value) == 1 and isinstance(value[0], str) and separator in value[0]:
        seen.split |= {name}
        value = _split(value[0], separator)
    lines: list[Any] = []
    for line in lines_of_list(value):
        if isinstance(line, int | float) and not isinstance(line, bool) and line == line:
            seen.numbers |= {name}
            line = None
        if isinstance(line, str):
            if not has_marks(line):
                lines.append(line)
                continue
            plain = _without_marks(line, name, seen).split("\n")
            lines += [" ".join(plain)] if in_place else plain
        elif line is None or line != line:
            lines += [""] * in_place
        else:
            lines.append(line)
    return lines


def _split(text: str, separator: str) -> list[str]:
    """Parts that are not blank; a full stop stays with its sentence."""
    end = separator.strip() if separator.strip() == "." else ""
    *parts, last = text.split(separator)
    return [part for part in (*(p.strip() + end for p in parts if p.strip()), last.strip()) if part]


def _without_marks(text: str, name: str, seen: Seen) -> str:
    if not has_marks(text):
        return text
    plain = plain_text(text)
    if plain != text:
        seen.marked |= {name}
    return plain
