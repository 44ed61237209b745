"""One own recipe out of the cells of its record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seje_ray.recipe1m.fields import (
    FieldError,
    lines_of,
    list_of,
    partition_of,
    text_of,
    without_blanks,
)
from seje_ray.recipe1m.inside import Inside
from seje_ray.recipe1m.photo_places import PhotoPlace
from seje_ray.recipe1m.records import Entity, ImageFile, Recipe, Reject
from seje_ray.recipe1m.stored_photos import NoPhotoError, StoredPhoto

NOTHING = (None, None, None)  # title, ingredients, instructions
NO_TEXT = "neither title nor ingredients nor instructions"


def own_recipe(
    record: Mapping[str, Any], recipe_id: str, photos: "Photos"
) -> Iterator[Recipe | Reject]:
    """Rejects of the recipe's unusable parts, then the recipe.

    Raises:
        FieldError: If the recipe as a whole cannot be used.
    """
    said = record.get("title"), record.get("ingredients"), record.get("instructions")
    if said == NOTHING:
        raise FieldError("no_text", NO_TEXT)
    title = text_of(said[0] or "", "title")
    ingredients = lines_of(said[1], "ingredients")
    instructions = lines_of(said[2], "instructions")
    instructions = instructions and without_blanks(instructions)
    if not (title.strip() or (ingredients and without_blanks(ingredients)) or instructions):
        raise FieldError("no_text", NO_TEXT)
    entities = record.get("entities")
    found = None if entities is None else tuple(map(_entity, list_of(entities, "entities")))
    if found is not None and len(found) != len(ingredients):
        counts = f"{len(found)} entities, {len(ingredients)} lines"
        yield Reject(recipe_id, "entities_mismatch", counts)
        found = None
    names = record.get("images") or []
    names = names if isinstance(names, list) else [names]
    images = []
    numbers = [name for name in names if isinstance(name, int | float)]
    if numbers:  # perhaps a photo's bytes, one by one
        yield Reject(recipe_id, "wrong_type", f"images[]: {len(numbers):,} numbers, not names")
    for name in names:
        if isinstance(name, int | float):
            continue
        try:
            images.append(photos.file_of(name))
        except FieldError as error:  # it costs itself, not the recipe
            yield Reject(recipe_id, error.reason, str(error))
    yield Recipe(
        id=recipe_id,
        partition=partition_of(record.get("partition"), recipe_id),
        title=title,
        ingredients=ingredients,
        instructions=instructions,
        entities=found,
        images=tuple(images),
    )


@dataclass(frozen=True, slots=True)
class Photos:
    """Photos that a file names."""

    folder: Path
    place: PhotoPlace | None
    inside: Inside

    def file_of(self, value: Any) -> ImageFile:
        """Where a photo is.

        Raises:
            FieldError: If the value names none, or one outside the data set.
        """
        if isinstance(value, StoredPhoto):
            return ImageFile(value.id, value.location)
        name = text_of(name_of(value), "images[]")
        try:
            if self.place is None:
                path = self.inside.path_of(self.folder, name)
            else:
                path = self.inside.required(self.place.path_of(name), name)
        except NoPhotoError as error:
            raise FieldError("outside_folder", str(error.strerror)) from error
        return ImageFile(name, path)


def name_of(value: Any) -> Any:
    """The name that an object gives for a photo, or the value itself."""
    if isinstance(value, Mapping):
        keys = ("path", "file_name", "filename", "url", "contentUrl", "src")
        return next((value[key] for key in keys if value.get(key)), value)
    return value


def _entity(value: Any) -> Entity:
    if not isinstance(value, dict) or not isinstance(value.get("valid"), bool):
        raise FieldError("wrong_type", "entities[]: expected {text, valid}")
    return Entity(text_of(value.get("text"), "entities[].text"), value["valid"])
