"""Evaluation of embeddings beside controls that saw nothing, or only categories."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seje_ray.console.tables import text_table
from seje_ray.retrieval.controls import category_oracle, chance, shuffled_pairs
from seje_ray.retrieval.embeddings import Embeddings
from seje_ray.retrieval.protocol import RetrievalResult, evaluate_retrieval

DIRECTIONS = {"image_to_recipe": "image -> recipe", "recipe_to_image": "recipe -> image"}
METRICS = {
    "median_rank": "MedR",
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
}


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

    def to_dict(self) -> dict[str, Any]:
        """Plain data for report.json."""
        return asdict(self)


def evaluate(
    embeddings: Embeddings,
    *,
    gallery_sizes: Sequence[int],
    num_repeats: int,
    seed: int,
    name: str = "model",
) -> list[GalleryLines]:
    """Rank random galleries with the model and with its three controls.

    Args:
        embeddings: One partition's pairs.
        gallery_sizes: Pairs per gallery; sizes above the partition are cut to it.
        num_repeats: Galleries drawn per size.
        seed: Of the draws.
        name: Of the model's line.

    Source: docs/method.md, rule 6.5.
    """
    sizes = sorted({min(size, len(embeddings.ids)) for size in gallery_sizes})
    return [_lines(embeddings, size, num_repeats, seed, name) for size in sizes]


def _lines(
    embeddings: Embeddings, size: int, num_repeats: int, seed: int, name: str
) -> GalleryLines:
    ids, images = embeddings.ids, embeddings.image_embeddings
    recipes = embeddings.recipe_embeddings
    drawn: dict[str, Any] = {"gallery_size": size, "num_repeats": num_repeats, "seed": seed}
    model = evaluate_retrieval(ids, images, recipes, **drawn)
    oracle = category_oracle(ids, embeddings.category_ids, **drawn)
    shuffled = shuffled_pairs(ids, images, recipes, **drawn)
    return GalleryLines(
        size,
        model.num_repeats,
        (
            _line(name, model),
            _line("category oracle", oracle),
            _line("shuffled pairs", shuffled),
            _line("chance", chance(size)),
        ),
    )


def _line(name: str, result: RetrievalResult) -> EvaluationLine:
    return EvaluationLine(name, result.means(), result.deviations())


def as_text(galleries: Sequence[GalleryLines], width: int | None = None) -> str:
    """The tables that ``seje-ray evaluate`` prints; recalls in %, deviations behind ±.

    Args:
        galleries: What was measured.
        width: Columns of the terminal, or None.
    """
    blocks = []
    for gallery in galleries:
        spread = gallery.num_repeats > 1
        drawn = f"{gallery.num_repeats} galleries" if spread else "one gallery"
        blocks.append(f"{drawn} of {gallery.gallery_size:,} pairs")
        rows: list[list[str]] = []  # one table, so that both directions are equally wide
        for direction, name in DIRECTIONS.items():
            rows.append([name, *METRICS.values()])
            for line in gallery.lines:
                keys = (f"{metric}/{direction}" for metric in METRICS)
                rows.append([line.name, *(as_cell(line, key, spread=spread) for key in keys)])
        blocks[-1] += "\n" + text_table(None, rows, headings=(0, len(rows) // 2), width=width)
    return "\n\n".join(blocks)


def as_cell(line: EvaluationLine, key: str, *, spread: bool) -> str:
    """One number as it is printed: ranks as they are, recalls in %."""
    factor = 1.0 if key.startswith("median_rank") else 100.0
    text = f"{line.means[key] * factor:.1f}"
    return f"{text} ±{line.deviations[key] * factor:.1f}" if spread else text
