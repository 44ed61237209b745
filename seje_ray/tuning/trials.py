"""Outcome of each training of a tuning or comparison: one folder, one ``trial.json``.

The folder also holds what to train (``trial_plan``), ``history.jsonl`` and, until the trial ends,
its checkpoints; ``measured.json`` appears when a training has ended by itself.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from seje_ray.artifact import write_json, write_table
from seje_ray.durable import read_json
from seje_ray.store.mirror import fetch, is_mirrored, matching
from seje_ray.training.history import read_history
from seje_ray.tuning.space import Point
from seje_ray.tuning.trial_plan import read_values, under_present_names

State = Literal["waiting", "running", "done", "stopped", "failed"]
ENDED = ("done", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class Trial:
    """Outcome of one training; scores are of the tuning's metric."""

    name: str
    values: Point
    state: State = "waiting"
    reason: str = ""  # why it failed
    scores: tuple[float, ...] = ()  # by epoch
    seconds: float = 0.0  # of training, over all its parts
    ended_s: float = 0.0  # seconds of the tuning, pauses left out, when it ended
    measured: dict[str, float] = field(default_factory=dict)  # with the best checkpoint

    def best(self, mode: str) -> float | None:
        """Score of the best epoch."""
        if not self.scores:
            return None
        return max(self.scores) if mode == "max" else min(self.scores)

    def write(self, folder: Path) -> None:
        """Commit as ``folder/trial.json``."""
        write_json(folder / "trial.json", asdict(self))


def read_trial(folder: Path, metric: str) -> Trial:
    """The trial in ``folder``, as far as it was committed."""
    raw = read_json(fetch(folder / "trial.json"))
    if raw is not None:
        values = under_present_names(raw["values"])
        trial = Trial(**raw | {"scores": tuple(raw["scores"]), "values": values})
    else:
        trial = Trial(folder.name, read_values(folder))
    if trial.state in ENDED:
        return trial
    return replace(trial, scores=tuple(entry[metric] for entry in read_history(folder)))


def read_measured(folder: Path) -> dict[str, float] | None:
    """Measurements at the training's own end; None if it has not ended by itself."""
    known: dict[str, float] | None = read_json(fetch(folder / "measured.json"))
    return known


def write_measured(folder: Path, measured: Mapping[str, float]) -> None:
    """Record that a training has ended by itself, with the result of its best checkpoint."""
    write_json(folder / "measured.json", dict(measured))


def read_failure(folder: Path) -> str | None:
    """Message of the trial's process when it failed; None if it left none."""
    path = fetch(folder / "failure.txt")
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def clear_mirror(trials: Path) -> None:
    """Remove from this machine the checkpoints of trials in a store that have ended since."""
    if is_mirrored(trials):
        for ended in matching(trials, "*/trial.json"):
            for path in ended.parent.glob("checkpoint-*"):
                shutil.rmtree(path, ignore_errors=True)


def best_trial(trials: Sequence[Trial], mode: str) -> Trial | None:
    """The trial with the best score, the earliest of equal ones; stopped trials count too."""
    scored = [trial for trial in trials if trial.scores and trial.state in ("done", "stopped")]
    sign = 1 if mode == "max" else -1
    return max(scored, key=lambda trial: sign * (trial.best(mode) or 0.0), default=None)


def write_trials_table(path: Path, trials: Sequence[Trial], mode: str) -> None:
    """One row per trial as Parquet: state, score, times, and a column per setting."""
    keys = list(dict.fromkeys(key for trial in trials for key in trial.values))
    columns: dict[str, Any] = {
        "trial": [trial.name for trial in trials],
        "state": [trial.state for trial in trials],
        "reason": [trial.reason for trial in trials],
        "score": pa.array([trial.best(mode) for trial in trials], pa.float64()),
        "num_epochs": [len(trial.scores) for trial in trials],
        "seconds": [trial.seconds for trial in trials],
        "ended_s": [trial.ended_s for trial in trials],
    }
    for key in keys:
        columns[key] = _column([trial.values.get(key) for trial in trials])
    write_table(path, pa.table(columns))


def _column(values: list[Any]) -> pa.Array:
    """Values of one setting; as text where they mix types."""
    numbers = all(v is None or isinstance(v, (int, float)) for v in values)
    if numbers and not any(isinstance(v, bool) for v in values):
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    same = len({type(v) for v in values if v is not None}) == 1
    return pa.array(values if same else [None if v is None else str(v) for v in values])
