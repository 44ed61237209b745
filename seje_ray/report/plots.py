"""Plots as SVG text."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure


def training_curves(history: Sequence[dict[str, float]]) -> str:
    """Loss parts, and what the model reaches on val, by epoch."""
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    epochs = [entry["epoch"] for entry in history]
    _curve(left, epochs, history, {"train/loss": "loss", "train/triplet": "triplet"})
    _curve(middle, epochs, history, _both("val/recall_at_1", "R@1"))
    _curve(right, epochs, history, _both("val/median_rank", "MedR"))
    right.set_yscale("log")
    for axes, title in zip((left, middle, right), ("train", "val R@1", "val MedR"), strict=True):
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("epoch", fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return _svg(figure)


def rank_histogram(ranks: dict[str, np.ndarray]) -> str:
    """How many queries find their match at which rank, by direction."""
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
    return _svg(figure)


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


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
