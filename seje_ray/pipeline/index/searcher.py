"""The search of a workspace in Python: a training and its index, read once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seje_ray.calibration.corpus import RecipeText
from seje_ray.config import load_run
from seje_ray.features.encoder import Encoder, QueryError
from seje_ray.pipeline.index.queries import (
    first_recipe,
    mean_query,
    photo_query,
    recipe_query,
    text_of,
    text_query,
)
from seje_ray.pipeline.measured import measured_run
from seje_ray.pipeline.runs import TrainedRun, open_run
from seje_ray.retrieval.index.arithmetic import shifted
from seje_ray.retrieval.index.collection import Hit, Index, Query
from seje_ray.retrieval.index.filters import Filters
from seje_ray.retrieval.index.side import What
from seje_ray.workspace import Workspace


class Searcher:
    """Finds recipes and photos by photos, words and recipes; made by ``open``."""

    def __init__(
        self,
        trained: TrainedRun,
        workspace: Workspace,
        index: Index,
        *,
        hub_weight: float = 0.0,
        device: torch.device | str | None = None,
    ) -> None:
        """Use ``open``, which finds all of this."""
        self.trained, self.workspace, self.index = trained, workspace, index
        self._hub_weight, self._device = hub_weight, device

    @classmethod
    def open(
        cls,
        workspace: Workspace | Path | str = "workspace",
        run: str | None = None,
        *,
        device: torch.device | str | None = None,
        settings: Iterable[str] = (),
    ) -> "Searcher":
        """Open the index of a training; the model is read with the first query.

        Args:
            workspace: Folder of all artifacts.
            run: Name of the training; None for the newest.
            device: Where to embed; None for CUDA if there is one, otherwise the CPU.
            settings: Of ``evaluate``, as ``--set`` has them.

        Raises:
            ArtifactError: If there is no such training or no index of it, or one that is of
                another checkpoint or broken.
        """
        place = workspace if isinstance(workspace, Workspace) else Workspace.at(workspace)
        trained = open_run(place, run)
        weight = measured_run(trained, settings).evaluate.hubness.weight
        index = Index.open(place, trained.folder.name, trained.best_checkpoint)
        return cls(trained, place, index, hub_weight=weight, device=device)

    @cached_property
    def encoder(self) -> Encoder:
        """The model."""
        return Encoder.load(self.trained.best_checkpoint, self.workspace, self._device)

    @property
    def has_hubs(self) -> bool:
        """Whether the index knows the hubs that this search corrects by, if it does."""
        sides = [side for side in (self.index.recipes, self.index.photos) if side is not None]
        return self._hub_weight == 0 or all(side.hubs is not None for side in sides)

    # A query, and what is found for it

    def photo(
        self,
        photos: str | Path | bytes | Sequence[str | Path | bytes],
        count: int = 10,
        *,
        find: What = "recipes",
        wanted: Filters | None = None,
    ) -> list[Hit]:
        """Recipes for a photo, or for the mean of several; files, or their bytes.

        Raises:
            QueryError: If one is no usable photo.
        """
        return self.find(self.photo_query(photos), find, count, wanted)

    def text(
        self, text: str, count: int = 10, *, find: What = "recipes", wanted: Filters | None = None
    ) -> list[Hit]:
        """Recipes for words, such as ``"lemon pasta with capers"``."""
        return self.find(text_query(self.encoder, text), find, count, wanted)

    def recipe(
        self,
        recipe: str | Path | RecipeText,
        count: int = 10,
        *,
        find: What = "photos",
        wanted: Filters | None = None,
    ) -> list[Hit]:
        """Photos for a recipe: an id of the index, a file, or its texts, of which some may do.

        Raises:
            QueryError: If there is no such recipe, or it cannot be embedded.
        """
        return self.find(self.recipe_query(recipe), find, count, wanted)

    def like(self, id_: str, count: int = 10, *, wanted: Filters | None = None) -> list[Hit]:
        """Recipes like a recipe of the index, or photos like one of its photos, without itself.

        Raises:
            QueryError: If there is neither a recipe nor a photo with this id.
        """
        query, what = self.like_query(id_)
        return self.find(query, what, count, wanted)

    def find(
        self, query: Query, what: What, count: int = 10, wanted: Filters | None = None
    ) -> list[Hit]:
        """The nearest recipes or photos of a query, but not the row itself that it is."""
        own = query.row[1] if query.row is not None and query.row[0] == what else None
        num = count if own is None else count + 1
        found = self.index.search(query, what, num, wanted, self._hub_weight)
        others = [hit for hit in found if own is None or hit.row != own]
        return [replace(hit, rank=rank) for rank, hit in enumerate(others[:count], start=1)]

    # Queries alone

    def photo_query(self, photos: str | Path | bytes | Sequence[str | Path | bytes]) -> Query:
        """A query by photos; see ``photo``."""
        several = [photos] if isinstance(photos, str | Path | bytes) else list(photos)
        files = [one if isinstance(one, bytes) else Path(one) for one in several]
        return photo_query(self.encoder, files)

    def text_query(self, text: str) -> Query:
        """A query by words; see ``text``."""
        return text_query(self.encoder, text)

    def photo_row_query(self, row: int) -> Query:
        """A query by a photo of the index."""
        return self._query_of("photos", row)

    def recipe_query(self, recipe: str | Path | RecipeText) -> Query:
        """A query by a recipe; see ``recipe``."""
        if isinstance(recipe, RecipeText):
            return recipe_query(self.encoder, recipe)
        known = self.known_query("recipes", str(recipe))
        if known is not None:
            return known
        path = Path(recipe)
        if not path.is_file():
            raise QueryError(
                f"{recipe}: neither a file nor the id of a recipe of the index; {self._example()}"
            )
        data = load_run(self.workspace.calibrated_run).data
        return recipe_query(self.encoder, text_of(first_recipe(path, data)))

    def like_query(self, id_: str) -> tuple[Query, What]:
        """The query of a row of the index, and which side it is of; see ``like``."""
        for what in ("recipes", "photos"):
            known = self.known_query(what, id_)
            if known is not None:
                return known, what
        raise QueryError(
            f"--like {id_}: neither a recipe nor a photo of the index; {self._example()}"
        )

    def shifted(self, query: Query, plus: Sequence[str] = (), minus: Sequence[str] = ()) -> Query:
        """A query with more of some categories or key terms, and less of others.

        Raises:
            TermError: If the index knows no such term, or nothing is left of the query.
        """
        return shifted(self.index, query, plus, minus, "photos" if query.is_photo else "recipes")

    def mean(self, queries: Sequence[Query]) -> Query:
        """Several queries as one, each of equal weight."""
        return mean_query(queries)

    def known_query(self, what: What, id_: str) -> Query | None:
        """The query of a row of the index by its id; None if it is not there."""
        side = self.index.recipes if what == "recipes" else self.index.photos
        row = None if side is None else side.row(id_)
        return None if row is None else self._query_of(what, row)

    def _query_of(self, what: What, row: int) -> Query:
        side = self.index.side(what)
        entry = side.entries.row(row)
        return Query(
            np.array(side.vectors[row]),
            entry["title"] if what == "recipes" else f"photo {entry['id']}",
            is_photo=what == "photos",
            key_terms=tuple(entry.get("key_terms", ())),
            category=entry["category"] or "",
            seen=_seen(entry),
            recipe=entry["id"] if what == "recipes" else entry["recipe"],
            row=(what, row),
        )

    def _example(self) -> str:
        side = self.index.recipes or self.index.photos
        assert side is not None
        return f"an id is e.g. {side.entries.row(0, ['id'])['id']}"


def _seen(entry: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """What a photo of the index is seen to show; a recipe shows nothing."""
    name = entry.get("seen_category")
    return ((name, entry["seen_score"]),) if name else ()
