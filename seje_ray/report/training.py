"""The table that ``seje-ray train`` ends with."""

from pathlib import Path

from seje_ray.console.screen import clock
from seje_ray.console.tables import text_table
from seje_ray.report.evaluation import DIRECTIONS, METRICS
from seje_ray.training.run_manifest import RunManifest
from seje_ray.training.timing import read_timings


def as_text(folder: Path, width: int | None = None) -> str:
    """Result of a finished training on val, and its times; recalls in %.

    Args:
        folder: Of the run, with its manifest, and ``timings.jsonl`` where time was measured.
        width: Columns of the terminal, or None.
    """
    known = RunManifest.read(folder)
    metrics = known.metrics
    ended = "stopped early" if known.stopped_early else "the last allowed"
    rows = []
    for direction, name in DIRECTIONS.items():
        values = {metric: metrics[f"val/{metric}/{direction}"] for metric in METRICS}
        shown = [v if metric == "median_rank" else 100 * v for metric, v in values.items()]
        rows.append([name, *(f"{value:.1f}" for value in shown)])
    made = f"best epoch {known.best_epoch} of {known.num_epochs} ({ended})"
    if known.members:
        made = f"ensemble of {', '.join(known.members)}"
    lines = [
        made,
        text_table(["val", *METRICS.values()], rows, width=width),
    ]
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
        f"time {clock(total_s)}, {num_pairs / train_s:,.0f} pairs/s while training, "
        f"{100 * wait_s / train_s:.0f} % of it waiting for data"
    ]
