"""Metrics of a training by epoch: ``history.jsonl`` in its folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from seje_ray.artifact import write_text
from seje_ray.durable import read_json_lines
from seje_ray.store.mirror import fetch

FILE = "history.jsonl"


def write_history(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """One line of metrics per epoch."""
    lines = [json.dumps(entry) for entry in history]
    write_text(folder / FILE, "\n".join(lines) + "\n")


def read_history(folder: Path) -> list[dict[str, float]]:
    """Metrics of each epoch that is done; none where the training has not come so far."""
    return read_json_lines(fetch(folder / FILE))
