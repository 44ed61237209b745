"""A data set in an object store: texts where the command runs, photos where they are read."""

import functools
from collections import defaultdict
from pathlib import Path

from seje_ray.recipe1m.photo_names import like_key, load_like
from seje_ray.recipe1m.records import ImageFile, Reject
from seje_ray.recipe1m.stored_photos import file_of
from seje_ray.store.mirror import fetch, fetch_once, is_mirrored, is_object, objects_in, pull


def bring_data(path: Path) -> Path:
    """A data set as its store has it now: a folder with all below it, or a file without photos."""
    return fetch(path) if is_object(path) else pull(path)


def bring_photo(location: str) -> None:
    """A photo from where it is stored; where it is not there, those of like names beside it."""
    path = Path(file_of(location))
    if is_mirrored(path) and not fetch_once(path).is_file():
        for name in _names_by_key(path.parent).get(like_key(path.name), ()):
            fetch_once(path.with_name(name))


def load_photo(file: ImageFile, *, shorter_side: int) -> tuple[bytes | Reject, Reject | None]:
    """``load_like``, of a photo that is first brought from where it is stored."""
    bring_photo(file.location)
    return load_like(file, shorter_side=shorter_side)


@functools.cache
def _names_by_key(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in objects_in(folder):
        found[like_key(name)].append(name)
    return found
