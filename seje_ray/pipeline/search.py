"""Search: the nearest recipes of a photo, or the nearest photos of a recipe."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seje_ray.artifact import write_text
from seje_ray.calibration.corpus import RecipeText
from seje_ray.config import load_run
from seje_ray.config.data import DataConfig
from seje_ray.features.encoder import Encoder, QueryError
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.measured import measured_run
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.recipe1m.images import load_image
from seje_ray.recipe1m.own_data import OwnData
from seje_ray.recipe1m.records import ImageFile, Recipe, Reject
from seje_ray.report.cards import Card, Example, card
from seje_ray.report.page import photo_uri, render
from seje_ray.report.photos import PairBook
from seje_ray.retrieval.embeddings import Embeddings, load_embeddings
from seje_ray.retrieval.hubness import corrected_images, corrected_recipes, plain_cosine
from seje_ray.retrieval.search import nearest
from seje_ray.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Result:
    """One found pair."""

    rank: int
    similarity: float  # cosine, in [-1, 1]; ranks are by the corrected one where hubs are corrected
    id: str
    image_id: str
    title: str
    is_match: bool  # the query's own pair


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A query and what was found for it, nearest first."""

    query: str
    is_photo: bool  # a photo that looks for recipes; otherwise a recipe that looks for photos
    results: tuple[Result, ...]


class PartitionSearcher:
    """Searches one partition with a training's best checkpoint."""

    def __init__(
        self,
        trained: TrainedRun,
        workspace: Workspace,
        executor: Executor,
        partition: str,
        overrides: Iterable[str] = (),
    ) -> None:
        """Read the partition's embeddings; embed it first where that is not done yet."""
        hubness = measured_run(trained, overrides).evaluate.hubness
        embedded = embed_partition(trained, workspace, executor, partition, hubness)
        self._hub_weight = hubness.weight
        self._embeddings: Embeddings = load_embeddings(embedded.shards(partition))
        calibrated = workspace.open_calibrated()
        self._book = PairBook(calibrated, partition)
        self._trained, self._workspace, self._partition = trained, workspace, partition
        self.examples: list[Example] = []  # one per search, for the page

    @cached_property
    def _encoder(self) -> Encoder:
        """Read for the first query that is none of the partition's pairs."""
        return Encoder.load(self._trained.best_checkpoint, self._workspace)

    def for_photo(self, path: Path, num_results: int) -> SearchResult:
        """Recipes for the photo in ``path``.

        Raises:
            QueryError: If the file is no usable photo.
        """
        side = self._encoder.shorter_side
        jpeg = load_image(ImageFile(path.stem, str(path)), shorter_side=side)
        if not isinstance(jpeg, bytes):
            raise QueryError(f"{path}: {jpeg.reason}; give a photo, e.g. a JPEG or PNG file")
        [query] = self._as_stored(self._encoder.embed_jpegs([jpeg]), corrected_images)
        shown = Card(path.name, photo_uri(jpeg), ())
        return self._search(query, shown, str(path), None, is_photo=True, num=num_results)

    def for_recipe(self, name: str, num_results: int) -> SearchResult:
        """Photos for a recipe: an id of the partition, or a file with a recipe, the first counts.

        The file is read with the workspace's ``data.columns`` and ``data.separator``.

        Raises:
            QueryError: If there is no such recipe, or the file's cannot be embedded.
        """
        if name in self._embeddings.ids:
            return self.for_row(self._embeddings.ids.index(name), num_results, is_photo=False)
        path = Path(name)
        if not path.is_file():
            raise QueryError(
                f"{name}: neither a file nor the id of a recipe of partition "
                f"{self._partition!r}; an id is e.g. {self._embeddings.ids[0]}"
            )
        run = load_run(self._workspace.calibrated_run)
        recipe = first_recipe(path, run.data, is_title_enough=not run.calibrate.needs_ingredients)
        text = RecipeText(
            recipe.id, recipe.title, recipe.ingredients, recipe.instructions, recipe.entities
        )
        shown = Card(recipe.title, "", recipe.ingredients[:8])
        [query] = self._as_stored(self._encoder.embed_recipes([text]), corrected_recipes)
        return self._search(query, shown, recipe.title, None, is_photo=False, num=num_results)

    def for_row(self, row: int, num_results: int, *, is_photo: bool) -> SearchResult:
        """Results for a pair of the partition, by its photo or by its recipe."""
        found = self._embeddings
        rows = found.image_embeddings if is_photo else found.recipe_embeddings
        described = f"photo {found.image_ids[row]}" if is_photo else found.titles[row]
        shown = card(self._book, row)
        return self._search(rows[row], shown, described, row, is_photo=is_photo, num=num_results)

    def write_page(self, path: Path) -> None:
        """Write an HTML page of all searches so far."""
        values: dict[str, Any] = {
            "title": "seje_ray: search",
            "subtitle": f"{self._trained.folder.name}, {self._partition} partition, "
            f"{len(self._embeddings.ids):,} pairs",
            "examples": self.examples,
        }
        write_text(path, render("search.html", values))

    def _as_stored(
        self, rows: np.ndarray, corrected: Callable[[Tensor, None, float], Tensor]
    ) -> np.ndarray:
        """Queries in the space of the stored embeddings, which may be corrected for hubs."""
        if self._hub_weight == 0:
            return rows
        found: np.ndarray = corrected(torch.from_numpy(rows), None, self._hub_weight).numpy()
        return found

    def _cosine(self, query: np.ndarray, row: np.ndarray) -> float:
        """Cosine of a corrected query and a corrected row, as if they were not."""
        return plain_cosine(torch.from_numpy(query), torch.from_numpy(row), self._hub_weight)

    def _search(
        self,
        query: np.ndarray,
        shown: Card,
        text: str,
        own: int | None,
        *,
        is_photo: bool,
        num: int,
    ) -> SearchResult:
        known = self._embeddings
        gallery = known.recipe_embeddings if is_photo else known.image_embeddings
        hits = [
            (row, similarity if self._hub_weight == 0 else self._cosine(query, gallery[row]))
            for row, similarity in nearest(query, gallery, num)
        ]
        cards = tuple(
            card(self._book, row, note=f"{similarity:.2f}", is_match=row == own)
            for row, similarity in hits
        )
        self.examples.append(Example(shown, is_photo, cards))
        results = tuple(
            Result(
                rank,
                similarity,
                known.ids[row],
                known.image_ids[row],
                known.titles[row],
                row == own,
            )
            for rank, (row, similarity) in enumerate(hits, start=1)
        )
        return SearchResult(text, is_photo, results)


def first_recipe(path: Path, data: DataConfig, *, is_title_enough: bool = False) -> Recipe:
    """The first usable recipe of a file of own data.

    Args:
        path: The file.
        data: Says which keys are which fields, and what stands between lines.
        is_title_enough: Whether a title alone is a recipe, as for a training on captions.

    Raises:
        QueryError: If it has none; says why the first record is none.
    """
    reject: Reject | None = None
    for record in OwnData(path, columns=data.columns, separator=data.separator).read():
        if isinstance(record, Recipe):
            if not (is_title_enough or record.ingredients or record.instructions):
                record = Reject(record.id, "no_text", "neither ingredients nor instructions")
            else:
                return record
        reject = reject or record
    reason = "it is empty" if reject is None else f"{reject.reason} ({reject.detail})"
    raise QueryError(
        f"{path}: expected recipes as `seje-ray data check` reads them, found none: {reason}"
    )
