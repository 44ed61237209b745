"""The page of a tuning, its table for a terminal, and its TensorBoard HParams."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch.utils.tensorboard import SummaryWriter

from seje_ray import __version__
from seje_ray.artifact import Artifact, write_text
from seje_ray.config import RunConfig, run_to_dict
from seje_ray.console.tables import text_table
from seje_ray.report.page import render
from seje_ray.report.tuning_plots import (
    best_so_far,
    importance_bars,
    learning_curves,
    parallel_coordinates,
)
from seje_ray.store.mirror import push, remove
from seje_ray.tuning.comparison import Row, header, table
from seje_ray.tuning.comparison import as_text as comparison_text
from seje_ray.tuning.importance import Importance, importance_of
from seje_ray.tuning.space import Space, own_point
from seje_ray.tuning.trials import Trial, best_trial

ROLES = {"default": "the run itself", "best": "best settings"}


@dataclass(frozen=True, slots=True)
class TuningPage:
    """Contents of a tuning's page."""

    name: str
    run: RunConfig  # as it was before
    best_run: RunConfig
    space: Space
    trials: Sequence[Trial]
    again: Sequence[Trial]  # with other seeds, named ROLE-sSEED
    calibrated: Artifact
    is_made_up: bool

    @property
    def best(self) -> Trial:
        """The best trial; there is one."""
        found = best_trial(self.trials, self.run.tune.mode)
        assert found is not None
        return found

    @property
    def rows(self) -> list[Row]:
        """The run itself and the best settings, with each seed that was measured."""
        return rows_of(self.again, ROLES)


def rows_of(trials: Sequence[Trial], names: dict[str, str]) -> list[Row]:
    """Trials named ROLE-sSEED as a row per role; those that failed are left out of it."""
    rows = []
    for role, name in names.items():
        own = [trial for trial in trials if trial.name.rpartition("-s")[0] == role]
        if not own:
            continue
        measured = {int(t.name.rpartition("-s")[2]): t.measured for t in own if t.measured}
        failed = [trial.reason for trial in own if trial.state == "failed"]
        rows.append(Row(name, measured, f"{len(failed)} failed: {failed[0]}" if failed else ""))
    return rows


def as_text(page: TuningPage, width: int | None = None) -> str:
    """Output of ``seje-ray tune``, on a terminal of ``width`` columns or in a file."""
    mode, best = page.run.tune.mode, page.best
    own = page.trials[0].best(mode)
    lines = [_counts(page), ""]
    lines.append(
        f"best: trial {best.name}, {page.run.tune.metric} {best.best(mode):.4f} at epoch "
        f"{_best_epoch(best, mode)}; the run itself {'failed' if own is None else f'{own:.4f}'}"
    )
    if page.run.tune.settings:
        lines.insert(1, f"every trial has {common(page.run)}")
    before = own_point(page.run, page.space)
    changed = [
        [key, shown(before.get(key)), f"-> {shown(value)}"] for key, value in best.values.items()
    ]
    lines.append(text_table(None, changed, left=(0, 2), indent=2, width=width))
    rows = page.rows
    for partition in ("val", "test"):
        lines += ["", f"{_seeds(rows)}, {partition} partition:"]
        lines.append(comparison_text(rows, partition, rows[0], width))
    return "\n".join(lines)


def _counts(page: TuningPage) -> str:
    counts = Counter[str](trial.state for trial in page.trials)
    parts = [f"{counts[state]} {text}" for state, text in _STATES.items() if counts[state]]
    return f"{len(page.trials)} trials: {', '.join(parts)}"


_STATES = {"done": "to the end", "stopped": "stopped early", "failed": "failed"}


def _seeds(rows: Sequence[Row]) -> str:
    seeds = sorted({seed for row in rows for seed in row.measured})
    return f"trained again with seeds {', '.join(map(str, seeds))}, which the tuning never used"


def _best_epoch(trial: Trial, mode: str) -> int:
    best = trial.best(mode)
    assert best is not None
    return trial.scores.index(best) + 1


def shown(value: object) -> str:
    """A setting's value for people."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def common(run: RunConfig) -> str:
    """Settings of every trial of a tuning beside the run's."""
    return ", ".join(f"{key}={shown(value)}" for key, value in run.tune.settings.items())


def write_tuning_report(path: Path, page: TuningPage) -> None:
    """Write the page of a tuning as one file."""
    mode, rows = page.run.tune.mode, page.rows
    importance = importance_of(page.space, page.trials, mode)
    before = own_point(page.run, page.space)
    values = {
        "title": f"seje_ray: tuning {page.name}",
        "subtitle": f"{_counts(page)}; {page.run.tune.searcher} with {page.run.tune.scheduler}; "
        f"seje_ray {__version__}; calibrated data {page.calibrated.content_hash[:12]}",
        "made_up": page.is_made_up,
        "metric": page.run.tune.metric,
        "best": page.best.name,
        "common": common(page.run),
        "settings": [
            {"key": key, "before": shown(before.get(key)), "after": shown(value)}
            for key, value in page.best.values.items()
        ],
        "in_tuning": {
            "best": page.best.best(mode),
            "own": page.trials[0].best(mode),
        },
        "seeds": _seeds(rows),
        "header": header(),
        "tables": {p: table(rows, p, rows[0]) for p in ("val", "test")},
        "notes": [row.note for row in rows if row.note],
        "coordinates": parallel_coordinates(page.space, page.trials, mode),
        "importance": importance_bars(importance.shares) if importance else None,
        "explained": _explained(importance),
        "progress": best_so_far(page.trials, mode),
        "curves": learning_curves(page.trials, page.best.name),
        "trials": [_trial_row(trial, page.space, mode) for trial in page.trials],
        "keys": list(page.space),
        "run": yaml.safe_dump(run_to_dict(page.best_run), sort_keys=False),
    }
    write_text(path, render("tuning.html", values))


def _explained(importance: Importance | None) -> str:
    if importance is None:
        return "Too few trials to tell which setting decides."
    share = 100 * importance.explained
    text = f"The forest explains {share:.0f} % of the variance of trials it has not seen. "
    if share <= 20:
        return text + "That is little: take these bars for a hint at best."
    return text + "Trials that were stopped early count by their best epoch until then."


def _trial_row(trial: Trial, space: Space, mode: str) -> dict[str, Any]:
    best = trial.best(mode)
    return {
        "name": trial.name,
        "state": trial.state,
        "score": "-" if best is None else f"{best:.4f}",
        "num_epochs": len(trial.scores),
        "seconds": f"{trial.seconds:.0f}",
        "values": [shown(trial.values[key]) if key in trial.values else "" for key in space],
        "reason": trial.reason,
    }


def write_hparams(folder: Path, trials: Sequence[Trial], metric: str, mode: str) -> None:
    """One TensorBoard run per trial: its settings, its score, and the score by epoch."""
    remove(folder)
    for trial in trials:
        best = trial.best(mode)
        if best is None:
            continue
        settings = {k: "none" if v is None else v for k, v in trial.values.items()}
        with SummaryWriter(str(folder / trial.name)) as writer:
            for epoch, score in enumerate(trial.scores, 1):
                writer.add_scalar(metric, score, epoch)
            writer.add_hparams(settings, {f"best/{metric}": best}, run_name=".")
    push(folder)
