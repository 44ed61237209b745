"""Stored evaluations of a training: what a model card may say about how good it is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seje_ray.config import run_from_json
from seje_ray.features.encoder import EncoderParts
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.store.mirror import fetch
from seje_ray.workspace import Workspace

PARTITIONS = ("test", "val", "train")
DECISIVE = ("seed", "model", "loss", "train")  # parts of the run


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A report of this very training."""

    partition: str
    num_pairs: int
    hub_weight: float  # of ``evaluate.hubness``
    seed: int  # of the galleries
    draw: str  # how they are drawn
    galleries: list[dict[str, Any]]  # gallery_size, num_repeats, lines


def stored_evaluations(
    trained: TrainedRun, workspace: Workspace, parts: EncoderParts
) -> list[Evaluation]:
    """Reports of ``seje-ray evaluate``; those of another training of that name are left out."""
    found = []
    for partition in PARTITIONS:
        path = fetch(workspace.report(f"{trained.folder.name}-{partition}") / "report.json")
        if not path.is_file():
            continue
        report = json.loads(path.read_text(encoding="utf-8"))
        protocol = report.get("protocol", {})  # older reports have none: seeded, by the run's
        if _is_of(report, path, trained, parts):
            found.append(
                Evaluation(
                    partition,
                    report["num_pairs"],
                    report["run"]["evaluate"].get("hubness", {}).get("weight", 0.0),
                    protocol.get("seed", report["run"]["seed"]),
                    protocol.get("draw", "seeded"),
                    report["galleries"],
                )
            )
    return found


def _is_of(report: dict[str, Any], path: Path, trained: TrainedRun, parts: EncoderParts) -> bool:
    """Whether a report was made by this checkpoint on these recipes."""
    # Read as a run, so that settings it did not know yet have their defaults.
    measured, run = run_from_json(json.dumps(report["run"]), str(path)), parts.trained.run
    return (
        report["best_epoch"] == trained.best_epoch
        and report["hashes"]["calibrated"] == parts.calibrated.content_hash
        and all(getattr(measured, key) == getattr(run, key) for key in DECISIVE)
    )
