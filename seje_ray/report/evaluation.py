"""Evaluation of embeddings beside controls that saw nothing, or only categories."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from seje_ray.console.tables import text_table
from seje_ray.retrieval.controls import category_oracle, chance, model_and_shuffled
from seje_ray.retrieval.galleries import GalleryPlan, draw_galleries, num_left_out
from seje_ray.retrieval.protocol import RECALL_SUM, RetrievalResult

DIRECTIONS = {"image_to_recipe": "image -> recipe", "recipe_to_image": "recipe -> image"}
METRICS = {
    "median_rank": "MedR",
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
}
ALL_METRICS = METRICS | {"mean_reciprocal_rank": "MRR"}  # of a direction
SUM_NAME = "R-sum"
NOT_MEASURED = "-"  # by an older version


class Measurable(Protocol):
    """N pairs; row i of everything belongs to recipe ``ids[i]``."""

    @property
    def ids(self) -> tuple[str, ...]:
        """All different."""

    @property
    def image_embeddings(self) -> np.ndarray:
        """Unit rows (N, D), float32."""

    @property
    def recipe_embeddings(self) -> np.ndarray:
        """Unit rows (N, D), float32."""

    @property
    def category_ids(self) -> np.ndarray | None:
        """Numbers (N,), 0 is background; None where they are not known."""


@dataclass(frozen=True, slots=True)
class EvaluationLine:
    """One model or control on one gallery size."""

    name: str
    means: dict[str, float]  # over the galleries, by metric/direction; recalls in [0, 1]
    deviations: dict[str, float]  # standard deviations over the galleries


@dataclass(frozen=True, slots=True)
class GalleryLines:
    """All lines on galleries of one size."""

    gallery_size: int  # pairs
    num_repeats: int  # galleries drawn; 1 where one gallery holds all pairs
    lines: tuple[EvaluationLine, ...]
    share_left_out: float = 0.0  # of all pairs, in [0, 1]: in none of the galleries

    def to_dict(self) -> dict[str, Any]:
        """Plain data for report.json."""
        return asdict(self)


def evaluate(
    embeddings: Measurable,
    plan: GalleryPlan,
    *,
    name: str = "model",
    report: Callable[[int], object] = lambda done: None,
) -> list[GalleryLines]:
    """Rank galleries with the model and with its controls.

    Args:
        embeddings: One partition's pairs.
        plan: Of the galleries; sizes above the partition are cut to it.
        name: Of the model's line.
        report: Called with the similarities that have been looked at, of ``num_similarities``.

    Source: docs/method.md, rule 6.5.
    """
    done = 0

    def ranked(size: int) -> None:
        nonlocal done
        done += size**2
        report(done)

    return [
        _lines(embeddings, size, repeats, plan, name, ranked)
        for size, repeats in _cut(plan, len(embeddings.ids))
    ]


def num_similarities(plan: GalleryPlan, num_pairs: int) -> int:
    """Similarities of all galleries, by which progress is counted."""
    return sum(size**2 * repeats for size, repeats in _cut(plan, num_pairs))


def _cut(plan: GalleryPlan, num_pairs: int) -> list[tuple[int, int]]:
    """Different sizes, ascending, and the galleries of each; one of all pairs."""
    counts = {min(size, num_pairs): repeats for size, repeats in reversed(plan.counts)}
    return sorted((n, 1 if n == num_pairs else repeats) for n, repeats in counts.items())


def _lines(
    embeddings: Measurable,
    size: int,
    num_repeats: int,
    plan: GalleryPlan,
    name: str,
    report: Callable[[int], object],
) -> GalleryLines:
    ids, categories = embeddings.ids, embeddings.category_ids
    galleries = draw_galleries(
        ids, gallery_size=size, num_repeats=num_repeats, seed=plan.seed, draw=plan.draw
    )
    rows = embeddings.image_embeddings, embeddings.recipe_embeddings
    model, shuffled = model_and_shuffled(ids, *rows, galleries, plan.seed, report)
    controls = {"shuffled pairs": shuffled, "chance": chance(size)}
    if categories is not None:
        controls = {"category oracle": category_oracle(categories, galleries)} | controls
    return GalleryLines(
        size,
        model.num_repeats,
        tuple(line_of(key, result) for key, result in ({name: model} | controls).items()),
        num_left_out(galleries, len(ids)) / len(ids),
    )


def line_of(name: str, result: RetrievalResult) -> EvaluationLine:
    """What a model or control reached."""
    return EvaluationLine(name, result.means(), result.deviations())


def as_text(galleries: Sequence[GalleryLines], width: int | None = None) -> str:
    """The tables that ``seje-ray evaluate`` prints; all but MedR in %, deviations behind ±.

    Args:
        galleries: What was measured.
        width: Columns of the terminal, or None.
    """
    return "\n\n".join(f"{drawn(gallery)}\n{_table(gallery, width)}" for gallery in galleries)


def _table(gallery: GalleryLines, width: int | None) -> str:
    """One table, so that its parts are equally wide."""
    parts = [(name, _keys(key), ALL_METRICS.values()) for key, name in DIRECTIONS.items()]
    parts.append(("both directions", [RECALL_SUM], [SUM_NAME]))  # type: ignore[arg-type]
    rows: list[list[str]] = []
    for heading, keys, names in parts:
        rows.append([heading, *names])
        rows += [
            [line.name, *(as_cell(gallery, line, key) for key in keys)] for line in gallery.lines
        ]
    longest = max(map(len, rows))
    padded = [row + [""] * (longest - len(row)) for row in rows]
    headings = tuple(range(0, len(rows), len(gallery.lines) + 1))
    return text_table(None, padded, headings=headings, width=width)


def _keys(direction: str) -> list[str]:
    return [f"{metric}/{direction}" for metric in ALL_METRICS]


def all_keys() -> list[str]:
    """Keys of a line's cells on a page: both directions, then the sum of recalls."""
    return [key for direction in DIRECTIONS for key in _keys(direction)] + [RECALL_SUM]


def drawn(gallery: GalleryLines) -> str:
    """The galleries in words."""
    several = gallery.num_repeats > 1
    number = f"{gallery.num_repeats} galleries" if several else "one gallery"
    share = 100 * gallery.share_left_out
    left_out = f", {share:.1f} % of the pairs in none" if share > 0 else ""
    return f"{number} of {gallery.gallery_size:,} pairs{left_out}"


def as_cell(gallery: GalleryLines, line: EvaluationLine, key: str) -> str:
    """One number as it is printed: ranks as they are, all else in %."""
    if key not in line.means:
        return NOT_MEASURED
    factor = 1.0 if key.startswith("median_rank") else 100.0
    text = f"{line.means[key] * factor:.1f}"
    spread = gallery.num_repeats > 1
    return f"{text} ±{line.deviations[key] * factor:.1f}" if spread else text
