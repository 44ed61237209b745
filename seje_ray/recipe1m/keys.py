"""The one place where keys of a raw record of own data become the fields of a recipe."""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from seje_ray.config.data import OwnField

FIELDS: tuple[OwnField, ...] = get_args(OwnField)
NEAR: dict[OwnField, tuple[str, ...]] = {  # in lower case, letters alone; the first one wins
    "id": ("recipeid", "uid", "uuid"),
    "title": ("name", "recipename", "recipetitle"),
    "ingredients": ("recipeingredient", "recipeingredients", "ingredient", "ingredientlines"),
    "instructions": (
        "directions", "steps", "method", "recipeinstructions", "instruction", "direction",
        "preparation",
    ),
    "images": (
        "image", "imagepath", "imagepaths", "imagefile", "imagename", "photo", "photos", "picture",
        "pictures", "img",
    ),
    "partition": ("split", "subset"),
    "entities": (),
}  # fmt: skip
PARTITION_WORDS = {
    "training": "train",
    "validation": "val",
    "valid": "val",
    "dev": "val",
    "testing": "test",
}
_LETTERS = re.compile(r"[\W\d_]+")


@dataclass(frozen=True, slots=True)
class Said:
    """What was done with the keys of one record."""

    taken: tuple[tuple[str, str], ...]  # (key, field) where they differ
    unused: tuple[str, ...]  # keys
    word: tuple[str, str] | None = None  # (word, partition) where they differ


def mapped(record: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[dict[str, Any], Said]:
    """A record under our names, and what was done for that.

    A field is filled by the key that ``columns`` gives for it ("" for none), by that of its own
    name, or by the first near name that holds something: ``directions`` for ``instructions``.

    Args:
        record: As the file has it.
        columns: field -> key, as the user says.
    """
    plan = _plan(tuple(record), tuple(sorted(columns.items())))
    fields: dict[str, Any] = {}
    taken: list[tuple[str, str]] = []
    used: set[str] = set()
    for field, keys in plan:
        key = keys[0]
        if len(keys) > 1:
            key = next((k for k in keys if not is_empty(record[k])), key)
        fields[field] = record[key]
        used.add(key)
        if key != field:
            taken.append((key, field))
    unused = tuple(key for key in record if key not in used)
    partition = fields.get("partition")
    word = partition.strip().lower() if isinstance(partition, str) else ""
    if word not in PARTITION_WORDS:
        return fields, Said(tuple(taken), unused)
    fields["partition"] = PARTITION_WORDS[word]
    return fields, Said(tuple(taken), unused, (word, PARTITION_WORDS[word]))


def keys_of_fields(
    names: tuple[str, ...], columns: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Field -> those of a table's columns that may fill it, the best first."""
    return dict(_plan(names, tuple(sorted(columns.items()))))


def id_alone(record: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """``mapped(record, columns)`` with no field but ``id``; quicker."""
    keys = dict(_plan(tuple(record), tuple(sorted(columns.items())))).get("id", ())
    found = next((record[k] for k in keys if not is_empty(record[k])), None)
    return {"id": found}


def is_empty(value: Any) -> bool:
    """Whether a cell says nothing: null, NaN, blanks, or an empty list."""
    if isinstance(value, str):
        return not value or value.isspace()
    if value is None or value != value:
        return True
    return isinstance(value, list | tuple | dict) and not value


@functools.lru_cache(maxsize=1024)
def _plan(
    names: tuple[Any, ...], columns: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(field, keys that may fill it, the best first) of records with these keys."""
    return tuple(_keys_by_field(names, dict(columns)))


def _keys_by_field(
    names: tuple[Any, ...], said: Mapping[str, str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    free = [name for name in names if isinstance(name, str)]
    free = [name for name in free if name not in said.values()]
    plain = {name: _LETTERS.sub("", name).lower() for name in free}
    for field in FIELDS:
        if field in said:
            if said[field] in names:
                yield field, (said[field],)
            continue
        alike = [name for name in free if plain[name] == field and name != field]
        near = [name for word in NEAR[field] for name in free if plain[name] == word]
        keys = ([field] if field in free else []) + alike + near
        if keys:
            yield field, tuple(keys)
