"""The first pass of an audit: every record's text, counted and hashed, never kept."""

import hashlib
import heapq
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from seje_ray.audit.spool import Spool
from seje_ray.console.report import NamedReport
from seje_ray.recipe1m.protocol_filter import protocol_rejection
from seje_ray.recipe1m.records import PARTITIONS, Recipe, Reject
from seje_ray.recipe1m.text import ingredient_tokens, tokenize

MIN_COMPARED_WORDS = 8  # of instructions: "Mix and serve." is no copy of another recipe's
NUM_SAMPLES = 256  # recipes kept to measure their size, and to look at


def draw(seed: int, *words: str) -> int:
    """A number in [0, 2**64) that is the same on every machine."""
    text = "\0".join((str(seed), *words)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


@dataclass(slots=True)
class Samples:
    """The recipes with the smallest draws: evenly drawn from any number of them."""

    size: int
    _heap: list[tuple[int, str, Recipe]] = field(default_factory=list)

    def offer(self, number: int, recipe: Recipe) -> None:
        """Keep ``recipe`` if its draw is among the smallest."""
        entry = (-number, recipe.id, recipe)
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, entry)
        elif entry[0] > self._heap[0][0]:
            heapq.heapreplace(self._heap, entry)

    def recipes(self) -> list[Recipe]:
        """In the order of their draws."""
        return [recipe for _, _, recipe in sorted(self._heap, key=lambda e: (-e[0], e[1]))]


@dataclass(slots=True)
class Texts:
    """Counts of the first pass. Letters: R usable recipes, N photos taken of them."""

    records: int = 0
    seconds: float = 0.0  # spent in the reader
    recipes_read: int = 0
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)  # by (kind, reason)
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)  # reason -> (id, detail)
    lengths: dict[str, Counter[int]] = field(default_factory=dict)
    entity_lines: int = 0
    valid_entity_lines: int = 0
    recipes_without_entities: int = 0
    read: Counter[str] = field(default_factory=Counter)  # by partition, before the filter
    recipes: Counter[str] = field(default_factory=Counter)  # usable, by partition
    naming_photos: Counter[str] = field(default_factory=Counter)
    photos_named: Counter[str] = field(default_factory=Counter)
    sentences: int = 0  # of recipes that name a photo, as many as calibrate encodes
    partitions: "array[int]" = field(default_factory=lambda: array("B"))  # (R,)
    titles: "array[int]" = field(default_factory=lambda: array("Q"))  # (R,) hash, 0 for none
    instructions: "array[int]" = field(default_factory=lambda: array("Q"))  # (R,) hash, 0 for none
    photo_recipes: "array[int]" = field(default_factory=lambda: array("I"))  # (N,) in 0..R-1
    photo_draws: "array[int]" = field(default_factory=lambda: array("Q"))  # (N,)
    samples: Samples = field(default_factory=lambda: Samples(NUM_SAMPLES))

    def reject(self, kind: str, reason: str, id_: str, detail: str) -> None:
        """Count a reason and keep its first example."""
        self.rejected[kind, reason] += 1
        self.examples.setdefault(reason, (id_, detail))


def read_texts(
    records: Iterator[Recipe | Reject],
    names: Spool,
    photos: Spool,
    *,
    max_images: int,
    max_sentences: int,
    seed: int,
    needs_ingredients: bool = True,
    progress: NamedReport,
) -> Texts:
    """Read every record once.

    Args:
        records: What a data source gives.
        names: Gets (id, title) of each usable recipe.
        photos: Gets (recipe's number, id, location) of each photo that calibrate would take.
        max_images: Photos taken per recipe.
        max_sentences: Instructions that calibrate encodes per recipe.
        seed: Of the draws of photos and recipes.
        needs_ingredients: Of the filter.
        progress: Called with the number of records read.
    """
    texts, report = Texts(), progress("reading texts", "records")
    for record in _timed(records, texts):
        texts.records += 1
        if texts.records % 1000 == 0:
            report(texts.records)
        if isinstance(record, Reject):
            texts.reject("record", record.reason, record.id, record.detail)
            continue
        _measure(texts, record)
        reason = protocol_rejection(record, needs_ingredients=needs_ingredients)
        if reason is not None:
            texts.reject("filter", str(reason), record.id, record.title)
            continue
        _add_photos(texts, record, photos, max_images, max_sentences, seed)
        names.append(record.id, record.title[:200])
        title, instructions = recipe_keys(record)
        texts.partitions.append(PARTITIONS.index(record.partition))
        texts.titles.append(title)
        texts.instructions.append(instructions)
        texts.samples.offer(draw(seed, record.id), record)
    report(texts.records, texts.records)
    return texts


def _timed(records: Iterator[Recipe | Reject], texts: Texts) -> Iterator[Recipe | Reject]:
    """Records; the time that the reader takes, without what is done with them."""
    while True:
        started = time.perf_counter()
        record = next(records, None)
        texts.seconds += time.perf_counter() - started
        if record is None:
            return
        yield record


def _measure(texts: Texts, recipe: Recipe) -> None:
    texts.recipes_read += 1
    texts.read[recipe.partition] += 1
    sizes = {
        "ingredient lines": sum(bool(line.strip()) for line in recipe.ingredients),
        "instructions": len(recipe.instructions),
        "title words": len(tokenize(recipe.title)),
    }
    for name, size in sizes.items():
        texts.lengths.setdefault(name, Counter())[size] += 1
    if recipe.entities is None:
        texts.recipes_without_entities += 1
    else:
        texts.entity_lines += len(recipe.entities)
        texts.valid_entity_lines += sum(entity.valid for entity in recipe.entities)


def _add_photos(
    texts: Texts, recipe: Recipe, photos: Spool, max_images: int, max_sentences: int, seed: int
) -> None:
    number = len(texts.partitions)
    texts.recipes[recipe.partition] += 1
    texts.photos_named[recipe.partition] += len(recipe.images)
    if recipe.images:
        texts.naming_photos[recipe.partition] += 1
        texts.sentences += min(len(recipe.instructions), max_sentences)
    for image in recipe.images[:max_images]:
        photos.append(number, image.id, image.location)
        texts.photo_recipes.append(number)
        texts.photo_draws.append(draw(seed, recipe.id, image.id))


def recipe_keys(recipe: Recipe) -> tuple[int, int]:
    """Hashes of (title and set of ingredients) and of the instructions, each without its form.

    Case, punctuation, amounts and the order of ingredients make no difference. 0 stands for what
    says too little to compare: no title, no ingredient, or fewer than eight words of instructions.
    """
    title = " ".join(tokenize(recipe.title))
    lines = {" ".join(ingredient_tokens(line)) for line in recipe.ingredients} - {""}
    words = [word for step in recipe.instructions for word in tokenize(step)]
    first = draw(0, title, *sorted(lines)) or 1
    second = draw(1, *words) or 1
    return (
        first if title and lines else 0,
        second if len(words) >= MIN_COMPARED_WORDS else 0,
    )
