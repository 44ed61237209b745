"""An audit of a data set: two passes that read and never write; memory holds hashes and counts."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seje_ray.audit.advice import missing_pieces
from seje_ray.audit.cost import cost_of
from seje_ray.audit.findings import Audit
from seje_ray.audit.later import refused_later
from seje_ray.audit.lengths import distribution
from seje_ray.audit.passes import Passes
from seje_ray.audit.photos import drawn_photos, found_photos, read_photos
from seje_ray.audit.spool import Spool
from seje_ray.audit.texts import Texts, read_texts
from seje_ray.config.data import OwnField, Separator
from seje_ray.console.report import NamedReport, silent
from seje_ray.recipe1m.reader import Removed
from seje_ray.recipe1m.records import Recipe
from seje_ray.recipe1m.source import DataSource, open_source

NUM_DRAWN = 10  # recipes to look at


def audit(
    path: Path,
    *,
    num_photos: int | None = 2000,
    shorter_side: int = 256,
    max_images: int = 5,
    max_sentences: int = 20,
    word_dim: int = 300,
    sentence_dim: int = 1024,
    removed: Removed = "public",
    columns: Mapping[OwnField, str] | None = None,
    separator: Separator = "",
    allow_outside: bool = False,
    global_batch_size: int = 100,
    needs_ingredients: bool = True,
    seed: int = 0,
    num_threads: int = 1,
    progress: NamedReport = silent,
) -> Audit:
    """Check a data set before a long job; write nothing there.

    Memory grows by some 25 bytes per recipe, 20 per photo, and 300 per photo that is read; names
    lie in a temporary folder.

    Args:
        path: A Recipe1M folder, or a file of own recipes.
        num_photos: Photos to read, drawn evenly; None for all.
        shorter_side: Pixels that ingest stores.
        max_images: Photos taken per recipe.
        max_sentences: Instructions that calibrate encodes per recipe.
        word_dim: E, numbers in a word vector.
        sentence_dim: Numbers in a sentence vector.
        removed: How remove1M.txt is read.
        columns: Field -> key of own recipes, where near names do not do.
        separator: Between the lines of one text of own recipes; "" for none.
        allow_outside: Whether own recipes may name photos outside their folder.
        global_batch_size: Pairs of a training step.
        needs_ingredients: False where titles, captions or instructions alone will do.
        seed: Of the draws.
        num_threads: Threads that read photos.
        progress: Gives each part of the work its callback.

    Raises:
        DataError: If the data set cannot be read at all.
    """
    source = open_source(
        path,
        removed=removed,
        columns=columns,
        separator=separator,
        allow_outside=allow_outside,
    )
    with (
        tempfile.TemporaryDirectory(prefix="seje-ray-") as folder,
        Spool(Path(folder) / "recipes") as names,
        Spool(Path(folder) / "photos") as photos,
    ):
        texts = read_texts(
            source.read(),
            names,
            photos,
            max_images=max_images,
            max_sentences=max_sentences,
            seed=seed,
            needs_ingredients=needs_ingredients,
            progress=progress,
        )
        there = found_photos(photos, num_threads=num_threads, progress=progress)
        options = {"shorter_side": shorter_side, "num_threads": num_threads}
        numbers = drawn_photos(np.asarray(texts.photo_draws), there.is_there, num_photos)
        sample = read_photos(photos, numbers, progress=progress, **options)
        passes = Passes(texts, names, photos, there, sample)
        blocked = passes.blocked(
            source.describe(), numbers, needs_ingredients=needs_ingredients, **options
        )
        if (problem := source.notes.problem()) is not None:
            blocked = f"{source.describe()}: {problem}"
        cost = cost_of(
            texts,
            sample,
            Path(folder),
            photos_found=int(there.is_there.sum()),
            recipes_with_photos=sum(passes.recipes_with_photos().values()),
            word_dim=word_dim,
            sentence_dim=sentence_dim,
        )
        lengths = (distribution(name, counts) for name, counts in texts.lengths.items())
        return Audit(
            source=source.describe(),
            shorter_side=shorter_side,
            max_images=max_images,
            records=texts.records,
            recipes_read=texts.recipes_read,
            partitions=passes.partitions(),
            pieces=missing_pieces(path),
            rejected=passes.rejected(),
            bad_photos=passes.bad_photos(),
            lengths=tuple(found for found in lengths if found is not None),
            entity_lines=texts.entity_lines,
            valid_entity_lines=texts.valid_entity_lines,
            recipes_without_entities=texts.recipes_without_entities,
            reading=passes.reading(num_threads),
            duplicate_recipes=passes.duplicate_recipes(),
            duplicate_photos=passes.duplicate_photos(),
            cost=cost,
            blocked=blocked,
            said=(*_said_of_records(source), *_said_of_photos(passes)),
            later=tuple(
                refused_later(
                    passes.recipes_with_photos(),
                    texts.read,
                    global_batch_size=global_batch_size,
                )
            ),
            drawn=_drawn(texts),
        )


def _said_of_records(source: DataSource) -> list[str]:
    recognition = source.notes.recognition()
    return [*([recognition] if recognition else []), *source.notes.lines()]


def _said_of_photos(passes: Passes) -> list[str]:
    known = passes.missing_photos()
    return [f"missing photos: {known}"] if known else []


def _drawn(texts: Texts) -> tuple[Recipe, ...]:
    """Random recipes to show, those that name a photo first."""
    recipes = sorted(texts.samples.recipes(), key=lambda recipe: not recipe.images)
    return tuple(recipes[:NUM_DRAWN])
