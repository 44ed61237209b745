"""What the command ``search`` is asked for, and what is found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seje_ray.features.encoder import QueryError
from seje_ray.features.occlusion import heat_picture, occluded_embeddings
from seje_ray.pipeline.index.page import Answer
from seje_ray.pipeline.index.queries import prepared_photo
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.report.cards import NUM_LINES
from seje_ray.retrieval.index.collection import Hit, Query
from seje_ray.retrieval.index.filters import Filters
from seje_ray.retrieval.index.side import What


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Options of a search; every query that is given counts."""

    images: tuple[Path, ...] = ()
    text: str | None = None
    recipe: str | None = None
    like: str | None = None
    find: What | None = None  # None for what suits the query
    with_: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    heat_map: bool = False

    @property
    def filters(self) -> Filters:
        """What results have to be."""
        return Filters(self.partitions, self.categories, self.with_, self.without)


def searches(searcher: Searcher, asked: Asked, count: int) -> list[Answer]:
    """What is found for the queries together; without one, for an indexed pair both ways.

    Raises:
        QueryError: If a query cannot be used.
        FilterError: If nothing can be as is asked for.
        TermError: If the index does not know a term.
    """
    queries: list[Query] = []
    defaults: list[What] = []
    if asked.images:
        queries.append(searcher.photo_query([path.absolute() for path in asked.images]))
        defaults.append("recipes")
    if asked.text is not None:
        queries.append(searcher.text_query(asked.text))
        defaults.append("recipes")
    if asked.recipe is not None:
        queries.append(searcher.recipe_query(asked.recipe))
        defaults.append("photos")
    if asked.like is not None:
        query, what = searcher.like_query(asked.like)
        queries.append(query)
        defaults.append(what)
    if not queries:
        return [_found(searcher, asked, query, what, count) for query, what in _examples(searcher)]
    query = searcher.shifted(searcher.mean(queries), asked.plus, asked.minus)
    what = asked.find or (defaults[0] if len(set(defaults)) == 1 else "recipes")
    return [_found(searcher, asked, query, what, count)]


def _examples(searcher: Searcher) -> list[tuple[Query, What]]:
    """A pair of the test partition, its photo and its recipe; of another one if there is none."""
    index = searcher.index
    if index.photos is None or index.recipes is None:
        raise QueryError(
            "expected a query (--image, --text, --recipe or --like), found none; an example needs "
            "recipes and photos in the index"
        )
    partitions = np.array(index.photos.entries.column("partition").to_pylist())
    rows = np.flatnonzero(index.photos.is_there & (partitions == "test"))
    row = int(rows[0]) if len(rows) else int(np.flatnonzero(index.photos.is_there)[0])
    recipe = index.photos.entries.row(row, ["recipe"])["recipe"]
    return [
        (searcher.photo_row_query(row), "recipes"),
        (searcher.recipe_query(recipe), "photos"),
    ]


def _found(searcher: Searcher, asked: Asked, query: Query, what: What, count: int) -> Answer:
    hits = tuple(searcher.find(query, what, count, asked.filters))
    photo, lines = _shown(searcher, asked, query)
    pictures: dict[int, bytes] = {}
    if asked.heat_map:
        if not query.is_photo or photo is None or not asked.images:
            raise QueryError("--heat-map: expected a photo as the query, by --image")
        pictures = _heat_pictures(searcher, photo, what, hits)
    return Answer(query, what, hits, photo, lines, pictures)


def _heat_pictures(
    searcher: Searcher, photo: bytes, what: What, hits: Sequence[Hit]
) -> dict[int, bytes]:
    """Rank of each hit -> the photo, red where the similarity of the two rests on it."""
    [whole] = searcher.encoder.embed_jpegs([photo])
    lost = whole - occluded_embeddings(searcher.encoder, photo)
    vectors = searcher.index.side(what).vectors
    return {hit.rank: heat_picture(photo, lost @ vectors[hit.row]) for hit in hits}


def _shown(searcher: Searcher, asked: Asked, query: Query) -> tuple[bytes | None, tuple[str, ...]]:
    """Photo and ingredient lines of a query, for the page."""
    if asked.images:
        return prepared_photo(searcher.encoder, asked.images[0]), ()
    if query.row is None:
        return None, ()
    what, row = query.row
    entry = searcher.index.side(what).entries.row(row)
    return entry["thumbnail"], tuple(entry.get("ingredients", ())[:NUM_LINES])
