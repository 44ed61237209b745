"""The one place where keys of a raw record of own data become the fields of a recipe."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, get_args

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
LINES: tuple[OwnField, ...] = ("ingredients", "instructions")
LISTS: tuple[OwnField, ...] = (*LINES, "images")  # may be numbered keys
NUM_WITHOUT = 2000  # records without a key near ``partition``, after which none is expected
_FIELD_OF: dict[str, OwnField] = {
    word: field for field in reversed(FIELDS) for word in (field, *NEAR[field])
}
_LIST_OF = {word: field for word, field in _FIELD_OF.items() if field in LISTS}
_WORDS = frozenset((*_FIELD_OF, *CAPTIONS))
_CONTAINERS = (list, tuple, dict)
_BETWEEN = re.compile(r"[\W_]+")
_NUMBERED = re.compile(r"(.*?\D)(\d{1,4})")


class Said(NamedTuple):
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
    names = tuple(record)
    plan = _plan(names, tuple(sorted(columns.items())))
    if not plan:
        return {}, Said((), names)
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
    for field, candidates in _plan(tuple(record), tuple(sorted(columns.items()))):
        if field == "id" and candidates:
            found = (record[key] for (key,) in candidates)
            return {"id": next((value for value in found if not is_empty(value)), None)}
    return {}


def is_empty(value: Any) -> bool:
    """Whether a cell says nothing: null, NaN, blanks, or an empty list."""
    if isinstance(value, str):
        return not value or value.isspace()
    if value is None or value != value:
        return True
    return isinstance(value, _CONTAINERS) and not value


@functools.lru_cache(maxsize=1024)
def near_field(key: str) -> OwnField | None:
    """The field whose name, or a near one, a key is, numbered or not."""
    word, numbered = _word(key), _word(_without_number(key))
    found = {_FIELD_OF[word]} if word in _FIELD_OF else set()
    found |= {_LIST_OF[one] for one in (numbered, f"{numbered}s") if one in _LIST_OF}
    return min(found, key=FIELDS.index, default=None)


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
    taken = frozenset(said.values())
    keys = _Keys(name for name in names if isinstance(name, str) and name not in taken)
    for field in FIELDS:
        if field in said:
            if said[field] and said[field] in names:
                yield field, ((said[field],),)
            continue
        if field not in keys.fields:
            continue
        own = sorted(keys.called(field), key=lambda name: name != field)
        found: list[Keys] = [(name,) for name in own] or list(_near_keys(field, keys))
        has_lines = any(said.get(field) or field in keys.fields for field in LINES)
        if field == "title" and not found and not has_lines:
            found = [(name,) for near in CAPTIONS for name in keys.called(near)]
        if found:
            yield field, tuple(found)


class _Keys:
    """Keys of a record by their words: as many as a file likes, each looked at once."""

    def __init__(self, names: Iterable[str]) -> None:
        self._called: dict[str, list[str]] = {}
        self._numbered: dict[str, list[str]] = {}  # by the word before the number
        self.fields: set[OwnField] = set()  # that they may fill
        self.has_other_ids = False
        for name in names:
            word = _word(name)
            if word in _WORDS:
                self._called.setdefault(word, []).append(name)
                self.fields.add(_FIELD_OF.get(word, "title"))
            self.has_other_ids = self.has_other_ids or (word.endswith("id") and word != "uid")
            if name[-1:].isdecimal() and is_numbered(name):
                several = _word(_without_number(name))
                for near in (several, f"{several}s"):
                    if near in _LIST_OF:
                        self._numbered.setdefault(near, []).append(name)
                        self.fields.add(_LIST_OF[near])

    def called(self, word: str) -> list[str]:
        """Those of this word, in the record's order."""
        return self._called.get(word, [])

    def numbered(self, word: str) -> Keys:
        """Those of this word, or of one of its things, that end with a number, by that."""
        return tuple(sorted(self._numbered.get(word, []), key=lambda name: (_number(name), name)))


def _near_keys(field: OwnField, keys: _Keys) -> Iterator[Keys]:
    """Keys near a field's name, and numbered keys of one name together, by their numbers."""
    for near in (field, *NEAR[field]):
        if near == "uid" and keys.has_other_ids:
            continue  # whose it is cannot be known: an author's, perhaps
        yield from ((name,) for name in keys.called(near))
        if field in LISTS and (numbered := keys.numbered(near)):
            yield numbered


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
