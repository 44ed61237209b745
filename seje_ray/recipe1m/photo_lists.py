"""Food-101's lists of train and test photos, matched with the photos that are there."""

import json
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from seje_ray.recipe1m.fields import FieldError, list_of, text_of
from seje_ray.recipe1m.records import DataError, Reject
from seje_ray.recipe1m.text_files import read_text

Listed = dict[str, dict[str, list[str]]]  # class folder -> split -> file names


def lists_of(folder: Path) -> dict[str, Path] | None:
    """The list of each split; None if the folder has none.

    Raises:
        DataError: If there is a list of one split and none of the other.
    """
    found = {
        split: next((p for p in _candidates(folder, split) if p.is_file()), None)
        for split in ("train", "test")
    }
    lists = {split: path for split, path in found.items() if path is not None}
    if not lists:
        return None
    for split, path in found.items():
        if path is None:
            raise DataError(
                f"{folder / 'meta'}: expected train and test lists (.json or .txt), found no "
                f"{split} list; add it, it may be empty"
            )
    return lists


def _candidates(folder: Path, split: str) -> list[Path]:
    return [folder / "meta" / f"{split}{suffix}" for suffix in (".json", ".txt")]


def listed_photos(
    lists: Mapping[str, Path], files: Mapping[str, Sequence[str]]
) -> tuple[Listed, list[Reject]]:
    """Photos that a list names and that are there.

    An entry is a photo's path below ``images/``, with or without its suffix.

    Args:
        lists: The list of each split; where a photo is in both the first split has it.
        files: Names of the photos of each class folder.

    Raises:
        DataError: If a list is no JSON object, or not UTF-8.
    """
    chosen: Listed = defaultdict(lambda: {split: [] for split in lists})
    known = {
        label: {Path(name).stem: name for name in names} | {name: name for name in names}
        for label, names in files.items()
    }
    split_of: dict[str, str] = {}
    rejects: list[Reject] = []
    for split, path in lists.items():
        for label, entry in _entries(path):
            try:
                photos = chosen[label][split]
                file = known.get(label, {}).get(_file_name(label, entry))
                if file is None:
                    raise FieldError("missing_file", f"{path.name} lists it, images/ has none")
                id_ = f"{label}/{file}"
                if id_ in split_of:
                    both = split_of[id_] != split
                    raise FieldError("in_both_splits" if both else "duplicate_photo", path.name)
                split_of[id_] = split
                photos.append(file)
            except FieldError as error:
                rejects.append(Reject(printable(str(entry)[:200]), error.reason, str(error)))
    rejects += _not_listed(files, chosen, split_of)
    return dict(chosen), rejects


def printable(name: str) -> str:
    """A name that any UTF-8 file can hold."""
    return name.encode("utf-8", "backslashreplace").decode()


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    """(class, entry) of a list, in file order."""
    try:
        text = read_text(path)
        if path.suffix == ".txt":
            for line in filter(None, map(str.strip, text.splitlines())):
                yield line.partition("/")[0], line
            return
        raw = json.loads(text)
    except ValueError as error:  # JSON's and Unicode's errors
        raise DataError(f"{path}: expected {path.suffix[1:]} text in UTF-8, {error}") from error
    if not isinstance(raw, dict):
        raise DataError(
            f"{path}: expected an object of class: [photos], found {type(raw).__name__}"
        )
    for label, entries in raw.items():
        try:
            found = list_of(entries, label)
        except FieldError:
            found = [entries]  # its own reject, as one entry
        yield from ((label, entry) for entry in found)


def _file_name(label: str, entry: Any) -> str:
    """File name of an entry of a class, perhaps without suffix; a name is no path."""
    parts = PurePosixPath(text_of(entry, "entry")).parts
    if len(parts) != 2 or ".." in parts or parts[0] == "/":
        raise FieldError("wrong_path", f"expected class/photo, found {entry!r:.80}")
    if parts[0] != label:
        raise FieldError("other_class", f"listed under {label!r}")
    return parts[1]


def _not_listed(
    files: Mapping[str, Sequence[str]], chosen: Container[str], split_of: Mapping[str, str]
) -> Iterator[Reject]:
    """Photos that no list names; one reject for a class that no list knows."""
    for label, names in files.items():
        if label not in chosen:
            yield Reject(printable(label), "class_not_listed", f"{len(names)} photos")
            continue
        for name in names:
            if f"{label}/{name}" not in split_of:
                yield Reject(printable(f"{label}/{name}"), "photo_not_listed", "in neither list")
