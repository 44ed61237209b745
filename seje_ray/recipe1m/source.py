"""The reader that a data set needs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from seje_ray.config.data import OwnField, Separator
from seje_ray.recipe1m.notes import Notes
from seje_ray.recipe1m.own_data import OwnData
from seje_ray.recipe1m.reader import Recipe1M, Removed, layers_folder
from seje_ray.recipe1m.records import DataError, Recipe, Reject


class DataSource(Protocol):
    """A data set that can be read."""

    def files(self) -> list[Path]:
        """Files that decide the texts; part of what identifies the data set."""

    def describe(self) -> str:
        """Kind and location of the data set, for messages."""

    @property
    def notes(self) -> Notes:
        """What the last ``read`` did with keys and texts."""

    @property
    def rules(self) -> int:
        """Version of the rules by which it is read, part of what identifies it; 0 if fixed."""

    def read(self) -> Iterator[Recipe | Reject]:
        """Every record, either usable or rejected by reason."""


def open_source(
    path: Path,
    *,
    removed: Removed = "public",
    columns: Mapping[OwnField, str] | None = None,
    separator: Separator = "",
    allow_outside: bool = False,
) -> DataSource:
    """Choose the reader for ``path``: a Recipe1M folder, or own recipes in a file or a folder.

    Args:
        path: What the user named.
        removed: How a Recipe1M folder's remove1M.txt is read.
        columns: Field -> key of own recipes, where near names do not do.
        separator: Between the lines of one text of own recipes; "" for none.
        allow_outside: Whether own recipes may name photos outside their folder.

    Raises:
        DataError: If there is no such thing, or it is neither.
    """
    if is_recipe1m(path):
        for setting, value in (("columns", columns), ("separator", separator)):
            if value:
                way = "--map and data.columns" if setting == "columns" else "it"
                raise DataError(
                    f"{path}: data.{setting} is for a file of own recipes, found a Recipe1M "
                    f"folder, whose keys and lists are known; leave {way} out"
                )
        return Recipe1M(path, removed=removed)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    return OwnData(path, columns=columns, separator=separator, allow_outside=allow_outside)


def is_recipe1m(path: Path) -> bool:
    """Whether it is a folder in Recipe1M's layout, or in a part of it."""
    if layers_folder(path) is not None:
        return True
    return any((path / name).exists() for name in ("layer1.json", "layer2.json", "layer2+.json"))
