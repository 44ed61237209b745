"""The look of all plots: sizes, colours that suit light and dark pages, axes without a box."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#4a7fb5", "#d9772b", "#2a9d6f", "#c8503f", "#8a929c"
OTHERS = ("#9b6bb3", RED, "#b08d2f", "#3aa0a8", "#c06a94", "#6f7fd0", "#7f9a3c")
SERIES = (BLUE, ORANGE, GREEN, *OTHERS)
SEQUENTIAL = LinearSegmentedColormap.from_list("sequential", ["#b9d0e6", BLUE, "#8059a0", RED])
INCHES_OF_ROW = 10.4  # a page is as wide
PANEL_INCHES = 3.3  # three in a row, one on a phone


def panel(
    title: str = "", x: str = "", y: str = "", *, width: float = PANEL_INCHES, height: float = 2.6
) -> tuple[Figure, Axes]:
    """An empty plot; several as SVG text one after another make a row that wraps."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    if title:
        axes.set_title(title, fontsize=10, loc="left", fontweight="bold", parse_math=False)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    open_axes(axes)
    return figure, axes


def open_axes(axes: Axes) -> None:
    """Leave away the box, and draw quiet lines for the values."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(labelsize=8, color=GREY)
    axes.grid(axis="y", linewidth=0.6)
    axes.set_axisbelow(True)


def logarithmic(axes: Axes, which: str, ticks: Sequence[float]) -> None:
    """Set an axis to a logarithmic scale with these numbers written out."""
    labels = [f"{tick:,g}" for tick in ticks]
    if which == "x":
        axes.set_xscale("log")
        axes.set_xticks(ticks, labels, minor=False)
        axes.set_xticks([], minor=True)
    else:
        axes.set_yscale("log")
        axes.set_yticks(ticks, labels, minor=False)
        axes.set_yticks([], minor=True)


def round_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """1, 2, 5, 10, ... from around ``low`` to around ``high``, both > 0; fewer where too many."""
    numbers = [step * 10.0**power for power in range(-3, 8) for step in (1, 2, 5)]
    inside = [number for number in numbers if low / 1.001 <= number <= high * 1.001]
    if len(inside) > most:
        inside = [number for number in inside if f"{number:e}".startswith("1")]
    return inside or [low, high]
