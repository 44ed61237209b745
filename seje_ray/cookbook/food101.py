"""The cookbook's dishes as labelled photos in Food-101's layout."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from seje_ray.artifact import write_json, write_text
from seje_ray.console.report import Report
from seje_ray.cookbook.drawing import draw_photo
from seje_ray.cookbook.pantry import pantry
from seje_ray.cookbook.plan import TWIN_EVERY, turn_of
from seje_ray.cookbook.recipe import generate_recipe
from seje_ray.cookbook.workers import in_order
from seje_ray.cookbook.writing import write_photo
from seje_ray.recipe1m.records import DataError

SEED_OFFSET = 2**40  # so that no photo is one of a cookbook of the same seed
TEST_EVERY = 4  # every fourth photo of a class is for test, as in Food-101
PHOTOS_PER_TASK = 16

Drawing = tuple[str, int]  # a photo's name, "class/number", and the recipe that it shows


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSummary:
    """Contents of a folder of labelled photos."""

    num_classes: int
    num_train: int
    num_test: int

    def __str__(self) -> str:
        """Return one line for the terminal."""
        return (
            f"{self.num_train + self.num_test:,} photos of {self.num_classes} classes "
            f"({self.num_train:,} train, {self.num_test:,} test)"
        )


def write_food101(
    out_dir: Path,
    *,
    num_photos: int,
    seed: int,
    num_processes: int = 1,
    progress: Report | None = None,
) -> LabelledSummary:
    """Write photos of the cookbook's dishes by class and return what there is.

    The files are ``images/CLASS/NUMBER.jpg``, meta/classes.txt, meta/test.json and, last,
    meta/train.json. Classes are the dishes; each has as many photos as the others or one more.
    Every photo shows a recipe of its own, near twins are left out, and none is a photo of the
    cookbook that ``write_cookbook`` makes of this seed. Equal arguments give equal bytes whatever
    ``num_processes`` is, and a larger ``num_photos`` adds to the same photos.

    Args:
        out_dir: Folder to write to; made where it is missing.
        num_photos: Of all classes together, at least 1.
        seed: Of everything, at least 0.
        num_processes: Worker processes; 1 stays in this one.
        progress: Called with (photos written, photos in all) after each task.

    Raises:
        ValueError: A number is out of its range.
        DataError: The folder holds a finished data set already; nothing is overwritten.
    """
    if num_photos < 1 or seed < 0 or num_processes < 1:
        raise ValueError(
            "num_photos and num_processes must be >= 1 and seed >= 0, "
            f"got {num_photos}, {num_processes} and {seed}"
        )
    if (out_dir / "meta" / "train.json").exists():
        raise DataError(
            f"{out_dir}: holds a meta/train.json already, which is never overwritten; "
            "choose another folder or delete this one"
        )
    drawings = list(_drawings(SEED_OFFSET + seed, num_photos))
    for label in {name.partition("/")[0] for name, _ in drawings}:
        (out_dir / "images" / label).mkdir(parents=True, exist_ok=True)
    work = partial(_draw, out_dir / "images", SEED_OFFSET + seed)
    starts = range(0, num_photos, PHOTOS_PER_TASK)
    tasks = (tuple(drawings[start : start + PHOTOS_PER_TASK]) for start in starts)
    num_drawn = 0
    for drawn in in_order(work, tasks, num_processes):
        num_drawn += drawn
        if progress is not None:
            progress(num_drawn, num_photos)
    return _write_lists(out_dir / "meta", sorted(drawings))


def _drawings(seed: int, num_photos: int) -> Iterator[Drawing]:
    """Recipes to draw, the same number of each dish, and the names of their photos."""
    full, rest = divmod(num_photos, len(pantry().dishes))
    room = {dish: full + (number < rest) for number, dish in enumerate(pantry().dishes)}
    written: Counter[str] = Counter()
    for index in count():
        dish = turn_of(seed, index)
        if written.total() == num_photos:
            return
        if index % TWIN_EVERY == TWIN_EVERY - 1 or written[dish] == room[dish]:
            continue
        yield f"{dish.replace(' ', '_')}/{written[dish]}", index
        written[dish] += 1


def _draw(images: Path, seed: int, drawings: tuple[Drawing, ...]) -> int:
    for name, index in drawings:
        write_photo(images / f"{name}.jpg", draw_photo(generate_recipe(seed, index), 0))
    return len(drawings)


def _write_lists(folder: Path, drawings: list[Drawing]) -> LabelledSummary:
    """Write what Food-101 has in ``meta``."""
    lists: dict[str, dict[str, list[str]]] = {"test": {}, "train": {}}
    for name, _ in drawings:
        label, _, number = name.partition("/")
        for split in lists:
            lists[split].setdefault(label, [])
        is_test = int(number) % TEST_EVERY == TEST_EVERY - 1
        lists["test" if is_test else "train"][label].append(name)
    folder.mkdir(exist_ok=True)
    write_text(folder / "classes.txt", "".join(f"{label}\n" for label in lists["train"]))
    for split, photos in lists.items():
        write_json(folder / f"{split}.json", photos)
    num_train, num_test = (sum(map(len, lists[s].values())) for s in ("train", "test"))
    return LabelledSummary(num_classes=len(lists["train"]), num_train=num_train, num_test=num_test)
