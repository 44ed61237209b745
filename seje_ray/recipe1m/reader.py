"""Recipe1M's files as recipes: layer1 streamed, layer2 and det_ingrs joined by id.

What is joined lies in a temporary SQLite file, so memory stays bounded and the files may be in
any order.
"""

import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from seje_ray.recipe1m.fields import (
    FieldError,
    id_of,
    lines_of,
    list_of,
    partition_of,
    text_of,
    without_blanks,
)
from seje_ray.recipe1m.json_stream import Broken, json_records
from seje_ray.recipe1m.keys import is_empty
from seje_ray.recipe1m.notes import Notes
from seje_ray.recipe1m.photo_layout import PhotoLayouts, layouts_of
from seje_ray.recipe1m.records import PARTITIONS, DataError, Entity, ImageFile, Recipe, Reject
from seje_ray.recipe1m.text_files import read_text

ROWS_PER_INSERT = 5000
Removed = Literal["none", "public", "strict"]


class Recipe1M:
    """A folder in Recipe1M's layout."""

    def __init__(self, folder: Path, *, removed: Removed = "public") -> None:
        """Find the files of the folder.

        Args:
            folder: Holds layer1.json; optional are layer2+.json or layer2.json, det_ingrs.json,
                remove1M.txt and images/.
            removed: How remove1M.txt is read: not at all, as im2recipe does (its first line is
                missed), or whole (docs/method.md, rule 6.4).

        Raises:
            DataError: If there is no layer1.json.
        """
        layers = layers_folder(folder)
        if layers is None:
            if (folder / "layer1.json").exists():
                raise DataError(f"{folder / 'layer1.json'}: expected a regular file, found none")
            found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
            raise DataError(
                f"{folder}: expected Recipe1M's layer1.json, found {found}; name the folder that "
                "holds it, or a file of your own recipes"
            )
        self._named, self._removed = folder, removed
        self.notes = Notes()  # its keys are known: nothing to say but where photos lie
        folder, self._layer1 = layers, layers / "layer1.json"
        self._folder = folder
        candidates = (folder / "layer2+.json", folder / "layer2.json")
        self._layer2 = next((path for path in candidates if path.is_file()), None)
        entities = folder / "det_ingrs.json"
        self._entities = entities if entities.is_file() else None
        listed = folder / "remove1M.txt"
        self._remove_list = listed if listed.is_file() and removed != "none" else None

    def files(self) -> list[Path]:
        """Files that decide the texts."""
        files = (self._layer1, self._layer2, self._entities, self._remove_list)
        return [path for path in files if path is not None]

    def describe(self) -> str:
        """Kind and location of the data set, for messages."""
        return f"Recipe1M in {self._named}"

    @property
    def rules(self) -> int:
        """Version of the rules by which it is read: of fixed ones."""
        return 0

    def read(self) -> Iterator[Recipe | Reject]:
        """Recipes in layer1's order, and everything that cannot be used.

        Raises:
            DataError: If a file is not JSON at all.
        """
        leave_out = self._ids_to_remove()
        with tempfile.TemporaryDirectory(prefix="seje-ray-") as folder:
            database = sqlite3.connect(Path(folder) / "join.sqlite")
            try:
                database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
                yield from _stored(database, "images", self._layer2, _image_ids)
                yield from _stored(database, "entities", self._entities, _entities)
                yield from self._joined(database, leave_out)
            finally:
                database.close()

    def _joined(
        self, database: sqlite3.Connection, leave_out: set[str]
    ) -> Iterator[Recipe | Reject]:
        seen: set[bytes] = set()  # eight bytes per recipe: 1M recipes take some 100 MB
        layouts = self._layouts(database)
        self.notes = Notes(photos=layouts.said())
        for record in json_records(self._layer1):
            recipe_id = ""
            try:
                self.notes.records += 1
                if isinstance(record, Broken):
                    raise FieldError(record.reason, record.detail)
                recipe_id = id_of(record)
                digest = hashlib.blake2b(recipe_id.encode(), digest_size=8).digest()
                if digest in seen:
                    raise FieldError("duplicate_id", "layer1.json holds it twice; the first stays")
                seen.add(digest)
                if recipe_id in leave_out:
                    raise FieldError("removed", f"listed in remove1M.txt ({self._removed})")
                recipe = self._recipe(record, recipe_id, database, layouts)
            except FieldError as error:
                yield Reject(recipe_id, error.reason, str(error))
                continue
            if recipe.entities is not None and len(recipe.entities) != len(recipe.ingredients):
                counts = f"{len(recipe.entities)} entities, {len(recipe.ingredients)} lines"
                yield Reject(recipe_id, "entities_mismatch", f"det_ingrs.json: {counts}")
                recipe = _without_entities(recipe)
            yield recipe

    def _recipe(
        self, record: Any, recipe_id: str, database: sqlite3.Connection, layouts: PhotoLayouts
    ) -> Recipe:
        title = text_of(record.get("title", ""), "title")
        ingredients = lines_of(record.get("ingredients"), "ingredients")
        instructions = without_blanks(lines_of(record.get("instructions"), "instructions"))
        if not (title.strip() or without_blanks(ingredients) or instructions):
            raise FieldError("no_text", "neither title nor ingredients nor instructions")
        images = _found(database, "images", recipe_id) or []
        said = record.get("partition")
        if is_empty(said) and images:  # photos in folders by partition say it
            said = layouts.partition_of(images)
            self.notes.taken["the folder of the photos", "partition"] += said is not None
        partition = partition_of(said, recipe_id)
        entities = _found(database, "entities", recipe_id)
        return Recipe(
            id=recipe_id,
            partition=partition,
            title=title,
            ingredients=ingredients,
            instructions=instructions,
            entities=None if entities is None else tuple(Entity(t, v) for t, v in entities),
            images=tuple(
                ImageFile(Path(name).stem, str(layouts.path(name, partition))) for name in images
            ),
        )

    def _layouts(self, database: sqlite3.Connection) -> PhotoLayouts:
        """Where photos lie: in images/, or beside the layers, or above them."""
        images = self._folder / "images"
        above = [self._folder.parent] if self._folder == self._named else [self._named]
        roots = [images, self._folder, *(path for up in above for path in (up / "images", up))]
        by_partition = any((images / partition).is_dir() for partition in PARTITIONS)
        return layouts_of(roots, _some_names(database), by_partition=by_partition)

    def _ids_to_remove(self) -> set[str]:
        if self._remove_list is None:
            return set()
        lines = read_text(self._remove_list).splitlines()
        return {line.strip() for line in lines[self._removed == "public" :]}


