"""Photos that are not where a record says: under a like name, in another folder, or at a URL."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from seje_ray.recipe1m.images import PHOTO_SUFFIXES, load_image
from seje_ray.recipe1m.records import ImageFile, Reject

OTHER_NAME = "other_name"  # reason of a photo that is taken under a like name
MAX_FOLDERS = 400  # looked into for photos that are elsewhere
MAX_EXAMPLES = 50  # missing photos that are looked for
_URL = re.compile(r"(?i)^(https?|ftp|s3|gs):/+")
_BETWEEN = re.compile(r"[\s_]+")


def load_like(file: ImageFile, *, shorter_side: int) -> tuple[bytes | Reject, Reject | None]:
    """A photo as ``load_image`` gives it; where it is missing, the one of a like name.

    Returns:
        The photo or why there is none, and a note where another name was taken.
    """
    loaded = load_image(file, shorter_side=shorter_side)
    if isinstance(loaded, bytes) or loaded.reason != "missing_file":
        return loaded, None
    like = like_name(file.location)
    if like is None:
        return loaded, None
    note = Reject(file.id, OTHER_NAME, f"{file.location}: taken as {os.path.basename(like)!r}")
    return load_image(ImageFile(file.id, like), shorter_side=shorter_side), note


def like_name(location: str) -> str | None:
    """Path of the one file in a photo's folder whose name differs in nothing that matters.

    Case, the form of accents, blanks, ``_`` for a blank, ``%20`` and the suffix do not; where
    several files are alike, none is taken.
    """
    folder, name = os.path.split(location)
    if _URL.match(location) or not name.strip():
        return None
    found = _names_in(folder, _changed_ns(folder)).get(like_key(name), ())
    return os.path.join(folder, found[0]) if len(found) == 1 else None


def like_key(name: str) -> str:
    """What like names share."""
    plain = unicodedata.normalize("NFC", unquote(name, errors="replace")).casefold().strip()
    stem, suffix = os.path.splitext(plain)
    return _BETWEEN.sub(" ", stem if suffix in PHOTO_SUFFIXES else plain).strip()


def _changed_ns(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=64)
def _names_in(folder: str, changed_ns: int) -> dict[str, list[str]]:
    """Names of a folder's files by what like names share."""
    names: dict[str, list[str]] = defaultdict(list)
    try:
        found = sorted(os.listdir(folder)) if changed_ns else []
    except OSError:
        found = []
    for name in found:
        names[like_key(name)].append(name)
    return dict(names)


def where_missing_are(missing: Sequence[tuple[str, str]]) -> str:
    """Where photos are that are missing, and the one thing to do; "" where nothing is known.

    Args:
        missing: Name as the record has it, and the path where it was looked for.
    """
    looked_for = missing[:MAX_EXAMPLES]
    urls = [name for name, _ in looked_for if _URL.match(name)]
    if urls:
        return (
            f"photos are named by URLs, e.g. {urls[0]!r:.80}; nothing is fetched: fetch them "
            "first, as docs/data.md shows under Photos at URLs, and name the files"
        )
    for name, location in looked_for:
        if (found := _elsewhere(location)) is not None:
            folder, target = os.path.dirname(found), os.path.dirname(location)
            move = f"move its files to {target}/" if os.path.isdir(target) else ""
            move = move or f"link it there: mkdir -p {os.path.dirname(target)!r} && ln -s "
            move = f"{move}{os.path.abspath(folder)!r} {target!r}" if "ln -s" in move else move
            return f"photo {name!r:.60} lies in {folder}/ and is looked for in {target}/: {move}"
    return ""


def _elsewhere(location: str) -> str | None:
    """A file of a photo's like name, in folders near the one where it should be."""
    folder, name = os.path.split(location)
    key, near = like_key(name), Path(folder)
    while not near.is_dir() and near != near.parent:
        near = near.parent
    if near == Path(folder):
        near = near.parent  # also beside the folder that is there
    for path in _folders(near) if len(near.parts) > 2 else ():
        found = _names_in(str(path), _changed_ns(str(path))).get(key, ())
        if found:
            return str(path / found[0])
    return None


def _folders(top: Path) -> Iterator[Path]:
    """A folder and those below it, level by level."""
    level, number = [top], 0
    for _ in range(4):
        below: list[Path] = []
        for path in level:
            number += 1
            if number > MAX_FOLDERS:
                return
            yield path
            try:
                below += sorted(one for one in path.iterdir() if one.is_dir())
            except OSError:
                continue
        level = below
