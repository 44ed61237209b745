"""Ids of own recipes where a file gives none, or files give the same ones."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seje_ray.recipe1m.photo_rows import TEXTS, texts_of


def prefixes_of(paths: list[Path], root: Path) -> dict[Path, str]:
    """Of each file what tells its ids from those of the others: its name without suffixes."""
    names = {path: str(path.relative_to(root)) for path in paths}
    stems = {path: name.partition(".")[0] for path, name in names.items()}
    times = Counter(stems.values())
    return {path: f"{stem if times[stem] == 1 else names[path]}:" for path, stem in stems.items()}


def made_id(cells: Mapping[str, Any]) -> str:
    """An id of a recipe that has none: a hash of its texts, so that it moves with them."""
    for name in TEXTS:
        if cells.get(name) is not None:
            return _hashed(cells)
    return NOTHING_SAID


def _hashed(cells: Mapping[str, Any]) -> str:
    return "made-" + texts_of({**cells, "partition": None}).hex()[:16]


NOTHING_SAID = _hashed({})  # the id of all that say nothing
