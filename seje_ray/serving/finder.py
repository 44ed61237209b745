"""Searches in the index: the collection's side of a server. Nothing here reads the model.

Letters: G parts along a photo's side, D joint dimensions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seje_ray.config import load_run
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.recipe1m.records import PARTITIONS
from seje_ray.retrieval.index.collection import Hit, Query
from seje_ray.retrieval.index.side import IndexSide, What
from seje_ray.serving.answers import (
    Bounds,
    CollectionFacts,
    PhotoAnswer,
    RecipeAnswer,
    Shown,
    photo_of,
    recipe_of,
    thumbnail_url,
)
from seje_ray.serving.asked import Options
from seje_ray.serving.failures import not_found
from seje_ray.serving.limits import Limits
from seje_ray.serving.photos import formats

NUM_EXAMPLES = 8
NUM_CATEGORIES = 500  # that a client is told of
EXAMPLE_ROWS = 64  # that are looked at for examples


class Finder:
    """An open index, for one thread at a time."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher, self._index = searcher, searcher.index
        self.run = searcher.trained.folder.name
        workspace = searcher.workspace
        facts = workspace.open_recipes().manifest.facts
        self.is_made_up = bool(facts.get("is_made_up", False))
        self.shorter_side = load_run(workspace.calibrated_run).data.shorter_side  # pixels

    def facts(self, limits: Limits) -> CollectionFacts:
        """What is searched, with examples to begin with."""
        recipes, photos = self._index.recipes, self._index.photos
        one = recipes if recipes is not None else photos
        assert one is not None
        there = set(one.entries.column("partition").unique().to_pylist())
        return CollectionFacts(
            run=self.run,
            is_made_up=self.is_made_up,
            num_recipes=0 if recipes is None else len(recipes),
            num_photos=0 if photos is None else len(photos),
            embedding_dim=int(one.vectors.shape[1]),
            partitions=[name for name in PARTITIONS if name in there],
            categories=list(self._index.categories[:NUM_CATEGORIES]),
            limits=Bounds(
                upload_bytes=limits.upload_bytes,
                photos=limits.photos,
                pixels=limits.pixels,
                text_characters=limits.text_characters,
                results=limits.results,
                terms=limits.terms,
            ),
            formats=formats(),
            examples=self._examples(one),
        )

    def find(self, query: Query, what: What, options: Options) -> tuple[Query, list[Hit]]:
        """The query with its arithmetic, and what is found for it.

        Raises:
            ApiError: If there is no such side.
            SejeError: If a term or a filter is not known.
        """
        self._side(what)
        shifted = self._searcher.shifted(query, options.plus, options.minus)
        filters = options.filters
        return shifted, self._searcher.find(shifted, what, options.count, filters or None)

    def query_of(self, what: What, id_: str) -> Query:
        """The query by a recipe or photo of the index.

        Raises:
            ApiError: If there is none with this id.
        """
        self._side(what)
        query = self._searcher.known_query(what, id_)
        if query is None:
            raise not_found(f"no {_one(what)} has this id")
        return query

    def heat(self, what: What, hits: Sequence[Hit], hidden: np.ndarray) -> list[np.ndarray]:
        """How much of each hit's similarity is lost with each part (G, G) of a photo.

        Args:
            what: Side of the hits.
            hits: What was found.
            hidden: Embeddings (G, G, D) of the photo without each part.
        """
        vectors = self._side(what).vectors
        return [hit.similarity - hidden @ vectors[hit.row] for hit in hits]

    def recipe(self, id_: str) -> RecipeAnswer:
        """A recipe; raises ``ApiError`` if there is none with this id."""
        entry = self._entry("recipes", id_)
        photos = self._index.photos
        there = entry["photos"] if photos is not None else []
        known = [one for one in there if photos is not None and photos.row(one) is not None]
        return recipe_of(entry, known, is_made_up=self.is_made_up)

    def photo(self, id_: str) -> PhotoAnswer:
        """A photo; raises ``ApiError`` if there is none with this id."""
        return photo_of(self._entry("photos", id_), is_made_up=self.is_made_up)

    def thumbnail(self, what: What, id_: str) -> bytes:
        """A small JPEG; raises ``ApiError`` if there is none."""
        jpeg: bytes | None = self._entry(what, id_)["thumbnail"]
        if jpeg is None:
            raise not_found(f"this {_one(what)} has no picture")
        return jpeg

    def _entry(self, what: What, id_: str) -> dict[str, Any]:
        self._side(what)
        entry = self._index.entry(what, id_)
        if entry is None:
            raise not_found(f"no {_one(what)} has this id")
        return entry

    def _side(self, what: What) -> IndexSide:
        side = self._index.recipes if what == "recipes" else self._index.photos
        if side is None:
            raise not_found(f"no {what} are indexed here", f"seje-ray index --what {what}")
        return side

    def _examples(self, side: IndexSide) -> list[Shown]:
        """Rows with pictures, of as many categories as there are."""
        rows = np.flatnonzero(side.is_there)
        if not len(rows):
            return []
        spread = rows[np.unique(np.linspace(0, len(rows) - 1, EXAMPLE_ROWS).astype(np.int64))]
        columns = ["id", "title", "category", "thumbnail"]
        entries = [side.entries.row(int(row), columns) for row in spread]
        shown = [entry for entry in entries if entry["thumbnail"]]
        firsts = {entry["category"]: entry for entry in reversed(shown)}
        chosen = [*firsts.values(), *(one for one in shown if one is not firsts[one["category"]])]
        return [
            Shown(
                kind="recipe" if side.what == "recipes" else "photo",
                id=entry["id"],
                title=entry["title"] or "",
                category=entry["category"],
                thumbnail=thumbnail_url(side.what, entry["id"]),
            )
            for entry in chosen[:NUM_EXAMPLES]
        ]


def _one(what: What) -> str:
    return what.removesuffix("s")
