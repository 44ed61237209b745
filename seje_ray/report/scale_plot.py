"""What a model reaches in galleries of growing size, as SVG text."""

from collections.abc import Sequence

from seje_ray.report.evaluation import GalleryLines
from seje_ray.report.measured_lines import DIRECTIONS
from seje_ray.report.page import svg_text
from seje_ray.report.panels import GREY, INCHES_OF_ROW, SERIES, logarithmic, panel, round_ticks

SIZES_OF_A_CURVE = 3  # at least
PARTS = {
    "median_rank": ("MedR", 1),
    "recall_at_1": ("R@1 in %", 100),
    "recall_at_10": ("R@10 in %", 100),
}


def scale_curve(galleries: Sequence[GalleryLines]) -> str | None:
    """MedR, R@1 and R@10 of the model and of chance by gallery size; None of fewer than three.

    Args:
        galleries: The model in the first line, chance in the last.
    """
    if len(galleries) < SIZES_OF_A_CURVE:
        return None
    return "".join(_panel(galleries, metric) for metric in PARTS)


def _panel(galleries: Sequence[GalleryLines], metric: str) -> str:
    title, factor = PARTS[metric]
    figure, axes = panel(title, "pairs in the gallery", width=INCHES_OF_ROW / len(PARTS))
    sizes = [gallery.gallery_size for gallery in galleries]
    models, chances = ([gallery.lines[n] for gallery in galleries] for n in (0, -1))
    for (direction, name), colour in zip(DIRECTIONS.items(), SERIES, strict=False):
        key = f"{metric}/{direction}"
        means = [factor * line.means[key] for line in models]
        spread = [factor * line.deviations[key] for line in models]
        axes.errorbar(sizes, means, spread, marker=".", capsize=2, color=colour, label=name)
    expected = [factor * line.means[f"{metric}/{next(iter(DIRECTIONS))}"] for line in chances]
    axes.plot(sizes, expected, "--", color=GREY, linewidth=1, label=chances[0].name)
    logarithmic(axes, "x", round_ticks(sizes[0], sizes[-1], most=7))
    if metric == "median_rank":
        logarithmic(axes, "y", round_ticks(1, max(expected)))
    else:
        axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False)
    return svg_text(figure)
