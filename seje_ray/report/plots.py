"""Plots as SVG text."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from seje_ray.report.page import svg_text
from seje_ray.report.panels import (
    BLUE,
    GREY,
    INCHES_OF_ROW,
    SERIES,
    logarithmic,
    panel,
    round_ticks,
)


def training_curves(history: Sequence[dict[str, float]], best_epoch: int | None = None) -> str:
    """Loss parts, and what the model reaches on val, by epoch; three plots."""
    titles = ("loss, train", "R@1 in %, val", "MedR, val")
    loss, recall, rank = (panel(title, "epoch") for title in titles)
    _curves(loss[1], history, {"train/loss": "all parts", "train/retrieval": "retrieval"})
    _curves(recall[1], history, _both("val/recall_at_1"), factor=100)
    _curves(rank[1], history, _both("val/median_rank"))
    recall[1].set_ylim(bottom=0)
    ranks = [entry[key] for entry in history for key in _both("val/median_rank")]
    logarithmic(rank[1], "y", round_ticks(min(ranks), max(ranks)))
    for _, axes in (loss, recall, rank):
        if best_epoch is not None:
            axes.axvline(best_epoch, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
        axes.legend(fontsize=8, frameon=False)
    return "".join(svg_text(figure) for figure, _ in (loss, recall, rank))


def category_terms(terms: Mapping[str, Mapping[str, float]]) -> str:
    """Bars of each category's key terms, longest first; a plot for each category."""
    if not terms:
        return svg_text(panel()[0])
    plots = []
    for name, bars in terms.items():
        figure, axes = panel(_short(name, 30), width=2.5, height=1.9)
        axes.barh(range(len(bars)), list(bars.values()), color=BLUE, height=0.72)
        axes.set_yticks(
            range(len(bars)), [_short(term) for term in bars], fontsize=8, parse_math=False
        )
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.grid(axis="x", linewidth=0.6)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=4)
        plots.append(svg_text(figure))
    return "".join(plots)


def fitting_curves(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Curves of fitting each network: one plot per network and number."""
    curves = [
        (f"{network}, {number}", [entry[number] for entry in history])
        for network, history in histories.items()
        for number in ("loss", "accuracy")
        if history and number in history[0]
    ]
    if not curves:
        return svg_text(panel()[0])
    plots = []
    for title, values in curves:
        figure, axes = panel(title, "epoch", height=2.2)
        axes.plot(range(1, len(values) + 1), values, marker=".", color=BLUE)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        plots.append(svg_text(figure))
    return "".join(plots)


def _short(text: str, num: int = 18) -> str:
    return text if len(text) <= num else text[: num - 1] + "…"


def rank_histogram(ranks: dict[str, np.ndarray], num_pairs: int) -> str:
    """Number of queries by the rank of their true match among ``num_pairs``, both directions."""
    ranked = f"rank of the true match among {num_pairs:,}"
    figure, axes = panel("", ranked, "queries", width=INCHES_OF_ROW, height=2.6)
    top = max(float(values.max()) for values in ranks.values())
    edges = np.unique(np.geomspace(1, max(top, 2) + 1, 24).round())
    for (name, values), colour in zip(ranks.items(), SERIES, strict=False):
        counts = np.histogram(values, edges)[0]
        axes.stairs(counts, edges, fill=True, alpha=0.3, color=colour)
        axes.stairs(counts, edges, linewidth=1.4, color=colour, label=name)
    logarithmic(axes, "x", round_ticks(1, top, most=14))
    axes.set_xlim(1, max(top, 2) + 1)
    axes.legend(fontsize=8, frameon=False)
    return svg_text(figure)


def _both(metric: str) -> dict[str, str]:
    return {
        f"{metric}/image_to_recipe": "image → recipe",
        f"{metric}/recipe_to_image": "recipe → image",
    }


def _curves(
    axes: Axes,
    history: Sequence[Mapping[str, float]],
    keys: Mapping[str, str],
    *,
    factor: float = 1.0,
) -> None:
    epochs = [entry["epoch"] for entry in history]
    marker = "." if len(epochs) == 1 else None
    for (key, label), colour in zip(keys.items(), SERIES, strict=False):
        values = [factor * entry[key] for entry in history]
        axes.plot(epochs, values, color=colour, label=label, marker=marker)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
