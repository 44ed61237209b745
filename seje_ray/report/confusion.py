"""Confusion matrix of an image categorizer, as a picture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from seje_ray.calibration.categorizer_accuracy import Confusion
from seje_ray.report.page import svg_text
from seje_ray.report.panels import SEQUENTIAL, round_ticks

MAX_SHOWN = 40  # categories; more cannot be read
MAX_LETTERS = 22  # of a name
MAX_NUMBERED = 20  # categories whose counts are written into the cells
CELL_INCHES, NUMBERED_INCHES, MARGIN_INCHES = 0.19, 0.36, 2.0


def confusion_picture(
    confusion: Confusion,
    names: Sequence[str],
    *,
    max_shown: int = MAX_SHOWN,
    title: str | None = None,
    axes_names: tuple[str, str] = ("predicted", "true"),
    unit: str = "photos",
) -> str:
    """The confusion matrix as SVG text, photos per cell on a logarithmic colour scale.

    Of more categories than ``max_shown`` those with most mistakes are shown, the more frequent
    of equals; the rest is one row and one column, so that no photo is missing.

    Args:
        confusion: Of C categories.
        names: C category names, background first.
        max_shown: Rows, >= 1, without that of the rest.
        title: Above it; None for the accuracies.
        axes_names: What columns and rows are.
        unit: That is counted.
    """
    if len(names) != len(confusion.counts):
        raise ValueError(f"expected {len(confusion.counts)} category names, got {len(names)}")
    shown = shown_categories(confusion.counts, max_shown)
    counts, num_rest = merged_counts(confusion.counts, shown)
    labels = [_short(names[id_]) for id_ in shown]
    labels += [f"{num_rest} others"] * (len(counts) - len(shown))
    has_numbers = len(labels) <= MAX_NUMBERED
    side = MARGIN_INCHES + (NUMBERED_INCHES if has_numbers else CELL_INCHES) * max(4, len(labels))
    figure = Figure(figsize=(side + (0 if has_numbers else 0.8), side), layout="constrained")
    axes = figure.subplots()
    if confusion.num_photos:
        top = counts[: len(shown), : len(shown)].max()  # the others together would hide the rest
        image = axes.imshow(
            np.ma.masked_equal(counts, 0),
            norm=LogNorm(1, max(2, int(top))),
            cmap=SEQUENTIAL,
            interpolation="none",
        )
        if has_numbers:
            _write_numbers(axes, counts)
        else:
            beyond = "max" if num_rest else "neither"
            bar = figure.colorbar(image, ax=axes, shrink=0.6, extend=beyond)
            ticks = round_ticks(1, max(2, int(top)), most=8)
            bar.set_ticks(ticks, labels=[f"{tick:,g}" for tick in ticks], fontsize=8)
            bar.set_label(unit, fontsize=9)
            bar.minorticks_off()
            bar.outline.set_visible(False)
    _label(axes, labels, axes_names)
    axes.set_title(_title(confusion) if title is None else title, fontsize=10)
    return svg_text(figure)


def _write_numbers(axes: Axes, counts: np.ndarray) -> None:
    """Each count in its cell."""
    for row, column in np.argwhere(counts):
        axes.text(
            column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=7,
            color="#0f1419",
        )  # fmt: skip


def shown_categories(counts: np.ndarray, max_shown: int) -> list[int]:
    """Categories with photos or predictions; of too many those that are part of most mistakes.

    Args:
        counts: (C, C), row is the true category.
        max_shown: Categories, at most.

    Returns:
        Their numbers, rising.
    """
    frequency, predicted = counts.sum(axis=1), counts.sum(axis=0)
    mistakes = frequency + predicted - 2 * counts.diagonal()
    used = np.flatnonzero(frequency + predicted)
    order = used[np.lexsort((used, -frequency[used], -mistakes[used]))]
    return sorted(order[:max_shown].tolist())


def merged_counts(counts: np.ndarray, shown: Sequence[int]) -> tuple[np.ndarray, int]:
    """Rows and columns of ``shown``, then those of all other used categories as one.

    Returns:
        The smaller matrix with the same total, and how many categories its last row stands for;
        there is no such row where that is 0.
    """
    used = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    rest = np.setdiff1d(used, np.asarray(shown, np.int64))
    groups = [np.asarray([id_]) for id_ in shown] + ([rest] if len(rest) else [])
    merged = np.asarray(
        [[counts[np.ix_(rows, columns)].sum() for columns in groups] for rows in groups]
    ).reshape(len(groups), len(groups))
    return merged, len(rest)


def _label(axes: Axes, labels: list[str], names: tuple[str, str]) -> None:
    places = range(len(labels))
    axes.set_xticks(places, labels, rotation=90, fontsize=7)
    axes.set_yticks(places, labels, fontsize=7)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_parse_math(False)  # a dollar in a name is a dollar
    axes.set_xlabel(names[0], fontsize=9)
    axes.set_ylabel(names[1], fontsize=9)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.grid(which="minor", linewidth=0.4)
    axes.tick_params(which="minor", length=0)


def _short(name: str) -> str:
    return name if len(name) <= MAX_LETTERS else name[: MAX_LETTERS - 1] + "…"


def _title(confusion: Confusion) -> str:
    if not confusion.num_photos:
        return "no photo was predicted"
    return (
        f"{confusion.num_photos:,} held-out photos: top-1 {confusion.top_1:.1%}, "
        f"top-5 {confusion.top_5:.1%}"
    )
