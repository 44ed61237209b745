"""The index of a collection, open: its recipes and its photos, and what a search finds in them.

Letters: N rows of a side, D dimensions.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from seje_ray.integrity import file_hash
from seje_ray.retrieval.index.filters import Filters, allowed_rows
from seje_ray.retrieval.index.side import BrokenIndexError, IndexSide, What
from seje_ray.retrieval.ranking import RetrievalError
from seje_ray.store.mirror import pull
from seje_ray.workspace import Workspace

CARD = ("id", "partition", "title", "category")
HIT_COLUMNS: dict[What, tuple[str, ...]] = {
    "recipes": (*CARD, "ingredients", "key_terms", "photos"),
    "photos": (*CARD, "recipe", "seen_category", "seen_score"),
}


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for."""

    vector: np.ndarray  # (D,) float32, of length 1
    text: str  # that names it
    is_photo: bool = False  # otherwise a recipe, or words
    key_terms: tuple[str, ...] = ()  # of its recipe, if it has one
    category: str = ""  # of its recipe, "" if it has none
    seen: tuple[tuple[str, float], ...] = ()  # classes and how much a photo shows each, most first
    recipe: str | None = None  # id of the indexed recipe that it is, or is a photo of
    row: tuple[What, int] | None = None  # of the index, that it is


@dataclass(frozen=True, slots=True)
class Hit:
    """A recipe or a photo that was found."""

    rank: int  # from 1
    similarity: float  # cosine, in [-1, 1], also where hubs decide the order, too
    kind: str  # recipe or photo
    id: str
    title: str  # of the recipe
    partition: str
    category: str  # "" if it has none
    recipe: str | None  # id of the recipe; a photo may have none
    photo: str | None  # id of the photo; of a recipe its first one
    ingredients: tuple[str, ...] = ()
    key_terms: tuple[str, ...] = ()
    seen: tuple[tuple[str, float], ...] = ()  # class that a photo shows, and its probability
    row: int = field(default=0, repr=False)  # among the side's


@dataclass(frozen=True)
class Index:
    """All recipes and photos of a workspace as one training sees them; either may be missing."""

    folder: Path
    recipes: IndexSide | None
    photos: IndexSide | None

    @classmethod
    def open(cls, workspace: Workspace, run: str, checkpoint: Path) -> "Index":
        """Open what ``seje-ray index`` made for a training.

        Args:
            workspace: That was indexed.
            run: Name of the training.
            checkpoint: Its best one.

        Raises:
            ArtifactError: If there is none, or it is of another checkpoint or broken.
        """
        weights = file_hash(checkpoint / "model.safetensors")

        def side(what: What) -> IndexSide | None:
            folder = workspace.index(run, what)
            if not pull(folder).is_dir():
                return None
            return IndexSide.open(folder, what, checkpoint, weights)

        recipes, photos = side("recipes"), side("photos")
        folder = workspace.index(run, "recipes").parent
        if recipes is None and photos is None:
            raise BrokenIndexError(f"{folder}: there is no index; run `seje-ray index --run {run}`")
        return cls(folder, recipes, photos)

    def side(self, what: What) -> IndexSide:
        """The recipes, or the photos.

        Raises:
            BrokenIndexError: If they were not indexed.
        """
        found = self.recipes if what == "recipes" else self.photos
        if found is None:
            raise BrokenIndexError(
                f"{self.folder}: holds no {what}; run `seje-ray index --what {what}`"
            )
        return found

    def search(
        self,
        query: Query,
        what: What,
        count: int = 10,
        wanted: Filters | None = None,
        hub_weight: float = 0.0,
    ) -> list[Hit]:
        """The nearest recipes or photos that are as wanted, nearest first.

        Raises:
            ArtifactError: If there are none of this kind in the index.
            RetrievalError: If a number is not finite.
        """
        side = self.side(what)
        allowed = None if wanted is None else allowed_rows(side, self.recipes, wanted)
        try:
            found = side.nearest(query.vector, count, allowed, hub_weight)
        except RetrievalError as error:
            raise BrokenIndexError(
                f"{side.artifact.folder}: {error}; run `seje-ray index --replace`"
            ) from error
        return [self._hit(side, rank, *one) for rank, one in enumerate(found, start=1)]

    def entry(self, what: What, id_: str) -> dict[str, Any] | None:
        """All that is known of a recipe or photo, by the columns' names; None if it is not there.

        ``thumbnail`` is a JPEG's bytes, or None.
        """
        side = self.side(what)
        row = side.row(id_)
        return None if row is None else side.entries.row(row)

    def vector(self, what: What, id_: str) -> np.ndarray | None:
        """The unit vector (D,) of a recipe or photo; None if it is not there."""
        side = self.side(what)
        row = side.row(id_)
        return None if row is None else np.array(side.vectors[row])

    def thumbnail(self, hit: Hit) -> bytes | None:
        """A small JPEG of a hit; None for a recipe without photos."""
        side = self.side("recipes" if hit.kind == "recipe" else "photos")
        found: bytes | None = side.entries.row(hit.row, ["thumbnail"])["thumbnail"]
        return found

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Categories of all that is indexed, the largest first."""
        sides = [side for side in (self.recipes, self.photos) if side is not None]
        counts = pc.value_counts(sides[0].entries.column("category")).to_pylist()
        counts.sort(key=lambda one: (-one["counts"], one["values"] or ""))
        return tuple(one["values"] for one in counts if one["values"])

    def _hit(self, side: IndexSide, rank: int, row: int, similarity: float) -> Hit:
        found = side.entries.row(row, HIT_COLUMNS[side.what])
        shared = (found["id"], found["title"] or "", found["partition"], found["category"] or "")
        if side.what == "recipes":
            return Hit(
                rank, similarity, "recipe", *shared,
                recipe=found["id"],
                photo=next(iter(found["photos"]), None),
                ingredients=tuple(found["ingredients"]),
                key_terms=tuple(found["key_terms"]),
                row=row,
            )  # fmt: skip
        seen = [(found["seen_category"], found["seen_score"])] if found["seen_category"] else []
        lines, terms = self._texts_of(found["recipe"])
        return Hit(
            rank, similarity, "photo", *shared,
            recipe=found["recipe"],
            photo=found["id"],
            ingredients=lines,
            key_terms=terms,
            seen=tuple(seen),
            row=row,
        )  # fmt: skip

    def _texts_of(self, recipe: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Ingredient lines and key terms of a photo's recipe, where recipes are indexed, too."""
        row = None if recipe is None or self.recipes is None else self.recipes.row(recipe)
        if row is None or self.recipes is None:
            return (), ()
        found = self.recipes.entries.row(row, ["ingredients", "key_terms"])
        return tuple(found["ingredients"]), tuple(found["key_terms"])
