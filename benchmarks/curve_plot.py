"""A learning curve as a picture: recall against train pairs, a line for each method."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

COLOURS = ("#c2410c", "#0f766e", "#1d4ed8", "#7c3aed", "#a16207")
LABEL_SHARE = 0.055  # of the axis, that a name takes


def spread_out(heights: Sequence[float], gap: float) -> list[float]:
    """Rising heights of names, each at least ``gap`` above the one below and near its own."""
    moved = list(heights)
    for _ in range(len(moved)):
        for low in range(len(moved) - 1):
            lack = gap - (moved[low + 1] - moved[low])
            if lack > 0:
                moved[low] -= lack / 2
                moved[low + 1] += lack / 2
    return moved


def draw_curve(curve: Mapping[str, Mapping[int, Sequence[float]]], path: Path) -> None:
    """Write a PNG.

    Args:
        curve: By method and number of train pairs: R@10 in % of each seed.
        path: Of the picture.
    """
    figure, axes = plt.subplots(figsize=(7.2, 4.2), dpi=160, layout="constrained")
    sizes = sorted({size for points in curve.values() for size in points})
    ends = []
    for number, (name, points) in enumerate(curve.items()):
        colour = COLOURS[number % len(COLOURS)]
        x = sorted(points)
        means = [float(np.mean(points[size])) for size in x]
        axes.plot(x, means, color=colour, marker="o", markersize=5, linewidth=2)
        lows, highs = ([edge(points[size]) for size in x] for edge in (min, max))
        axes.fill_between(x, lows, highs, color=colour, alpha=0.15, linewidth=0)
        ends.append((means[-1], name, x[-1], colour))
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    ends.sort()
    heights = spread_out([end[0] for end in ends], LABEL_SHARE * axes.get_ylim()[1])
    for height, (mean, name, size, colour) in zip(heights, ends, strict=True):
        axes.annotate(
            name,
            (size, height if size == sizes[-1] else mean),
            (8, 0),
            textcoords="offset points",
            color=colour,
            va="center",
        )
    axes.set_xlabel("train pairs")
    axes.set_ylabel("R@10 in %, mean of both directions")
    axes.grid(axis="y", color="#e5e5e5")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    plt.close(figure)
