"""Trainings of several settings with the same seeds, beside each other and paired by seed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from seje_ray.console.tables import text_table

SHOWN = {  # metric without its partition -> its name in tables
    "selection_score": "score",
    "median_rank/image_to_recipe": "MedR i→r",
    "recall_at_1/image_to_recipe": "R@1 i→r",
    "recall_at_10/image_to_recipe": "R@10 i→r",
    "median_rank/recipe_to_image": "MedR r→i",
    "recall_at_1/recipe_to_image": "R@1 r→i",
    "recall_at_10/recipe_to_image": "R@10 r→i",
}
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: what was measured with each seed."""

    name: str
    measured: Mapping[int, Mapping[str, float]]  # seed -> metric -> value
    note: str = ""  # why it stands for another row, or is missing

    def values(self, metric: str) -> dict[int, float]:
        """One metric by seed."""
        return {seed: known[metric] for seed, known in sorted(self.measured.items())}


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation over seeds."""

    mean: float
    deviation: float  # of a sample; nan for one seed
    count: int


@dataclass(frozen=True, slots=True)
class Gain:
    """Mean of the differences of two rows, seed by seed."""

    mean: float
    half_width: float  # of its 95 % confidence interval (Student's t); inf for one seed
    count: int  # seeds that both have

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return abs(self.mean) > self.half_width


def spread(row: Row, metric: str) -> Spread | None:
    """Mean and deviation of a row, or None if nothing was measured."""
    values = list(row.values(metric).values())
    if not values:
        return None
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return Spread(float(np.mean(values)), deviation, len(values))


def gain(row: Row, base: Row, metric: str) -> Gain | None:
    """Mean gain of ``row`` over ``base`` on the seeds they share; None if they share none."""
    own, other = row.values(metric), base.values(metric)
    differences = [own[seed] - other[seed] for seed in own if seed in other]
    if not differences:
        return None
    count = len(differences)
    half = math.inf
    if count > 1:
        error = float(np.std(differences, ddof=1)) / math.sqrt(count)
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return Gain(float(np.mean(differences)), half, count)


def cell(found: Spread | None, metric: str) -> str:
    """Mean and deviation as printed: recalls in %."""
    if found is None:
        return "-"
    factor, digits = _scale(metric)
    text = f"{found.mean * factor:.{digits}f}"
    return (
        text if math.isnan(found.deviation) else f"{text} ± {found.deviation * factor:.{digits}f}"
    )


def gain_cell(found: Gain | None, metric: str) -> str:
    """A difference with its confidence interval, and whether it is clear of 0."""
    if found is None:
        return "-"
    factor, digits = _scale(metric)
    text = f"{found.mean * factor:+.{digits}f}"
    if math.isinf(found.half_width):
        return text
    return f"{text} ± {found.half_width * factor:.{digits}f}"


def verdict(found: Gain | None, *, higher_is_better: bool = True) -> str:
    """A difference in a word."""
    if found is None:
        return ""
    if found.count < 2:
        return "one seed"
    if not found.is_clear:
        return "within noise"
    return "better" if (found.mean > 0) == higher_is_better else "worse"


def table(rows: Sequence[Row], partition: str, base: Row) -> list[list[str]]:
    """Cells of a table: name, each metric, and the paired difference of the score to ``base``."""
    lines = []
    score = f"{partition}/selection_score"
    for row in rows:
        cells = [cell(spread(row, f"{partition}/{key}"), key) for key in SHOWN]
        difference = None if row is base else gain(row, base, score)
        cells[1:1] = [gain_cell(difference, score), verdict(difference)]
        lines.append([row.name, *cells])
    return lines


def header() -> list[str]:
    """Column names of ``table``."""
    names = list(SHOWN.values())
    return ["", names[0], "paired difference", "", *names[1:]]


def as_markdown(rows: Sequence[Row], partition: str, base: Row) -> str:
    """``table`` as Markdown."""
    lines = [header(), ["---"] * (len(SHOWN) + 3), *table(rows, partition, base)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def as_text(rows: Sequence[Row], partition: str, base: Row, width: int | None = None) -> str:
    """``table`` with aligned columns, on a terminal of ``width`` columns or in a file."""
    return text_table(header(), table(rows, partition, base), left=(0, 3), width=width)


def _scale(metric: str) -> tuple[float, int]:
    if "recall" in metric:
        return 100.0, 1
    return (1.0, 1) if "median_rank" in metric else (1.0, 3)
