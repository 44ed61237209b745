"""What a person searches for as a query: photos, words, a recipe or a part of one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seje_ray.calibration.corpus import RecipeText, of_words
from seje_ray.config.data import DataConfig
from seje_ray.features.encoder import Encoder, QueryError
from seje_ray.recipe1m.images import load_image, to_jpeg
from seje_ray.recipe1m.own_data import OwnData
from seje_ray.recipe1m.records import ImageFile, Recipe, Reject
from seje_ray.retrieval.index.arithmetic import direction
from seje_ray.retrieval.index.collection import Query
from seje_ray.store.location import shown
from seje_ray.store.mirror import fetch

NUM_NAMED = 3  # ingredients that name a recipe without a title


def photo_query(encoder: Encoder, photos: Sequence[Path | bytes]) -> Query:
    """A query by one photo, or by the mean of several.

    Args:
        encoder: That embeds.
        photos: Files, or their bytes; at least one.

    Raises:
        QueryError: If one is no usable photo.
    """
    jpegs = [prepared_photo(encoder, photo) for photo in photos]
    names = [shown(str(photo)) if isinstance(photo, Path) else "a photo" for photo in photos]
    return mean_query(seen_queries(encoder, jpegs, names))


def seen_queries(encoder: Encoder, jpegs: Sequence[bytes], names: Sequence[str]) -> list[Query]:
    """A query by each of several photos, which are embedded at once.

    Args:
        encoder: That embeds.
        jpegs: Photos as ``prepared_photo`` gives them.
        names: Of the photos.
    """
    seen = encoder.see(jpegs)
    queries = []
    for name, vector, scores in zip(names, seen.embeddings, seen.class_scores, strict=True):
        named = sorted(
            zip(encoder.photo_classes[1:], scores[1:].tolist(), strict=True), key=_by_score
        )
        shown = tuple(named) if scores.any() else ()
        queries.append(Query(direction(vector), name, is_photo=True, seen=shown))
    return queries


def text_query(encoder: Encoder, text: str) -> Query:
    """A query by words, such as "lemon pasta with capers".

    Raises:
        QueryError: If there are no words, or the training knows none of them.
    """
    if not text.strip():
        raise QueryError("--text: expected words, e.g. lemon pasta with capers, found none")
    return recipe_query(encoder, of_words(text))


def recipe_query(encoder: Encoder, recipe: RecipeText) -> Query:
    """A query by a recipe, or by a part of one: a title alone, or ingredients alone.

    Raises:
        QueryError: If the training knows nothing in it, or instructions have no vectors, since
            calibration was given these.
    """
    return read_queries(encoder, [recipe])[0]


def read_queries(encoder: Encoder, recipes: Sequence[RecipeText]) -> list[Query]:
    """A query by each of several recipes, which are embedded at once; see ``recipe_query``."""
    read = encoder.read(recipes)
    queries = []
    for recipe, vector, found, is_known in zip(
        recipes, read.embeddings, read.features, read.are_known, strict=True
    ):
        category = encoder.category_names[found.category_id] if found.category_id else ""
        name = recipe.title or ", ".join(recipe.ingredients[:NUM_NAMED]) or recipe.id
        if not is_known:
            raise QueryError(
                f"{name}: the training knows none of these words; name ingredients that its "
                "recipes have"
            )
        queries.append(Query(vector, name, key_terms=tuple(found.key_terms), category=category))
    return queries


def mean_query(queries: Sequence[Query]) -> Query:
    """Several queries as one, each of equal weight."""
    if len(queries) == 1:
        return queries[0]
    return Query(
        direction(np.mean([query.vector for query in queries], axis=0)),
        " and ".join(query.text for query in queries),
        is_photo=all(query.is_photo for query in queries),
        key_terms=tuple(dict.fromkeys(term for query in queries for term in query.key_terms)),
        category=next((query.category for query in queries if query.category), ""),
        seen=_mean_seen([query.seen for query in queries if query.seen]),
    )


def first_recipe(path: Path, data: DataConfig) -> Recipe:
    """The first recipe of a file of own data; a title or ingredients alone will do.

    Args:
        path: The file.
        data: Says which keys are which fields, and what stands between lines.

    Raises:
        QueryError: If it has none; says why the first record is none.
    """
    reject: Reject | None = None
    for record in OwnData(path, columns=data.columns, separator=data.separator).read():
        if isinstance(record, Recipe):
            return record
        reject = reject or record
    reason = "it is empty" if reject is None else f"{reject.reason} ({reject.detail})"
    raise QueryError(
        f"{path}: expected recipes as `seje-ray data check` reads them, found none: {reason}"
    )


def text_of(recipe: Recipe) -> RecipeText:
    """The texts of a recipe as it was read."""
    return RecipeText(
        recipe.id, recipe.title, recipe.ingredients, recipe.instructions, recipe.entities
    )


def _mean_seen(seen: Sequence[tuple[tuple[str, float], ...]]) -> tuple[tuple[str, float], ...]:
    """What several photos are seen to show, as one; the likeliest first."""
    if len(seen) < 2:
        return seen[0] if seen else ()
    scores = [dict(one) for one in seen]
    names = dict.fromkeys(name for one in scores for name in one)
    means = [(name, sum(one.get(name, 0.0) for one in scores) / len(scores)) for name in names]
    return tuple(sorted(means, key=_by_score))


def _by_score(named: tuple[str, float]) -> tuple[float, str]:
    return -named[1], named[0]


def prepared_photo(encoder: Encoder, photo: Path | bytes) -> bytes:
    """A photo, a file or its bytes, as the JPEG that the encoder takes.

    Raises:
        QueryError: If it is no usable photo.
    """
    side = encoder.shorter_side
    if isinstance(photo, bytes):
        made = to_jpeg(photo, shorter_side=side)
        if isinstance(made, bytes):
            return made
        reason, detail = made
        raise QueryError(f"the photo: {reason} ({detail}); give a photo, e.g. a JPEG or PNG file")
    loaded = load_image(ImageFile(photo.stem, str(fetch(photo))), shorter_side=side)
    if isinstance(loaded, bytes):
        return loaded
    raise QueryError(f"{photo}: {loaded.reason}; give a photo, e.g. a JPEG or PNG file")
