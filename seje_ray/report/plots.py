"""Plots as SVG text."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from seje_ray.report.page import svg_text


def training_curves(history: Sequence[dict[str, float]]) -> str:
    """Loss parts, and what the model reaches on val, by epoch."""
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    epochs = [entry["epoch"] for entry in history]
    _curve(left, epochs, history, {"train/loss": "loss", "train/retrieval": "retrieval"})
    _curve(middle, epochs, history, _both("val/recall_at_1", "R@1"))
    _curve(right, epochs, history, _both("val/median_rank", "MedR"))
    right.set_yscale("log")
    for axes, title in zip((left, middle, right), ("train", "val R@1", "val MedR"), strict=True):
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("epoch", fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return svg_text(figure)


def category_terms(terms: Mapping[str, Mapping[str, float]], num_columns: int = 4) -> str:
    """Bars of each category's key terms, longest first."""
    num_rows = max(1, -(-len(terms) // num_columns))
    figure = Figure(figsize=(10, 1.9 * num_rows), layout="constrained")
    grid = figure.subplots(num_rows, num_columns, squeeze=False).flat
    for axes, (name, bars) in zip(grid, terms.items(), strict=False):
        axes.barh(range(len(bars)), list(bars.values()), color="#4a7fb5")
        axes.set_yticks(range(len(bars)), [_short(term) for term in bars], fontsize=7)
        axes.invert_yaxis()
        axes.tick_params(axis="x", labelsize=7)
        axes.set_title(_short(name, 26), fontsize=9)
    for axes in list(grid)[len(terms) :]:
        axes.set_visible(False)
    return svg_text(figure)


def fitting_curves(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Curves of fitting each network: one plot per network and number."""
    curves = [
        (f"{network}: {number}", [entry[number] for entry in history])
        for network, history in histories.items()
        for number in ("loss", "accuracy")
        if history and number in history[0]
    ]
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    grid = figure.subplots(1, max(1, len(curves)), squeeze=False).flat
    for axes, (title, values) in zip(grid, curves, strict=False):
        axes.plot(range(1, len(values) + 1), values, marker=".")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("epoch", fontsize=9)
        axes.grid(alpha=0.3)
    return svg_text(figure)


def _short(text: str, num: int = 18) -> str:
    return text if len(text) <= num else text[: num - 1] + "…"


def rank_histogram(ranks: dict[str, np.ndarray]) -> str:
    """Number of queries by the rank of their true match, in both directions."""
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    top = max(float(values.max()) for values in ranks.values())
    edges = np.unique(np.geomspace(1, max(top, 2) + 1, 24).round())
    for name, values in ranks.items():
        axes.stairs(np.histogram(values, edges)[0], edges, fill=True, alpha=0.45, label=name)
    axes.set_xscale("log")
    axes.set_xlabel("rank of the true match", fontsize=9)
    axes.set_ylabel("queries", fontsize=9)
    axes.legend(fontsize=8)
    return svg_text(figure)


def _both(metric: str, label: str) -> dict[str, str]:
    return {
        f"{metric}/image_to_recipe": f"{label} image → recipe",
        f"{metric}/recipe_to_image": f"{label} recipe → image",
    }


def _curve(
    axes: "object", epochs: list[float], history: Sequence[dict[str, float]], keys: dict[str, str]
) -> None:
    for key, label in keys.items():
        axes.plot(epochs, [h[key] for h in history], marker=".", label=label)  # type: ignore[attr-defined]
