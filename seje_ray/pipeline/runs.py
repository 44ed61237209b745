"""Trainings of a workspace."""

import json
from dataclasses import dataclass
from pathlib import Path

from seje_ray.errors import ArtifactError
from seje_ray.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """What a finished training leaves."""

    folder: Path
    best_checkpoint: Path
    best_epoch: int
    metrics: dict[str, float]  # of the best epoch


def open_run(workspace: Workspace, name: str | None) -> TrainedRun:
    """Open the finished training ``name``, or the newest one where it is None.

    Raises:
        ArtifactError: If there is none.
    """
    runs = workspace.runs
    known_runs = sorted(runs.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
    newest = known_runs[-1] if known_runs else runs / "manifest.json"
    path = newest if name is None else runs / name / "manifest.json"
    if not path.is_file():
        others = ", ".join(sorted(p.parent.name for p in known_runs))
        wanted = f"no finished training named {name!r}" if name else "no finished training"
        raise ArtifactError(
            f"{runs}: {wanted}; run `seje-ray train{f' --run {name}' if name else ''}` first"
            + (f", or choose one of {others}" if others else "")
        )
    known = json.loads(path.read_text(encoding="utf-8"))
    folder = path.parent
    return TrainedRun(
        folder, folder / known["best_checkpoint"], known["best_epoch"], known["metrics"]
    )
