"""The table of a comparison, as Markdown and as a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from matplotlib.figure import Figure

from seje_ray import __version__
from seje_ray.artifact import write_text
from seje_ray.config import RunConfig, run_to_dict
from seje_ray.report.page import render, svg_text
from seje_ray.report.panels import GREEN, GREY, RED, open_axes
from seje_ray.report.tuning import rows_of
from seje_ray.tuning import comparison
from seje_ray.tuning.ablation import FULL, Variation
from seje_ray.tuning.comparison import Row, gain
from seje_ray.tuning.trials import Trial

PARTITIONS = ("test", "val")


@dataclass(frozen=True, slots=True)
class AblationPage:
    """Contents of the tables."""

    name: str
    run: RunConfig
    variations: Sequence[Variation]
    trials: Sequence[Trial]  # named ROLE-sSEED
    is_made_up: bool

    @property
    def rows(self) -> list[Row]:
        """A row per variation, the full model first; one that is the full model shows it."""
        trained = {
            row.name: row for row in rows_of(self.trials, {v.role: v.name for v in self.variations})
        }
        full = trained[FULL]
        return [
            trained.get(v.name) or Row(f"{v.name} (= {FULL})", full.measured)
            for v in self.variations
        ]

    @property
    def seeds(self) -> str:
        """Seeds that were trained."""
        seeds = sorted({seed for row in self.rows for seed in row.measured})
        return ", ".join(map(str, seeds))

    @property
    def notes(self) -> list[str]:
        """Trainings that failed, and rows that are missing."""
        notes = [f"{row.name}: {row.note}" for row in self.rows if row.note]
        if not any("bert" in variation.name for variation in self.variations):
            notes.append("rater bert: no row, since no --text-model was given")
        return notes


EXPLANATION = (
    "Score is R@1 + 0.8 R@5 + 0.6 R@10, mean of both directions; recalls in %; ± after a mean is "
    "the standard deviation over seeds. The paired difference to the full model is the mean over "
    "the seeds, ± half its 95 % confidence interval (Student's t); a row is called better or worse "
    "only where that leaves out 0, which one row in twenty does by chance."
)


def as_markdown(page: AblationPage) -> str:
    """Both tables with what a reader must know."""
    parts = [f"# Ablations: {page.name}", f"Seeds {page.seeds}. {EXPLANATION}"]
    if page.is_made_up:
        parts.append("**Made-up data:** generated recipes and photos.")
    for partition in PARTITIONS:
        rows = page.rows
        parts.append(f"## {partition}\n\n{comparison.as_markdown(rows, partition, rows[0])}")
    parts += [f"- {note}" for note in page.notes]
    return "\n\n".join(parts) + "\n"


def as_text(page: AblationPage, width: int | None = None) -> str:
    """Output of ``seje-ray ablate``, on a terminal of ``width`` columns or in a file."""
    rows = page.rows
    text = comparison.as_text(rows, "test", rows[0], width)
    return "\n".join([f"test partition, seeds {page.seeds}:", text, *page.notes])


def write_ablation_report(path: Path, page: AblationPage) -> None:
    """Write the page as one file."""
    rows = page.rows
    values = {
        "title": f"seje_ray: ablations {page.name}",
        "subtitle": f"seeds {page.seeds}; seje_ray {__version__}",
        "made_up": page.is_made_up,
        "explanation": EXPLANATION,
        "header": comparison.header(),
        "tables": {p: comparison.table(rows, p, rows[0]) for p in PARTITIONS},
        "differences": _differences(rows),
        "notes": page.notes,
        "settings": dict(page.run.tune.settings),
        "run": yaml.safe_dump(run_to_dict(page.run), sort_keys=False),
    }
    write_text(path, render("ablation.html", values))


def _differences(rows: Sequence[Row]) -> str:
    """Each row's paired difference of the test score to the full model, with its interval."""
    metric = "test/selection_score"
    found = [(row.name, gain(row, rows[0], metric)) for row in rows[1:]]
    shown = [(name, g) for name, g in found if g is not None and not name.endswith(f"{FULL})")]
    figure = Figure(figsize=(9, 0.8 + 0.34 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for place, (_, g) in enumerate(shown):
        colour = (GREEN if g.mean > 0 else RED) if g.is_clear else GREY
        half = g.half_width if g.count > 1 else 0.0
        axes.errorbar(g.mean, place, xerr=half, fmt="o", color=colour, capsize=3)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(range(len(shown)), [name for name, _ in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("test score minus the full model's, with 95 % interval", fontsize=9)
    open_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", linewidth=0.6)
    return svg_text(figure)
