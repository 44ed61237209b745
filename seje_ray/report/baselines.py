"""The measured baselines of a workspace, as lines beside a model's."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seje_ray.report.evaluation import EvaluationLine, GalleryLines


def beside_baselines(
    galleries: Sequence[GalleryLines],
    folder: Path,
    *,
    partition: str,
    calibrated_hash: str,
    max_pairs: int | None,
) -> list[GalleryLines]:
    """Galleries with the baselines' lines below the model's, where they are of the same data.

    Args:
        galleries: A model's, the model in the first line.
        folder: Of a workspace's baselines; may be missing.
        partition: That was measured.
        calibrated_hash: Of the calibrated data that was measured.
        max_pairs: Train pairs that the model was limited to, or None.
    """
    reports = [
        report
        for report in _reports(folder)
        if report["partition"] == partition
        and report["hashes"]["calibrated"] == calibrated_hash
        and _is_of(report["fit"], max_pairs)
    ]
    return [_joined(gallery, reports) for gallery in galleries]


def _is_of(fit: dict[str, Any], max_pairs: int | None) -> bool:
    """Whether a baseline was fitted on as many pairs, or on none, which suits every model."""
    return fit["train_pairs"] == 0 or fit.get("max_pairs") == max_pairs


def _reports(folder: Path) -> list[dict[str, Any]]:
    paths = sorted(folder.glob("*/report.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _joined(gallery: GalleryLines, reports: Sequence[dict[str, Any]]) -> GalleryLines:
    drawn = gallery.gallery_size, gallery.num_repeats
    found = [
        EvaluationLine(**measured["lines"][0])
        for report in reports
        for measured in report["galleries"]
        if (measured["gallery_size"], measured["num_repeats"]) == drawn
    ]
    first, *others = gallery.lines
    return replace(gallery, lines=(first, *found, *others))
