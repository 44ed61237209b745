"""A learning curve as a picture: recall against train pairs, a line for each method."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

COLOURS = ("#c2410c", "#0f766e", "#1d4ed8", "#7c3aed", "#a16207")


def draw_curve(curve: Mapping[str, Mapping[int, Sequence[float]]], path: Path) -> None:
    """Write a PNG.

    Args:
        curve: By method and number of train pairs: R@10 in % of each seed.
        path: Of the picture.
    """
    figure, axes = plt.subplots(figsize=(7.2, 4.2), dpi=160, layout="constrained")
    sizes = sorted({size for points in curve.values() for size in points})
    for number, (name, points) in enumerate(curve.items()):
        colour = COLOURS[number % len(COLOURS)]
        x = sorted(points)
        means = [float(np.mean(points[size])) for size in x]
        axes.plot(x, means, color=colour, marker="o", markersize=5, linewidth=2)
        lows, highs = ([edge(points[size]) for size in x] for edge in (min, max))
        axes.fill_between(x, lows, highs, color=colour, alpha=0.15, linewidth=0)
        axes.annotate(
            name, (x[-1], means[-1]), (8, 0), textcoords="offset points", color=colour, va="center"
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("train pairs")
    axes.set_ylabel("R@10 in %, mean of both directions")
    axes.grid(axis="y", color="#e5e5e5")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    plt.close(figure)
