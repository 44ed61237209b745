"""A user's own recipes: files of any format of the table, one or the parts in a folder."""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from seje_ray.config.data import OwnField, Separator
from seje_ray.recipe1m.cells import LINES, read_cells
from seje_ray.recipe1m.fields import FieldError, id_of, object_of
from seje_ray.recipe1m.formats.reading import Reading
from seje_ray.recipe1m.formats.schema_org import is_typed, recipes_in
from seje_ray.recipe1m.formats.table import Part, named_partitions, part_of, parts_in
from seje_ray.recipe1m.inside import Inside
from seje_ray.recipe1m.json_stream import Broken
from seje_ray.recipe1m.keys import id_alone, is_empty, mapped, partition_keys_in
from seje_ray.recipe1m.made_ids import NOTHING_SAID, made_id, prefixes_of
from seje_ray.recipe1m.notes import Notes
from seje_ray.recipe1m.own_recipe import Photos, name_of, own_recipe
from seje_ray.recipe1m.photo_places import NUM_NAMES, PhotoPlace, photo_place
from seje_ray.recipe1m.photo_rows import PhotoRows, repeated_ids, said_by, texts_of
from seje_ray.recipe1m.records import DataError, Recipe, Reject

RULES = 4  # version of what the reader makes of keys and cells; before 2, plans did not name it
RECORDS_PEEKED = 2000  # of a file, to see where its photos are


class OwnData:
    """A file of own recipes, or a folder of such files."""

    def __init__(
        self,
        path: Path,
        *,
        columns: Mapping[OwnField, str] | None = None,
        separator: Separator = "",
        allow_outside: bool = False,
    ) -> None:
        """Find the files.

        Args:
            path: The file or folder.
            columns: Field -> key, where near names do not do.
            separator: Between the lines of one text; "" for none.
            allow_outside: Whether it may name photos outside its folder.

        Raises:
            DataError: If there is none of a known format.
        """
        self._path = path
        self._root = path if path.is_dir() else path.parent
        self._columns = {str(field): key for field, key in (columns or {}).items()}
        self._parts = parts_in(path, self._columns) if path.is_dir() else [part_of(path)]
        by_field = dict.fromkeys(LINES, separator) if isinstance(separator, str) else separator
        self._allow_outside = allow_outside
        self._separators = {str(field): mark for field, mark in by_field.items()}
        self.notes = Notes(self._columns, self._separators)

    def files(self) -> list[Path]:
        """Files that decide the texts."""
        return [part.path for part in self._parts]

    def describe(self) -> str:
        """Kind and location of the data set, for messages."""
        return f"own recipes in {self._path}"

    @property
    def rules(self) -> int:
        """Version of the rules by which it is read."""
        return RULES

    def read(self) -> Iterator[Recipe | Reject]:
        """Recipes in file order, and everything that cannot be used.

        Raises:
            DataError: If a file cannot be read at all.
        """
        self.notes = Notes(self._columns, self._separators)
        inside = Inside(self._root, self._allow_outside)
        return _Run(self._parts, self._root, self.notes, inside).recipes()


def read_own_data(path: Path, notes: Notes | None = None) -> Iterator[Recipe | Reject]:
    """Recipes of a file, streamed; image paths are relative to the file.

    Args:
        path: The file.
        notes: Counts what is done with keys; its ``columns`` say which key is which field.

    Raises:
        DataError: If the file cannot be read at all.
    """
    notes = Notes() if notes is None else notes
    return _Run([part_of(path)], path.parent, notes, Inside(path.parent)).recipes()


