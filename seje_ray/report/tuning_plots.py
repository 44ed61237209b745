"""Plots of a tuning as SVG text."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from seje_ray.report.page import svg_text
from seje_ray.report.panels import BLUE, GREEN, GREY, ORANGE, SEQUENTIAL, open_axes
from seje_ray.tuning.space import Space, contains, position
from seje_ray.tuning.trials import Trial

LEFT_OUT = -0.12  # where a setting that a trial does not have is drawn


def parallel_coordinates(space: Space, trials: Sequence[Trial], mode: str) -> str:
    """A line per trial through its settings to its score; the best are drawn last and dark."""
    scored = _scored(trials, mode)
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    axes = figure.subplots()
    low, high = _range([score for _, score in scored])
    ordered = sorted(scored, key=lambda pair: pair[1], reverse=mode == "min")
    for trial, score in ordered:
        heights = [
            position(d, trial.values[key])
            if key in trial.values and contains(d, trial.values[key])
            else LEFT_OUT
            for key, d in space.items()
        ]
        share = (score - low) / (high - low)
        quality = share if mode == "max" else 1 - share
        axes.plot(
            range(len(space) + 1), [*heights, share],
            color=SEQUENTIAL(quality), alpha=0.35 + 0.6 * quality, linewidth=0.8 + 1.4 * quality,
        )  # fmt: skip
    for column, (key, dimension) in enumerate(space.items()):
        axes.vlines(column, 0, 1, color=GREY, linewidth=0.8)
        ends = dimension.choice if dimension.choice is not None else dimension.bounds
        for number, value in enumerate(ends):
            height = number / max(1, len(ends) - 1)
            axes.text(column, height, f" {_short(value)}", fontsize=7, va="center")
        axes.text(column, -0.22, key.replace(".", ".\n"), ha="center", va="top", fontsize=8)
    axes.vlines(len(space), 0, 1, color="#000000", linewidth=1.2)
    axes.text(len(space), 1, f" {high:.3f}", fontsize=7, va="center")
    axes.text(len(space), 0, f" {low:.3f}", fontsize=7, va="center")
    axes.text(len(space), -0.22, "score", ha="center", va="top", fontsize=8)
    axes.set_ylim(-0.5, 1.08)
    axes.set_xlim(-0.2, len(space) + 0.5)
    axes.axis("off")
    return svg_text(figure)


def importance_bars(shares: Mapping[str, float]) -> str:
    """A bar per setting, longest first."""
    figure = Figure(figsize=(7, 0.5 + 0.3 * len(shares)), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(shares)), [100 * share for share in shares.values()], color=BLUE)
    axes.set_yticks(range(len(shares)), list(shares), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("share of the forest's prediction, %", fontsize=9)
    open_axes(axes)
    axes.grid(visible=False, axis="y")
    return svg_text(figure)


def best_so_far(trials: Sequence[Trial], mode: str) -> str:
    """The best score against trials that ended, and against time."""
    scored = sorted(_scored(trials, mode), key=lambda pair: pair[0].ended_s)
    scores = np.array([score for _, score in scored])
    accumulate = np.maximum.accumulate if mode == "max" else np.minimum.accumulate
    best = accumulate(scores)
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    numbers = np.arange(1, len(scored) + 1)
    times = np.array([trial.ended_s / 60 for trial, _ in scored])
    for axes, where, label in ((left, numbers, "trials ended"), (right, times, "minutes")):
        axes.scatter(where, scores, s=14, color=GREY, label="a trial")
        axes.step(where, best, where="post", color=GREEN, label="best so far")
        axes.set_xlabel(label, fontsize=9)
        open_axes(axes)
    left.legend(fontsize=8, frameon=False)
    return svg_text(figure)


def learning_curves(trials: Sequence[Trial], best: str) -> str:
    """The score of every trial by epoch; the best one and the run itself stand out."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.subplots()
    special = {best: (GREEN, f"best ({best})"), trials[0].name: (ORANGE, "the run itself")}
    for trial in trials:
        colour, label = special.get(trial.name, ("#b4bac2", None))
        epochs = range(1, len(trial.scores) + 1)
        width = 2.0 if label else 0.9
        axes.plot(
            epochs,
            trial.scores,
            color=colour,
            linewidth=width,
            label=label,
            zorder=2 if label else 1,
            marker="." if len(trial.scores) == 1 else None,
        )
    axes.set_xlabel("epoch", fontsize=9)
    open_axes(axes)
    axes.legend(fontsize=8, frameon=False)
    return svg_text(figure)


def _scored(trials: Sequence[Trial], mode: str) -> list[tuple[Trial, float]]:
    found = [(trial, trial.best(mode)) for trial in trials if trial.state in ("done", "stopped")]
    return [(trial, score) for trial, score in found if score is not None]


def _range(scores: Sequence[float]) -> tuple[float, float]:
    low, high = min(scores), max(scores)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
