"""Where the photos of a Recipe1M folder lie, as people unpack its archives."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seje_ray.recipe1m.records import PARTITIONS

NUM_NAMES = 200  # looked for in each layout
OTHER_SUFFIXES = (".jpeg", ".JPG", ".png", ".webp", "")  # of photos that were stored anew


@dataclass(frozen=True, slots=True)
class PhotoLayout:
    """One way to get from a photo's name to its file."""

    folder: Path
    by_partition: bool  # in a folder per partition
    is_nested: bool  # in folders a/b/c/d of the name's first characters
    suffix: str | None = None  # in the place of the name's own

    def path(self, name: str, partition: str) -> Path:
        """Path of a photo of a recipe."""
        file = name if self.suffix is None else Path(name).stem + self.suffix
        nested = name[:4] if self.is_nested else ()
        return self.folder.joinpath(*([partition] if self.by_partition else []), *nested, file)

    def partition_with(self, name: str) -> str | None:
        """The partition whose folder has the photo; None if none has."""
        parts = PARTITIONS if self.by_partition else ()
        return next((p for p in parts if self.path(name, p).is_file()), None)

    def has(self, name: str) -> bool:
        """Whether the photo is there, of whichever partition."""
        if self.by_partition:
            return self.partition_with(name) is not None
        return self.path(name, "").is_file()

    def __str__(self) -> str:
        parts = [*(["PARTITION"] if self.by_partition else []), *("abcd" if self.is_nested else "")]
        suffix = ".jpg" if self.suffix is None else self.suffix
        return f"{self.folder.joinpath(*parts)}/NAME{suffix}"


@dataclass(frozen=True, slots=True)
class PhotoLayouts:
    """Those in which photos are found, the most of them first."""

    found: tuple[PhotoLayout, ...]
    documented: PhotoLayout  # where photos should lie

    def path(self, name: str, partition: str) -> Path:
        """Path of a photo; where it should be if it is nowhere."""
        layouts = self.found or (self.documented,)
        if len(layouts) > 1:  # several archives in one folder
            for layout in layouts:
                if (path := layout.path(name, partition)).is_file():
                    return path
        return layouts[0].path(name, partition)

    def partition_of(self, names: Iterable[str]) -> str | None:
        """The partition in whose folder the photos of a recipe lie; None if that says nothing."""
        found = (layout.partition_with(name) for name in names for layout in self.found)
        return next((partition for partition in found if partition), None)

    def said(self) -> str:
        """Where photos were found, if that is not where they should be."""
        others = [layout for layout in self.found if layout != self.documented]
        return f"photos are taken from {' and '.join(map(str, others))}" if others else ""


def layouts_of(roots: Sequence[Path], names: Sequence[str], *, by_partition: bool) -> PhotoLayouts:
    """The layouts in which some of the photos are found.

    Args:
        roots: Folders that may hold them; the first is the one that should.
        names: Of some photos.
        by_partition: Whether the folder that should hold them has one per partition.
    """
    documented = PhotoLayout(roots[0], by_partition, is_nested=True)
    names = list(names)[:NUM_NAMES]
    for suffixes in ((None,), OTHER_SUFFIXES):
        counted = [
            (sum(layout.has(name) for name in names), -place, layout)
            for place, layout in enumerate(_candidates(documented, roots, suffixes))
        ]
        found = [one for one in sorted(counted, key=lambda one: one[:2], reverse=True) if one[0]]
        if found:
            return PhotoLayouts(tuple(layout for *_, layout in found), documented)
        names = names[:20]
    return PhotoLayouts((), documented)


def _candidates(
    documented: PhotoLayout, roots: Sequence[Path], suffixes: Sequence[str | None]
) -> Iterator[PhotoLayout]:
    """All that may be, where they should be first; folders that are not there are left out."""
    if suffixes == (None,):
        yield documented
    for folder, by_partition, is_nested, suffix in itertools.product(
        roots, (True, False), (True, False), suffixes
    ):
        layout = PhotoLayout(folder, by_partition, is_nested, suffix)
        has_folders = not by_partition or any((folder / p).is_dir() for p in PARTITIONS)
        if layout != documented and folder.is_dir() and has_folders:
            yield layout
