"""What a reader of one format is told, and what it tells."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seje_ray.recipe1m.json_stream import Broken
from seje_ray.recipe1m.keys import keys_of_fields

TEXT_FIELDS = ("ingredients", "instructions", "title")


@dataclass(slots=True)
class Reading:
    """One reading of a file: what is wanted of its records, and what was recognised."""

    columns: Mapping[str, str] = field(default_factory=dict)  # field -> key, as the user says
    ids_only: bool = False  # the rest of the records is not looked at
    said: list[str] = field(default_factory=list)  # what was recognised, for people

    def say(self, *words: str) -> None:
        """Note what was recognised, once."""
        self.said += [word for word in words if word and word not in self.said]

    def fields_of(self, names: tuple[Any, ...]) -> set[str]:
        """Fields that some of these keys may fill."""
        return set(keys_of_fields(names, self.columns))


ReadFormat = Callable[[Path, Reading], Iterator[Any | Broken]]
"""Records of a file one by one, as plain objects, or what is none.

Raises DataError where the file cannot be read at all.
"""
