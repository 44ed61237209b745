"""What a reader of own data did with the records, counted: which keys, which marks, which cells."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from seje_ray.recipe1m.cells import LINES, Seen
from seje_ray.recipe1m.images import PHOTO_SUFFIXES
from seje_ray.recipe1m.keys import (
    FIELDS,
    PARTITION_WORDS,
    Said,
    is_empty,
    is_numbered,
    near_field,
)
from seje_ray.recipe1m.records import PARTITIONS
from seje_ray.recipe1m.stored_photos import StoredPhoto

MIN_ALIKE = 2  # recipes that say something of a data set together
TEXTS = ("title", "ingredients", "instructions")
NUM_LOOKED_AT = 1000  # records whose unused values are looked at
NUM_KEYS = 50  # counted by name; data by id has a key per record
NUM_SHOWN = 6  # values of an unused ``split``
OTHERS = "(others)"
WHAT = {
    "marked": "entities and tags of web pages taken away",
    "lists": "a list written as text, read as a list",
    "numbers": "a number in the place of text, read as empty",
    "split": "split by data.separator",
}


SEPARATORS = {  # between the lines of one text, the likeliest first
    "ingredients": ("|", ";", "\u2022", ", ", ","),
    "instructions": ("|", "\u2022", ";", ". "),
}


@dataclass(slots=True)
class Notes:
    """Counts of records; ``columns`` and ``separators`` are what the user says of them."""

    columns: Mapping[str, str] = field(default_factory=dict)
    separators: Mapping[str, str] = field(default_factory=dict)
    records: int = 0
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)  # (key, field)
    words: Counter[tuple[str, str]] = field(default_factory=Counter)  # (word, partition)
    unused: Counter[str] = field(default_factory=Counter)  # key
    present: Counter[str] = field(default_factory=Counter)  # field, whether empty or not
    filled: Counter[str] = field(default_factory=Counter)  # field
    looks: dict[str, set[str]] = field(default_factory=dict)  # unused key -> fields it may be
    marked: Counter[str] = field(default_factory=Counter)  # field
    lists: Counter[str] = field(default_factory=Counter)  # field
    numbers: Counter[str] = field(default_factory=Counter)  # field
    split: Counter[str] = field(default_factory=Counter)  # field
    one_line: Counter[str] = field(default_factory=Counter)  # field
    more_lines: Counter[str] = field(default_factory=Counter)  # field
    between: Counter[tuple[str, str]] = field(default_factory=Counter)  # (field, separator)
    beside: dict[str, str] = field(default_factory=dict)  # unused numbered key -> its field
    photos: str = ""  # where they were found, if not where they should be
    recognised: dict[str, None] = field(default_factory=dict)  # format, delimiter, encoding
    places: set[str] = field(default_factory=set)  # of photos that are not where a file says
    foreign: dict[str, dict[str, None]] = field(default_factory=dict)  # of unused ``split``
    made_ids: int = 0  # of records that have no key for it
    by_file: int = 0  # records whose partition a file's name says
    photo_rows: int = 0  # that gave their photos to the first row of their recipe

    def add(self, record: Mapping[str, Any], fields: Mapping[str, Any], said: Said) -> None:
        """Count one record, as the file has it and under our names."""
        self.records += 1
        if said.taken:
            self.taken.update(said.taken)
        if said.word is not None:
            self.words[said.word] += 1
        for key in said.unused:
            name = key if key in self.unused or len(self.unused) < NUM_KEYS else OTHERS
            self.unused[name] += 1
            if self.records <= NUM_LOOKED_AT:
                self.look(name, record[key])
            self._add_numbered(key, record[key])
            if near_field(key) == "partition" and not is_empty(record[key]):
                values = self.foreign.setdefault(key, {})
                if len(values) < NUM_SHOWN:
                    values[repr(record[key])[:20]] = None
        for name, value in fields.items():
            self.present[name] += 1
            self.filled[name] += not is_empty(value)

    def add_cells(self, cells: Mapping[str, Any], seen: Seen) -> None:
        """Count what was done to the cells of a record."""
        if seen.marked:
            self.marked.update(seen.marked)
        if seen.lists:
            self.lists.update(seen.lists)
        if seen.numbers:
            self.numbers.update(seen.numbers)
        if seen.split:
            self.split.update(seen.split)
        for name in LINES:
            lines = cells.get(name)
            if not isinstance(lines, list) or not lines:
                continue
            if len(lines) > 1:
                self.more_lines[name] += 1
            elif not self.more_lines[name] and isinstance(lines[0], str):
                self.one_line[name] += 1
                text = lines[0].strip()
                found = (mark for mark in SEPARATORS[name] if mark in text)
                self.between.update((name, mark) for mark in found)

    def look(self, key: str, value: Any) -> None:
        """Keep the fields that all values of an unused key could be."""
        if not is_empty(value):
            looks = looks_of(value)
            if (near := near_field(key)) not in (None, "id", "partition", "entities"):
                looks |= {str(near)}
            self.looks[key] = self.looks.get(key, looks) & looks

    def _add_numbered(self, key: str, value: Any) -> None:
        """Keep a numbered key that would be lost beside the key that is read."""
        if len(self.beside) < NUM_KEYS and is_numbered(key) and not is_empty(value):
            near = near_field(key)
            if near is not None:
                self.beside[key] = near

    def recognition(self) -> str:
        """Format, encoding and number of records of what was read, in one line; "" if unknown."""
        if not self.recognised:
            return ""
        found = "; ".join((*self.recognised, f"{self.records:,} records", *sorted(self.places)))
        fields = ", ".join(name for name in FIELDS if self.filled[name]) or "none"
        return f"{found}; fields: {fields}"

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
        for key, name in self.beside.items():
            if name not in self.columns:
                return (
                    f"{name}: expected numbered keys alone, or a list, found {key!r} beside "
                    f"another key of it; join them to a list, or say which is it, e.g. --map "
                    f"{name}={name}, and the others are left out"
                )
        marks = {name: mark for name, mark in self.separators.items() if mark}
        if marks and not self.split:
            return (
                f"data.separator: expected one text of {' or '.join(marks)} with "
                f"{' or '.join(map(repr, dict.fromkeys(marks.values())))} in it, found none in "
                f"{self.records:,} records; leave it out, or name another"
            )
        is_known = self.filled["partition"] or self.by_file or "partition" in self.columns
        for key, values in () if is_known else self.foreign.items():
            return (
                f"partition: expected {', '.join(PARTITIONS)} in {key!r}, found "
                f"{', '.join(values)}; write those words there, name another key, --map "
                "partition=KEY, or say --map partition= to split the recipes by their ids"
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

    def _likely_separator(self, name: str) -> str:
        """The first that most of the single lines hold, or ""."""
        most = self.one_line[name] / 2
        return next((m for m in SEPARATORS[name] if self.between[name, m] > most), "")

    def _drawn(self) -> int:
        """Records without a partition, where others have one."""
        filled = self.filled["partition"]
        return self.records - filled - self.by_file if filled else 0

    def to_facts(self) -> dict[str, Any]:
        """Plain data for a manifest."""
        facts = {
            "taken": {f"{key} -> {name}": n for (key, name), n in self.taken.most_common() if n},
            "partitions": {f"{word} -> {name}": n for (word, name), n in self.words.most_common()},
            "unused": dict(self.unused.most_common()),
            "empty": [name for name in FIELDS if self.present[name] and not self.filled[name]],
            "marked": dict(sorted(self.marked.items())),
            "lists": dict(sorted(self.lists.items())),
            "numbers": dict(sorted(self.numbers.items())),
            "split": dict(sorted(self.split.items())),
            "one_line": {
                name: self._likely_separator(name)
                for name in LINES
                if self.one_line[name] >= MIN_ALIKE and not self.more_lines[name]
            },
            "photo_rows": self.photo_rows,
            "photos": self.photos,
            "made_ids": self.made_ids,
            "by_file": self.by_file,
            "drawn": self._drawn(),
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
    for name, what in WHAT.items():
        if name in facts:
            yield f"{what}: {_counts(facts[name], records)}"
    if "photos" in facts:
        yield facts["photos"]
    if "photo_rows" in facts:
        yield f"rows of a further photo, added to their recipe: {facts['photo_rows']:,}"
    if "made_ids" in facts:
        made = f"{facts['made_ids']:,} of {records:,} records"
        yield f"no id in {made}: made of the recipe's texts; --map id=KEY names one"
    if "by_file" in facts:
        yield f"partition by the file's name in {facts['by_file']:,} of {records:,} records"
    if "drawn" in facts:
        drawn = f"{facts['drawn']:,} of {records:,} records"
        yield f"no partition in {drawn}, though others have one: drawn by their ids, 70/15/15 %"
    for name, mark in facts.get("one_line", {}).items():
        advice = f"--set 'data.separator={{{name}: \"{mark}\"}}' splits it" if mark else ""
        yield f"every recipe has one line of {name}" + (f"; {advice}" if advice else "")


def _counts(numbers: Mapping[str, int], records: int) -> str:
    return ", ".join(
        f"{what or '(no name)'} in {n:,} of {records:,} records" for what, n in numbers.items()
    )


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
    if isinstance(value, StoredPhoto):
        return True
    if isinstance(value, Mapping):
        return isinstance(value.get("bytes"), bytes) or _is_photo(value.get("path"))
    return isinstance(value, str) and value.lower().endswith(PHOTO_SUFFIXES)


def _are_sentences(lines: list[Any]) -> bool:
    """Whether most lines are texts of several words; tags and named entities are single words."""
    texts = [line.get("text") if isinstance(line, Mapping) else line for line in lines]
    said = [text.strip() for text in texts if isinstance(text, str)]
    return 2 * sum(" " in text or text.endswith(".") for text in said) > len(texts)
