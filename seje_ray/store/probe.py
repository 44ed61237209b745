"""Whether this machine may do in a store what a command does there."""

import uuid
from pathlib import Path

from seje_ray.errors import StoreError
from seje_ray.store.location import place_of
from seje_ray.store.objects import objects_of

PROBE = ".doctor-"  # beginning of the name of an object that is there for a moment


def probe(folder: Path) -> None:
    """Write, list, read, copy and delete an object below a mirrored folder.

    Raises:
        StoreError: Naming the place, what it refuses, and what to do.
    """
    place = place_of(folder)
    if place is None:
        return
    objects = objects_of(place.uri)
    base = f"{place.key}/{PROBE}{uuid.uuid4().hex}".lstrip("/")
    first, copied = f"{base}/first", f"{base}/copies/first"
    objects.write(first, b"1")
    try:
        objects.copy(["first"], base, f"{base}/copies")
        if first not in objects.listed(base) or objects.read(first) != b"1":
            raise StoreError(
                f"{place.uri}: what was written is not listed or read at once; expected a store "
                "that is consistent, as those of Amazon, Google and Microsoft"
            )
    finally:
        objects.drop([first, copied])
