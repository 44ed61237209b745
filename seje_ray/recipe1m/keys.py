"""The one place where keys of a raw record of own data become the fields of a recipe."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from seje_ray.config.data import OwnField
from seje_ray.recipe1m.records import PARTITIONS

Keys = tuple[str, ...]  # a key, or numbered keys that are one list
FIELDS: tuple[OwnField, ...] = get_args(OwnField)
NEAR: dict[OwnField, tuple[str, ...]] = {  # in lower case, without blanks; the first one wins
    "id": ("recipeid", "uid", "uuid", "key"),
    "title": ("name", "recipename", "recipetitle"),
    "ingredients": ("recipeingredient", "recipeingredients", "ingredient", "ingredientlines"),
    "instructions": (
        "directions", "steps", "method", "recipeinstructions", "instruction", "direction",
        "preparation",
    ),
    "images": (
        "image", "imagepath", "imagepaths", "imagefile", "imagename", "photo", "photos", "picture",
        "pictures", "img", "filename", "jpg", "jpeg", "png", "webp",
    ),
    "partition": ("split", "subset"),
    "entities": (),
}  # fmt: skip
PARTITION_WORDS = {
    "training": "train",
    "validation": "val",
    "valid": "val",
    "dev": "val",
    "eval": "val",
    "testing": "test",
}
CAPTIONS = ("caption", "captions", "text")  # are a title where no other text is there
LISTS: tuple[OwnField, ...] = ("ingredients", "instructions", "images")  # may be numbered keys
NUM_WITHOUT = 2000  # records without a key near ``partition``, after which none is expected
_BETWEEN = re.compile(r"[\W_]+")
_NUMBERED = re.compile(r"(.*?\D)(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Said:
    """What was done with the keys of one record."""

    taken: tuple[tuple[str, str], ...]  # (key, field) where they differ
    unused: tuple[str, ...]  # keys
    word: tuple[str, str] | None = None  # (word, partition) where they differ


def mapped(
    record: Mapping[str, Any],
    columns: Mapping[str, str],
    partition_keys: frozenset[str] = frozenset(),
) -> tuple[dict[str, Any], Said]:
    """A record under our names, and what was done for that.

    A field is filled by the key that ``columns`` gives for it ("" for none), by that of its own
    name, even where this is empty, or by the first near name that holds something: ``directions``
    for ``instructions``. Numbered keys, ``step_1`` and ``step_2``, are one list. A near name of
    ``partition`` is one only where it holds a word for a partition, in this record or in another.

    Args:
        record: As the file has it.
        columns: field -> key, as the user says.
        partition_keys: Keys that hold a word for a partition in some record.
    """
    plan = _plan(tuple(record), tuple(sorted(columns.items())))
    fields: dict[str, Any] = {}
    taken: list[tuple[str, str]] = []
    used: set[str] = set()
    for field, candidates in plan:
        if field == "partition" and field not in columns:
            candidates = tuple(
                keys
                for keys in candidates
                if keys[0] in partition_keys or _is_partition(keys[0], record)
            )
        values = [(keys, _value(record, keys)) for keys in candidates]
        if not values:
            continue
        keys, fields[field] = next((one for one in values if not is_empty(one[1])), values[0])
        used.update(keys)
        if keys[0] != field:
            name = keys[0] if len(keys) == 1 else f"{_without_number(keys[0])}<n>"
            taken.append((name, field))
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
    plan = _plan(names, tuple(sorted(columns.items())))
    return {field: tuple(key for keys in found for key in keys) for field, found in plan}


def id_alone(record: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """``mapped(record, columns)`` with no field but ``id``, if it has a key for it; quicker."""
    candidates = dict(_plan(tuple(record), tuple(sorted(columns.items())))).get("id", ())
    if not candidates:
        return {}
    found = next((record[k] for (k,) in candidates if not is_empty(record[k])), None)
    return {"id": found}


def is_empty(value: Any) -> bool:
    """Whether a cell says nothing: null, NaN, blanks, or an empty list."""
    if isinstance(value, str):
        return not value or value.isspace()
    if value is None or value != value:
        return True
    return isinstance(value, list | tuple | dict) and not value


@functools.lru_cache(maxsize=1024)
def near_field(key: str) -> OwnField | None:
    """The field whose name, or a near one, a key is, numbered or not."""
    word, numbered = _word(key), _word(_without_number(key))
    for field in FIELDS:
        words = (field, *NEAR[field])
        if word in words or (field in LISTS and {numbered, f"{numbered}s"} & {*words}):
            return field
    return None


def says_partition(value: Any) -> bool:
    """Whether a value is a word for a partition."""
    word = value.strip().lower() if isinstance(value, str) else ""
    return word in PARTITIONS or word in PARTITION_WORDS


def partition_keys_in(records: Iterable[Any], columns: Mapping[str, str]) -> frozenset[str]:
    """The keys near ``partition`` that hold a word for one, of the first record that has any.

    Looks no further than ``NUM_WITHOUT`` records of which none has such a key.
    """
    if "partition" in columns:
        return frozenset()
    is_there = False
    for number, record in enumerate(records):
        if not isinstance(record, Mapping):
            continue
        plan = dict(_plan(tuple(record), tuple(sorted(columns.items()))))
        keys = [key for (key,) in plan.get("partition", ()) if _word(key) != "partition"]
        if found := frozenset(key for key in keys if says_partition(record[key])):
            return found
        is_there = is_there or bool(keys)
        if not is_there and number >= NUM_WITHOUT:
            break
    return frozenset()


def is_numbered(key: str) -> bool:
    """Whether a key ends with a number, as ``ingredient 12`` and ``image.1`` do."""
    return _NUMBERED.fullmatch(key) is not None


@functools.lru_cache(maxsize=1024)
def _plan(
    names: tuple[Any, ...], columns: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, tuple[Keys, ...]], ...]:
    """(field, what may fill it, the best first) of records with these keys."""
    return tuple(_keys_by_field(names, dict(columns)))


def _keys_by_field(
    names: tuple[Any, ...], said: Mapping[str, str]
) -> Iterator[tuple[str, tuple[Keys, ...]]]:
    free = [name for name in names if isinstance(name, str)]
    free = [name for name in free if name not in said.values()]
    words = {name: _word(name) for name in free}
    for field in FIELDS:
        if field in said:
            if said[field] and said[field] in names:
                yield field, ((said[field],),)
            continue
        own = [name for name in free if words[name] == field]
        found: list[Keys] = [(name,) for name in sorted(own, key=lambda name: name != field)]
        if not found:
            found = list(_near_keys(field, words))
        if field == "title" and not found and not _has_lines(words, said):
            found = [(name,) for near in CAPTIONS for name, word in words.items() if word == near]
        if found:
            yield field, tuple(found)


def _has_lines(words: Mapping[str, str], said: Mapping[str, str]) -> bool:
    """Whether some key holds ingredients or instructions."""
    lines: tuple[OwnField, ...] = ("ingredients", "instructions")
    return any(said.get(field) or next(_near_keys(field, words), None) for field in lines)


def _near_keys(field: OwnField, words: Mapping[str, str]) -> Iterator[Keys]:
    """Keys near a field's name, and numbered keys of one name together, by their numbers."""
    other_ids = [word for word in words.values() if word.endswith("id") and word != "uid"]
    for near in (field, *NEAR[field]):
        if near == "uid" and other_ids:
            continue  # whose it is cannot be known: an author's, perhaps
        yield from ((name,) for name, word in words.items() if word == near)
        if field in LISTS:
            several = {name: _word(_without_number(name)) for name in words if is_numbered(name)}
            same = [name for name, word in several.items() if near in (word, f"{word}s")]
            numbered = sorted((_number(name), name) for name in same)
            if numbered:
                yield tuple(name for _, name in numbered)


def _word(name: str) -> str:
    return _BETWEEN.sub("", name).lower()


def _without_number(name: str) -> str:
    found = _NUMBERED.fullmatch(name)
    return name if found is None else found[1]


def _number(name: str) -> int:
    found = _NUMBERED.fullmatch(name)
    return -1 if found is None else int(found[2])


def _value(record: Mapping[str, Any], keys: Keys) -> Any:
    """The value of a key, or the values of several as a list."""
    if len(keys) == 1:
        return record[keys[0]]
    found: list[Any] = []
    for value in (record[key] for key in keys):
        found += value if isinstance(value, list) else [] if is_empty(value) else [value]
    return found


def _is_partition(key: str, record: Mapping[str, Any]) -> bool:
    """Whether a key is the partition's own, or one near it that holds a partition, or nothing."""
    value = record[key]
    if _word(key) == "partition" or is_empty(value):
        return True
    return says_partition(value)
