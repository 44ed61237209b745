"""What a reader of own data did with the records, counted: which keys, which marks, which cells."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from seje_ray.recipe1m.keys import FIELDS, PARTITION_WORDS, Said, is_empty
from seje_ray.recipe1m.records import PARTITIONS

TEXTS = ("title", "ingredients", "instructions")
NUM_LOOKED_AT = 1000  # records whose unused values are looked at
NUM_KEYS = 50  # counted by name; data by id has a key per record
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
OTHERS = "(others)"


@dataclass(slots=True)
class Notes:
    """Counts of records; ``columns`` is what the user says of their keys."""

    columns: Mapping[str, str] = field(default_factory=dict)
    records: int = 0
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)  # (key, field)
    words: Counter[tuple[str, str]] = field(default_factory=Counter)  # (word, partition)
    unused: Counter[str] = field(default_factory=Counter)  # key
    present: Counter[str] = field(default_factory=Counter)  # field, whether empty or not
    filled: Counter[str] = field(default_factory=Counter)  # field
    looks: dict[str, set[str]] = field(default_factory=dict)  # unused key -> fields it may be

    def add(self, record: Mapping[str, Any], fields: Mapping[str, Any], said: Said) -> None:
        """Count one record, as the file has it and under our names."""
        self.records += 1
        self.taken.update(said.taken)
        if said.word is not None:
            self.words[said.word] += 1
        for key in said.unused:
            name = key if key in self.unused or len(self.unused) < NUM_KEYS else OTHERS
            self.unused[name] += 1
            if self.records <= NUM_LOOKED_AT:
                self.look(name, record[key])
        for name, value in fields.items():
            self.present[name] += 1
            self.filled[name] += not is_empty(value)

    def look(self, key: str, value: Any) -> None:
        """Keep the fields that all values of an unused key could be."""
        if not is_empty(value):
            looks = looks_of(value)
            self.looks[key] = self.looks.get(key, looks) & looks

    def lines(self) -> list[str]:
        """What a person should know, a line each."""
        return list(_lines(self.to_facts()))

    def problem(self) -> str | None:
        """Why this cannot be what is meant, and what to do; None if it can."""
        if not self.records:
            return None
        for name, key in self.columns.items():
            if key and not self.present[name]:
                return (
                    f"data.columns: {name} is taken from {key!r}, which no record has; "
                    f"the keys that were not used are {self._keys(self.unused)}"
                )
        for name in (*TEXTS, "images", "partition"):
            if self.filled[name] or self.columns.get(name) == "":
                continue
            alike = [key for key, fields in self.looks.items() if name in fields]
            if alike:
                return (
                    f"expected {name}, found {'it empty' if self.present[name] else 'no such key'} "
                    f"in all {self.records:,} records; it may be {self._keys(alike)}: say --map "
                    f"{name}={alike[0]}, or --map {name}= if there is none"
                )
        return None

    def _keys(self, keys: Any) -> str:
        return ", ".join(map(str, list(keys)[:8])) or "none"

    def to_facts(self) -> dict[str, Any]:
        """Plain data for a manifest."""
        facts = {
            "taken": {f"{key} -> {name}": n for (key, name), n in self.taken.most_common()},
            "partitions": {f"{word} -> {name}": n for (word, name), n in self.words.most_common()},
            "unused": dict(self.unused.most_common()),
            "empty": [name for name in FIELDS if self.present[name] and not self.filled[name]],
        }
        facts = {name: found for name, found in facts.items() if found}
        return {"records": self.records, **facts} if facts else {}


def reading_lines(facts: Mapping[str, Any]) -> list[str]:
    """``Notes.lines`` of the facts that a manifest holds."""
    return list(_lines(facts.get("reading", {})))


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    records = facts.get("records", 0)
    for name in ("taken", "partitions"):
        if name in facts:
            yield f"taken: {_counts(facts[name], records)}"
    if "unused" in facts:
        yield f"keys not used: {_counts(facts['unused'], records)}"
    if "empty" in facts:
        yield f"empty in all {records:,} records: {', '.join(facts['empty'])}"


def _counts(numbers: Mapping[str, int], records: int) -> str:
    return ", ".join(f"{what} in {n:,} of {records:,} records" for what, n in numbers.items())


def looks_of(value: Any) -> set[str]:
    """Fields that a value could belong to; ids, numbers and links to none."""
    if isinstance(value, list):
        lines = [line for line in value if not is_empty(line)]
        if lines and all(_is_photo(line) for line in lines):
            return {"images"}
        return {"ingredients", "instructions"} if lines and _are_sentences(lines) else set()
    if _is_photo(value):
        return {"images"}
    if not isinstance(value, str):
        return set()
    text = value.strip()
    if text.lower() in PARTITIONS or text.lower() in PARTITION_WORDS:
        return {"partition"}
    if "://" in text or " " not in text:
        return set()
    if "\n" in text or len(text) > 200 or text.startswith("["):
        return {"ingredients", "instructions"}
    return {"title"}


def _is_photo(value: Any) -> bool:
    if isinstance(value, Mapping):
        return isinstance(value.get("bytes"), bytes) or _is_photo(value.get("path"))
    return isinstance(value, str) and value.lower().endswith(PHOTO_SUFFIXES)


def _are_sentences(lines: list[Any]) -> bool:
    """Whether most lines are texts of several words; tags and named entities are single words."""
    texts = [line.get("text") if isinstance(line, Mapping) else line for line in lines]
    return 2 * sum(isinstance(text, str) and " " in text.strip() for text in texts) > len(texts)
