"""The measured baselines of a workspace, as lines beside a model's."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seje_ray.config import RunConfig
from seje_ray.report.evaluation import EvaluationLine, GalleryLines
from seje_ray.retrieval.galleries import GalleryPlan
from seje_ray.store.mirror import pull


def beside_baselines(
    galleries: Sequence[GalleryLines],
    folder: Path,
    *,
    partition: str,
    calibrated_hash: str,
    run: RunConfig,
    plan: GalleryPlan,
    num_train: int,
) -> list[GalleryLines]:
    """Galleries with the baselines' lines below the model's, where they are of the same data.

    Args:
        galleries: A model's, the model in the first line.
        folder: Of a workspace's baselines; may be missing.
        partition: That was measured.
        calibrated_hash: Of the calibrated data that was measured.
        run: Of the model, as it was measured.
        plan: Of the galleries.
        num_train: Train pairs of the calibrated data.
    """
    max_pairs = run.train.max_pairs
    num_pairs = num_train if max_pairs is None else min(max_pairs, num_train)
    reports = [
        report
        for report in _reports(folder)
        if report["partition"] == partition
        and report["hashes"]["calibrated"] == calibrated_hash
        and _is_of(report["fit"], max_pairs)
    ]
    notes = [_notes(report, run, plan, num_pairs) for report in reports]
    return [_joined(gallery, list(zip(reports, notes, strict=True))) for gallery in galleries]


def _is_of(fit: dict[str, Any], max_pairs: int | None) -> bool:
    """Whether a baseline was fitted on as many pairs, or on none, which suits every model."""
    return fit["train_pairs"] == 0 or fit.get("max_pairs") == max_pairs


def _reports(folder: Path) -> list[dict[str, Any]]:
    paths = sorted(pull(folder, keeps_own=True).glob("*/report.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _notes(report: dict[str, Any], run: RunConfig, plan: GalleryPlan, num_pairs: int) -> str:
    """What sets a baseline apart from the model that it stands beside, in brackets."""
    fitted, seed = report["fit"]["train_pairs"], report["run"]["seed"]
    notes = {
        f"{fitted:,} of {num_pairs:,} train pairs": 0 < fitted < num_pairs,
        f"seed {seed}": seed != plan.seed,
        "galleries drawn as seeded": plan.draw != "seeded",
        "not corrected for hubs": run.evaluate.hubness.weight > 0,
    }
    told = "; ".join(note for note, holds in notes.items() if holds)
    return f" ({told})" if told else ""


def _joined(gallery: GalleryLines, reports: Sequence[tuple[dict[str, Any], str]]) -> GalleryLines:
    drawn = gallery.gallery_size, gallery.num_repeats
    lines = [
        (EvaluationLine(**measured["lines"][0]), notes)
        for report, notes in reports
        for measured in report["galleries"]
        if (measured["gallery_size"], measured["num_repeats"]) == drawn
    ]
    found = [replace(line, name=line.name + notes) for line, notes in lines]
    first, *others = gallery.lines
    return replace(gallery, lines=(first, *found, *others))
