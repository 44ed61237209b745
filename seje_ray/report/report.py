"""Writes report.json and report.html of one evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seje_ray import __version__
from seje_ray.artifact import Artifact, write_json, write_text
from seje_ray.config import RunConfig, run_to_dict
from seje_ray.report.cards import drawn_rows, examples
from seje_ray.report.evaluation import GalleryLines
from seje_ray.report.gallery_page import gallery_values
from seje_ray.report.page import render
from seje_ray.report.photos import PairBook
from seje_ray.report.plots import training_curves
from seje_ray.report.protocol import Measured
from seje_ray.retrieval.embeddings import Embeddings
from seje_ray.retrieval.galleries import GalleryPlan

NUM_EXAMPLES = 6  # per direction


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Contents of a report."""

    name: str  # of the training or baseline
    partition: str
    run: RunConfig
    recipes: Artifact
    calibrated: Artifact
    galleries: Sequence[GalleryLines]
    plan: GalleryPlan  # that they were drawn by
    members: Sequence[str] = ()  # of an ensemble, by name
    best_epoch: int | None = None  # of a training
    history: Sequence[dict[str, float]] = ()  # one entry per epoch
    embeddings: Artifact | None = None  # of a training; those of a baseline are not kept
    fit: Mapping[str, Any] | None = None  # of a baseline: what was chosen, and from what

    @property
    def is_made_up(self) -> bool:
        """Whether the data is the embedded cookbook."""
        return bool(self.recipes.manifest.facts.get("is_made_up", False))

    @property
    def measured(self) -> Measured:
        """How it was measured."""
        num_pairs = self.calibrated.num_rows(self.partition)
        num_recipes = self.recipes.num_rows(self.partition)
        return Measured(self.plan, num_pairs, {"recipes without a photo": num_recipes - num_pairs})


def write_report(folder: Path, evaluated: Evaluated, embeddings: Embeddings) -> None:
    """Write both files into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "report.html", _html(evaluated, embeddings))
    write_json(folder / "report.json", _facts(evaluated, len(embeddings.ids)))


def _facts(evaluated: Evaluated, num_pairs: int) -> dict[str, Any]:
    calibrated, made = evaluated.calibrated.manifest, evaluated.embeddings
    return {
        "seje_ray_version": __version__,
        "name": evaluated.name,
        "partition": evaluated.partition,
        "num_pairs": num_pairs,
        "is_made_up": evaluated.is_made_up,
        "members": list(evaluated.members),
        "best_epoch": evaluated.best_epoch,
        "fit": None if evaluated.fit is None else dict(evaluated.fit),
        "protocol": evaluated.measured.to_dict(),
        "galleries": [gallery.to_dict() for gallery in evaluated.galleries],
        "data": {
            "recipes": dict(evaluated.recipes.manifest.rows),
            "pairs": dict(calibrated.rows),
            "rejected": rejected_counts(evaluated.recipes, evaluated.calibrated),
            "calibration": dict(calibrated.facts.get("counts", {})),
        },
        "hashes": {
            "recipes": evaluated.recipes.content_hash,
            "calibrated": evaluated.calibrated.content_hash,
            "embeddings": None if made is None else made.content_hash,
        },
        "run": run_to_dict(evaluated.run),
    }


def whose_settings(members: Sequence[str]) -> str:
    """Whose settings a page shows, in words; "" where they are the training's own."""
    if not members:
        return ""
    return f"Those of its first member, {members[0]}; the others have settings of their own."


def rejected_counts(recipes: Artifact, calibrated: Artifact) -> dict[str, int]:
    """Rejected records and photos by reason."""
    return dict(recipes.manifest.rejected) | dict(calibrated.manifest.rejected)


def _html(evaluated: Evaluated, embeddings: Embeddings) -> str:
    book = PairBook(evaluated.calibrated, evaluated.partition)
    rows = drawn_rows(len(embeddings.ids), NUM_EXAMPLES, evaluated.run.seed)
    return render(
        "report.html",
        {
            "title": f"seje_ray: {evaluated.name}",
            "subtitle": f"{evaluated.partition} partition, {len(embeddings.ids):,} pairs; "
            f"seje_ray {__version__}; calibrated data {evaluated.calibrated.content_hash[:12]}",
            "made_up": evaluated.is_made_up,
            **gallery_values(evaluated.galleries, evaluated.measured, embeddings),
            "members": evaluated.members,
            "best_epoch": evaluated.best_epoch,
            "num_epochs": len(evaluated.history),
            "curves": _curves(evaluated),
            "fit": evaluated.fit,
            "hub_weight": _hub_weight(evaluated.embeddings),
            "from_photo": examples(embeddings, book, rows, from_photo=True),
            "from_recipe": examples(embeddings, book, rows, from_photo=False),
            "partitions": partition_rows(evaluated.recipes, evaluated.calibrated),
            "rejected": rejected_counts(evaluated.recipes, evaluated.calibrated),
            "calibration": calibration_text(evaluated.calibrated.manifest.facts),
            "whose": whose_settings(evaluated.members),
            "run": yaml.safe_dump(run_to_dict(evaluated.run), sort_keys=False),
        },
    )


def _curves(evaluated: Evaluated) -> str | None:
    history = evaluated.history
    return training_curves(history, evaluated.best_epoch) if history else None


def _hub_weight(made: Artifact | None) -> float:
    """What the embeddings are corrected by; see ``evaluate.hubness``."""
    return 0.0 if made is None else float(made.manifest.plan.section.get("hubness_weight", 0.0))


def partition_rows(recipes: Artifact, calibrated: Artifact) -> list[dict[str, Any]]:
    """Recipes and pairs of each partition, as texts."""
    pairs = calibrated.manifest.rows
    return [
        {"name": name, "recipes": f"{number:,}", "pairs": f"{pairs.get(name, 0):,}"}
        for name, number in recipes.manifest.rows.items()
    ]


def calibration_text(facts: Mapping[str, Any]) -> str:
    """What a calibration made of the texts, in words."""
    counts = facts.get("counts", {})
    num_lines = max(1, counts.get("lines", 0))
    num_pairs = max(1, counts.get("recipes", 0))
    return (
        f"{facts['num_categories']:,} categories, background included, which holds "
        f"{100 * counts.get('background', 0) / num_pairs:.1f} % of the recipes. Of "
        f"{counts.get('lines', 0):,} ingredient lines, re-examination rescued "
        f"{100 * counts.get('rescued_lines', 0) / num_lines:.1f} % and "
        f"{100 * counts.get('unknown_lines', 0) / num_lines:.1f} % stay without an entity. "
        f"{counts.get('missing_terms', 0):,} of {counts.get('key_terms', 0):,} key terms have no "
        "word vector."
    )
