"""How results fall with the size of the gallery."""

from collections.abc import Mapping

from matplotlib.ticker import MaxNLocator

from seje_ray.report.page import svg_text
from seje_ray.report.panels import GREY, SERIES, logarithmic, panel, round_ticks
from seje_ray.retrieval.controls import chance
from seje_ray.retrieval.embeddings import Embeddings
from seje_ray.retrieval.protocol import RetrievalResult, evaluate_retrieval

SIZES = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
NUM_REPEATS = 10
LABELS = {"image_to_recipe": "image → recipe", "recipe_to_image": "recipe → image"}


def by_gallery_size(embeddings: Embeddings, seed: int) -> dict[int, RetrievalResult]:
    """Results on galleries of rising size, up to all pairs or 10,000 of them."""
    num_pairs = len(embeddings.ids)
    sizes = [size for size in SIZES if size < num_pairs]
    if num_pairs <= SIZES[-1]:
        sizes.append(num_pairs)
    return {
        size: evaluate_retrieval(
            embeddings.ids,
            embeddings.image_embeddings,
            embeddings.recipe_embeddings,
            gallery_size=size,
            num_repeats=NUM_REPEATS,
            seed=seed,
        )
        for size in sizes
    }


def gallery_curve(results: Mapping[int, RetrievalResult]) -> str:
    """MedR and R@10 against the gallery's size, with what chance has; two plots as SVG text."""
    plots = []
    for metric, title, factor in (("median_rank", "MedR", 1), ("recall_at_10", "R@10 in %", 100)):
        figure, axes = panel(title, "pairs in the gallery", width=4.9, height=3.0)
        sizes = list(results)
        for (direction, label), colour in zip(LABELS.items(), SERIES, strict=False):
            key = f"{metric}/{direction}"
            means = [factor * results[size].means()[key] for size in sizes]
            spread = [factor * results[size].deviations()[key] for size in sizes]
            low = [m - s for m, s in zip(means, spread, strict=True)]
            high = [m + s for m, s in zip(means, spread, strict=True)]
            axes.plot(sizes, means, color=colour, marker=".", label=label)
            axes.fill_between(sizes, low, high, color=colour, alpha=0.18, linewidth=0)
        by_chance = [factor * chance(size).means()[f"{metric}/image_to_recipe"] for size in sizes]
        axes.plot(sizes, by_chance, color=GREY, linestyle="--", linewidth=1, label="chance")
        logarithmic(axes, "x", round_ticks(min(sizes), max(sizes)))
        if metric == "median_rank":
            logarithmic(axes, "y", round_ticks(1, max(by_chance)))
            axes.set_ylim(bottom=0.9)
        else:
            axes.set_ylim(0, 102)
            axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.legend(fontsize=8, frameon=False)
        plots.append(svg_text(figure))
    return "".join(plots)
