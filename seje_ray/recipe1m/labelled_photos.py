"""A folder of photos with a class each: Food-101's layout, or one folder per class."""

import hashlib
import os
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seje_ray.recipe1m.images import PHOTO_SUFFIXES
from seje_ray.recipe1m.photo_lists import Listed, listed_photos, lists_of, printable
from seje_ray.recipe1m.records import DataError, Reject

BACKGROUND = "background"  # number 0, which no photo of a folder has
SPLITS = ("train", "test")
TEST_SHARE = 0.2  # of the photos of a folder without lists
EXPECTED = f"expected {', '.join(sorted(PHOTO_SUFFIXES))}"


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """One photo on disk and the number of its class."""

    path: str  # absolute
    category_id: int  # >= 1


@dataclass(frozen=True)
class LabelledFolder:
    """The classes of a folder and their photos, none of which was opened."""

    folder: Path
    names: tuple[str, ...]  # background first; the number of a class is its place
    train: tuple[PhotoFile, ...]  # by class, then by file name
    test: tuple[PhotoFile, ...]
    rejects: tuple[Reject, ...]

    @property
    def rejected(self) -> dict[str, int]:
        """Number of unusable photos, by reason."""
        return dict(sorted(Counter(reject.reason for reject in self.rejects).items()))

    @cached_property
    def listing_hash(self) -> str:
        """sha256 over classes, splits, file names and sizes: what a fit on it depends on."""
        content = hashlib.sha256("\n".join(self.names).encode())
        for split, photos in zip(SPLITS, (self.train, self.test), strict=True):
            for photo in photos:
                name = os.path.relpath(photo.path, self.folder)
                size = os.stat(photo.path).st_size
                line = f"{split}\t{photo.category_id}\t{name}\t{size}\n"
                content.update(line.encode("utf-8", "surrogateescape"))
        return content.hexdigest()


def class_name(text: str) -> str:
    """A class as words: lower case, an underscore is a space."""
    return " ".join(text.replace("_", " ").lower().split())


def read_labelled_folder(folder: Path, *, seed: int = 0) -> LabelledFolder:
    """List the photos of a folder by class and split.

    Two layouts are known. Food-101's has ``images/CLASS/*`` and ``meta/train`` and ``meta/test``,
    each as .json ({class: ["class/1005755", ...]}) or .txt (a line per photo). The other has
    ``CLASS/*`` alone: a hash of seed, class and file name gives a fifth of the photos to test, so
    more photos change no other's split; a class that would be without train photos gives none.

    Args:
        folder: Where the photos lie.
        seed: Of the split where there are no lists, at least 0.

    Returns:
        Classes with at least one train photo, numbered from 1 in the order of their names, their
        photos, and everything that cannot be used.

    Raises:
        DataError: If the folder has neither layout, no list can be read, or no photo is left.
    """
    root = folder.absolute()
    lists = lists_of(root)
    images = root / "images" if lists else root
    rejects: list[Reject] = []
    files = _files(images, rejects)
    if lists is None:
        chosen = _drawn(files, seed)
    elif not files:
        raise DataError(f"{images}: expected a folder of photos per class, found none")
    else:
        chosen, unusable = listed_photos(lists, files)
        rejects += unusable
    result = _numbered(folder, images, chosen, rejects)
    if not result.train:
        raise DataError(_nothing(root, rejects))
    return result


def _files(images: Path, rejects: list[Reject]) -> dict[str, list[str]]:
    """Names of the photos of each class folder, both in order; no photo is opened."""
    if not images.is_dir():
        return {}
    files: dict[str, list[str]] = {}
    for folder in sorted(os.scandir(images), key=lambda entry: entry.name):
        if not folder.is_dir():
            if os.path.splitext(folder.name)[1].lower() in PHOTO_SUFFIXES:
                name = printable(folder.name)
                rejects.append(Reject(name, "photo_without_class", "it lies in no class folder"))
            continue
        names = []
        for entry in sorted(os.scandir(folder.path), key=lambda entry: entry.name):
            if entry.is_file() and os.path.splitext(entry.name)[1].lower() in PHOTO_SUFFIXES:
                names.append(entry.name)
            else:
                id_ = printable(f"{folder.name}/{entry.name}")
                rejects.append(Reject(id_, "not_a_photo", EXPECTED))
        files[folder.name] = names
    return files


def _drawn(files: Mapping[str, Iterable[str]], seed: int) -> Listed:
    """Splits by hash; a class without a train photo would be no class."""
    chosen: Listed = {}
    for label, names in files.items():
        splits: dict[str, list[str]] = {"train": [], "test": []}
        for name in names:
            key = f"{seed}/{label}/{name}".encode("utf-8", "surrogateescape")
            draw = int.from_bytes(hashlib.sha256(key).digest()[:8], "big") / 2**64
            splits["test" if draw < TEST_SHARE else "train"].append(name)
        chosen[label] = splits if splits["train"] else {"train": splits["test"], "test": []}
    return chosen


def _numbered(folder: Path, images: Path, chosen: Listed, rejects: list[Reject]) -> LabelledFolder:
    """Number the classes that can be trained."""
    label_of = {BACKGROUND: ""}  # name -> folder
    for label in sorted(chosen, key=lambda label: (class_name(label), label)):
        problem = _problem(label, chosen[label], label_of)
        if problem is None:
            label_of[class_name(label)] = label
        else:
            rejects.append(Reject(printable(label), *problem))
    photos = {
        split: tuple(
            PhotoFile(str(images / label / file), number)
            for number, label in enumerate(label_of.values())
            if number > 0
            for file in sorted(chosen[label][split])
        )
        for split in SPLITS
    }
    return LabelledFolder(folder, tuple(label_of), photos["train"], photos["test"], tuple(rejects))


def _problem(
    label: str, splits: Mapping[str, list[str]], taken: Container[str]
) -> tuple[str, str] | None:
    """Why a class folder is no class: reason and detail."""
    num_photos = sum(map(len, splits.values()))
    if printable(label) != label:
        return "invalid_unicode", f"{num_photos} photos"
    if not num_photos:
        return "empty_class", "it has no photo that can be used"
    if not splits["train"]:
        return "class_without_train_photos", f"{num_photos} for test"
    name = class_name(label)
    if not name or name in taken:
        return "duplicate_class", f"{name!r}, with {num_photos} photos"
    return None


def _nothing(root: Path, rejects: Iterable[Reject]) -> str:
    if not root.is_dir():
        return f"{root}: there is no such folder; name the one that holds the labelled photos"
    found = sorted(entry.name + "/" * entry.is_dir() for entry in os.scandir(root))
    counts = Counter(reject.reason for reject in rejects)
    reasons = "".join(f"; {reason}: {n}" for reason, n in sorted(counts.items()))
    return (
        f"{root}: expected Food-101's images/ and meta/train.json, or a folder of photos per "
        f"class, found {', '.join(found[:8]) or 'nothing'}{reasons}; name the folder that holds "
        "one of them"
    )