def layers_folder(folder: Path) -> Path | None:
    """The folder with layer1.json: this one, or the only one in it, as the archives unpack."""
    if (folder / "layer1.json").is_file():
        return folder
    below = [path.parent for path in sorted(folder.glob("*/layer1.json"))]
    return below[0] if len(below) == 1 else None


def _some_names(database: sqlite3.Connection) -> list[str]:
    """Names of photos of the first and the last recipes by their ids."""
    rows = [
        row
        for order in ("ASC", "DESC")
        for row in database.execute(
            f"SELECT value FROM images WHERE value != '[]' ORDER BY id {order} LIMIT 100"
        )
    ]
    return [json.loads(row[0])[0] for row in rows]


def _without_entities(recipe: Recipe) -> Recipe:
    return Recipe(
        recipe.id,
        recipe.partition,
        recipe.title,
        recipe.ingredients,
        recipe.instructions,
        None,
        recipe.images,
    )


def _stored(
    database: sqlite3.Connection, table: str, path: Path | None, parse: Callable[[Any], list[Any]]
) -> Iterator[Reject]:
    """Put a file's records into a table by id; give what cannot be used."""
    database.execute(f"CREATE TABLE {table} (id TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
    if path is None:
        return
    rows: dict[str, str] = {}

    def insert() -> list[str]:
        """Insert the collected rows; return the ids that were there before."""
        known = [id_ for id_ in rows if _found(database, table, id_) is not None]
        is_known = set(known)
        new = [(id_, value) for id_, value in rows.items() if id_ not in is_known]
        database.executemany(f"INSERT INTO {table} VALUES (?, ?)", new)
        rows.clear()
        return known

    for record in json_records(path):
        recipe_id = ""
        try:
            if isinstance(record, Broken):
                raise FieldError(record.reason, record.detail)
            recipe_id = id_of(record)
            if recipe_id in rows:
                raise FieldError("duplicate_id", "the first stays")
            rows[recipe_id] = json.dumps(parse(record))
        except FieldError as error:
            yield Reject(recipe_id, error.reason, f"{path.name}: {error}")
        if len(rows) >= ROWS_PER_INSERT:
            yield from (_duplicate(id_, path) for id_ in insert())
    yield from (_duplicate(id_, path) for id_ in insert())


def _duplicate(recipe_id: str, path: Path) -> Reject:
    return Reject(recipe_id, "duplicate_id", f"{path.name}: the first stays")


def _found(database: sqlite3.Connection, table: str, recipe_id: str) -> list[Any] | None:
    row = database.execute(f"SELECT value FROM {table} WHERE id = ?", (recipe_id,)).fetchone()
    return None if row is None else list(json.loads(row[0]))


def _image_ids(record: Any) -> list[str]:
    """File names of a layer2 record; a name is no path."""
    names = [id_of(image) for image in list_of(record.get("images", []), "images")]
    for name in names:
        if "/" in name or "\\" in name or len(name) < 5:
            raise FieldError("wrong_type", f"images: {name!r} is no file name")
    return list(dict.fromkeys(names))


def _entities(record: Any) -> list[tuple[str, bool]]:
    """(text, valid) per ingredient line of a det_ingrs record."""
    lines = list_of(record.get("ingredients"), "ingredients")
    valid = list_of(record.get("valid"), "valid")
    if len(lines) != len(valid):
        raise FieldError("wrong_type", f"{len(lines)} ingredients, {len(valid)} valid flags")
    texts = [line.get("text") if isinstance(line, dict) else line for line in lines]
    return [
        (text_of(text, "ingredients[]"), bool(flag))
        for text, flag in zip(texts, valid, strict=True)
    ]