@dataclass(slots=True)
class _Run:
    """One reading of all files of a data set."""

    parts: list[Part]
    root: Path
    notes: Notes
    inside: Inside
    _prefixes: dict[Path, str] = field(default_factory=dict)  # of ids, where files share them
    _rows: dict[str, PhotoRows] = field(default_factory=dict)
    _places: dict[Path, PhotoPlace | None] = field(default_factory=dict)  # by folder of files
    _partition_keys: frozenset[str] = frozenset()  # near ``partition``, with a word for one
    _named: frozenset[str] = frozenset()  # partitions that the names of files say

    def __post_init__(self) -> None:
        self._named = frozenset(named_partitions(self.parts))

    def recipes(self) -> Iterator[Recipe | Reject]:
        """Recipes in file order, and everything that cannot be used."""
        records = (record for part in self.parts for record in self._records(part))
        self._partition_keys = partition_keys_in(records, self.notes.columns)
        repeated = self._repeated()
        for first in list(self._prefixes.values())[:1]:
            said = f"files have the same ids: each gets its file's name before it, as {first}ID"
            self.notes.recognised[said] = None
        self._rows = self._photo_rows(repeated)
        seen: set[bytes] = set()  # eight bytes per recipe
        for part in self.parts:
            photos = Photos(part.path.parent, self._place_of(part), self.inside)
            for record in self._records(part, said=True):
                yield from self._recipe_of(record, part, photos, seen)
        if len(self._named) == 1 and not self.notes.filled["partition"]:
            said = f"all files are called {min(self._named)}: recipes are split by their ids"
            self.notes.recognised[said] = None

    def _recipe_of(
        self, record: Any, part: Part, photos: Photos, seen: set[bytes]
    ) -> Iterator[Recipe | Reject]:
        recipe_id = ""
        try:
            if isinstance(record, Broken):
                raise FieldError(record.reason, record.detail)
            fields = self._fields(record, part)
            cells, found = read_cells(fields, self.notes.separators)
            if fields:
                self.notes.add_cells(cells, found)
            if is_made := "id" not in fields:
                cells["id"] = made_id(cells)
            recipe_id = self._id_of(cells, part)
            self.notes.made_ids += is_made
            same = self._rows.get(recipe_id)
            is_further_photo = same is not None and same.is_further_photo(cells)
            digest = hashlib.blake2b(recipe_id.encode(), digest_size=8).digest()
            if digest in seen:
                if is_further_photo:
                    self.notes.photo_rows += 1
                    return
                raise FieldError("duplicate_id", "the first stays")
            if same is not None and same.images and texts_of(cells) == same.texts:
                cells["images"] = same.images
            yield from list(own_recipe(cells, recipe_id, photos))
            seen.add(digest)  # what is rejected leaves its id to the next
        except FieldError as error:
            yield Reject(recipe_id, error.reason, str(error))

    def _records(
        self, part: Part, *, said: bool = False, ids_only: bool = False
    ) -> Iterator[Any | Broken]:
        """Raw records of a file; ``ids_only`` if the rest is not looked at."""
        reading = Reading(self.notes.columns, ids_only)
        for record in part.format.read(part.path, reading):
            if is_typed(record):
                yield from recipes_in(record)
            else:
                yield record
        if said:
            self.notes.recognised.update(dict.fromkeys(reading.said))

    def _fields(self, record: Any, part: Part) -> dict[str, Any]:
        """A record under our names, counted.

        Raises:
            FieldError: If it is no object.
        """
        record = object_of(record)
        fields, said = mapped(record, self.notes.columns, self._partition_keys)
        self.notes.add(record, fields, said)
        if len(self._named) > 1 and is_empty(fields.get("partition")):
            if part.partition is None:
                raise DataError(
                    f"{part.path}: expected a name that says the partition, as the files of "
                    f"{', '.join(sorted(self._named))} beside it do; rename it, or move it away"
                )
            fields["partition"] = part.partition
            self.notes.by_file += 1
        return fields

    def _repeated(self) -> set[str]:
        """Ids of several records, as they are in the end; finds out whether files share theirs."""
        counts: Counter[Path] = Counter()
        repeated = repeated_ids(self._ids(counts))
        if len(counts) > 1 and repeated and self._do_files_collide(repeated, counts):
            self._prefixes = prefixes_of([part.path for part in self.parts], self.root)
            repeated = repeated_ids(self._ids(counts))
        return repeated

    def _ids(self, counts: Counter[Path]) -> Iterator[str]:
        for part, record in self._objects(ids_only=True):
            if not record:
                counts[part.path] += 1
                continue
            with contextlib.suppress(FieldError):  # rejected where it is read
                cells = self._with_id(record, part)
                recipe_id = self._id_of(cells, part)
                counts[part.path] += 1
                if cells["id"] is not NOTHING_SAID:  # which makes no recipe
                    yield recipe_id

    def _do_files_collide(self, repeated: set[str], counts: Mapping[Path, int]) -> bool:
        """Whether a file would lose half its recipes to others that have the same ids."""
        first: dict[str, tuple[bytes, Path]] = {}
        lost: Counter[Path] = Counter()
        for part, recipe_id, cells in self._usable(repeated):
            texts, path = first.setdefault(recipe_id, (said_by(cells), part.path))
            lost[part.path] += path != part.path and texts != said_by(cells)
        return any(number * 2 >= counts[path] for path, number in lost.items() if number)

    def _photo_rows(self, repeated: set[str]) -> dict[str, PhotoRows]:
        """By id, for ids of several records: those that say what the first usable one says."""
        found: dict[str, PhotoRows] = {}
        for _, recipe_id, cells in self._usable(repeated):
            rows = found.setdefault(recipe_id, PhotoRows(texts_of(cells)))
            if texts_of(cells) == rows.texts:
                rows.add(cells)
        return found

    def _usable(self, repeated: set[str]) -> Iterator[tuple[Part, str, dict[str, Any]]]:
        """Cells of the records of these ids that make recipes; reads only if there are any."""
        photos = {part.path: Photos(part.path.parent, None, self.inside) for part in self.parts}
        for part, record in self._objects(ids_only=False) if repeated else ():
            with contextlib.suppress(FieldError):  # rejected where it is read
                cells = self._with_id(record, part, whole=True)
                recipe_id = self._id_of(cells, part)
                if recipe_id in repeated:
                    for _ in own_recipe(cells, recipe_id, photos[part.path]):
                        pass
                    yield part, recipe_id, cells

    def _objects(self, *, ids_only: bool) -> Iterator[tuple[Part, dict[str, Any]]]:
        for part in self.parts:
            for record in self._records(part, ids_only=ids_only):
                if isinstance(record, dict):
                    yield part, record

    def _with_id(
        self, record: dict[str, Any], part: Part, *, whole: bool = False
    ) -> dict[str, Any]:
        """The cells of a record with its id; the id alone where it has one, if that is enough."""
        if not whole and (alone := id_alone(record, self.notes.columns)):
            return alone
        fields, _ = mapped(record, self.notes.columns, self._partition_keys)
        if len(self._named) > 1 and is_empty(fields.get("partition")):
            fields["partition"] = part.partition
        cells, _ = read_cells(fields, self.notes.separators)
        return cells if "id" in fields else {**cells, "id": made_id(cells)}

    def _id_of(self, cells: Any, part: Part) -> str:
        """The id of a record in the data set.

        Raises:
            FieldError: If it has none, or none that can be used.
        """
        recipe_id = id_of(cells)
        if not self._prefixes:
            return recipe_id
        return id_of({"id": self._prefixes[part.path] + recipe_id})

    def _place_of(self, part: Part) -> PhotoPlace | None:
        """Where the photos of a folder's files are, if not where they say."""
        if part.path.parent in self._places:
            return self._places[part.path.parent]
        names: list[str] = []
        for record in islice(self._records(part), RECORDS_PEEKED):
            if isinstance(record, dict):
                fields, _ = mapped(record, self.notes.columns)
                names += _photo_names(fields.get("images"))
            if len(names) >= NUM_NAMES:
                break
        place = photo_place(self.root, part.path.parent, names)
        if place is not None:
            self.notes.places.add(place.said(self.root))
        if names:
            self._places[part.path.parent] = place
        return place


def _photo_names(value: Any) -> Iterable[str]:
    cells, _ = read_cells({"images": value}, {})
    values = cells["images"] if isinstance(cells["images"], list) else [cells["images"]]
    return [name for name in map(name_of, values) if isinstance(name, str)]
