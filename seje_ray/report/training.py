"""The table that ``seje-ray train`` ends with."""

import json
from pathlib import Path

from seje_ray.report.evaluation import DIRECTIONS, METRICS
from seje_ray.training.timing import read_timings


def as_text(folder: Path) -> str:
    """What a finished training reached on val and how long it took; recalls in %.

    Args:
        folder: Of the run, with ``manifest.json``, and ``timings.jsonl`` where time was measured.
    """
    known = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    metrics = known["metrics"]
    ended = "stopped early" if known["stopped_early"] else "the last allowed"
    lines = [
        f"best epoch {known['best_epoch']} of {known['num_epochs']} ({ended})",
        f"{'val':<16}" + "".join(f"{name:>7}" for name in METRICS.values()),
    ]
    for direction, name in DIRECTIONS.items():
        values = {metric: metrics[f"val/{metric}/{direction}"] for metric in METRICS}
        shown = [v if metric == "median_rank" else 100 * v for metric, v in values.items()]
        lines.append(f"{name:<16}" + "".join(f"{value:>7.1f}" for value in shown))
    return "\n".join([*lines, *_times(folder)])


def _times(folder: Path) -> list[str]:
    """Time of all measured epochs; what a kill threw away is not in it."""
    timings = read_timings(folder)
    train_s = sum(entry["train_s"] for entry in timings)
    if train_s <= 0:
        return []
    total_s = train_s + sum(entry["val_s"] for entry in timings)
    num_pairs = sum(entry["pairs_per_s"] * entry["train_s"] for entry in timings)
    wait_s = sum(entry["data_wait_share"] * entry["train_s"] for entry in timings)
    return [
        f"time {_clock(total_s)}, {num_pairs / train_s:,.0f} pairs/s while training, "
        f"{100 * wait_s / train_s:.0f} % of it waiting for data"
    ]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
