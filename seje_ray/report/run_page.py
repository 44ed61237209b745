"""The page of one run, to attach to a paper: everything that is known of it, in one file."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from seje_ray import __version__
from seje_ray.artifact import Artifact, write_text
from seje_ray.config import RunConfig, run_to_dict
from seje_ray.console.screen import clock
from seje_ray.report.by_category import category_lines, confusion_of, nearest_rows
from seje_ray.report.cards import Example, examples
from seje_ray.report.confusion import confusion_picture
from seje_ray.report.embedding_map import MAX_PAIRS, embedding_map, perplexity_of
from seje_ray.report.gallery_curve import by_gallery_size
from seje_ray.report.hardest_pairs import hardest_pairs
from seje_ray.report.measured_lines import metric_table
from seje_ray.report.page import render
from seje_ray.report.photos import PairBook
from seje_ray.report.plots import training_curves
from seje_ray.report.published import PUBLISHED, PUBLISHED_COLUMNS
from seje_ray.report.report import (
    calibration_text,
    partition_rows,
    rejected_counts,
    whose_settings,
)
from seje_ray.report.scale_plot import scale_curve
from seje_ray.report.settings_beside import settings_beside
from seje_ray.retrieval.embeddings import Embeddings

NUM_EXTREMES = 3  # queries of each kind
MAX_CONFUSED = 15  # categories, with their numbers
PACKAGES = ("torch", "torchvision", "timm", "ray", "numpy", "scikit-learn", "transformers")


@dataclass(frozen=True, slots=True)
class Missing:
    """What the page cannot show yet."""

    what: str
    command: str  # that makes it


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Contents of the page."""

    name: str
    partition: str
    run: RunConfig
    preset: tuple[str, RunConfig]  # packaged, and its name
    recipes: Artifact
    calibrated: Artifact
    members: Sequence[str]  # of an ensemble, by name
    best_epoch: int
    stopped_early: bool
    trained_with: str  # version of seje_ray
    history: Sequence[dict[str, float]]
    timings: Sequence[Mapping[str, float]]
    hashes: Mapping[str, str]
    evaluation: Mapping[str, Any] | Missing  # report.json
    embeddings: Embeddings | Missing
    is_corrected: bool  # for hubs
    baselines: Missing | None  # that there are none, or that some are newer than the evaluation
    arithmetic: Sequence[Any] | Missing  # pipeline.index.analogies.Analogy


def write_run_page(path: Path, facts: RunFacts) -> None:
    """Write the page; it holds its pictures and needs no network."""
    recipes, calibrated = facts.recipes, facts.calibrated
    history, made_up = facts.history, bool(recipes.manifest.facts.get("is_made_up", False))
    values = {
        "title": f"seje_ray: {facts.name}",
        "subtitle": f"{facts.partition} partition, {calibrated.num_rows(facts.partition):,} pairs; "
        + _origin(facts),
        "partition": facts.partition,
        "made_up": made_up,
        "preset": facts.preset[0],
        "whose": whose_settings(facts.members),
        "changed": settings_beside(facts.preset[1], facts.run),
        "run": yaml.safe_dump(run_to_dict(facts.run), sort_keys=False),
        "partitions": partition_rows(recipes, calibrated),
        "rejected": rejected_counts(recipes, calibrated),
        "calibration": calibration_text(calibrated.manifest.facts),
        "members": facts.members,
        "seed": facts.run.seed,
        "best_epoch": facts.best_epoch,
        "num_epochs": len(history),
        "ended": "stopped early" if facts.stopped_early else "all that were allowed",
        "times": _times(facts.timings),
        "curves": training_curves(history, facts.best_epoch) if history else None,
        "metric": _metrics(facts.evaluation),
        "baselines": facts.baselines,
        "published_columns": PUBLISHED_COLUMNS,
        "published": PUBLISHED,
        "arithmetic": facts.arithmetic,
        "hashes": facts.hashes,
        "versions": _versions(facts.trained_with),
        "is_corrected": facts.is_corrected,
        "pairs": _of_pairs(facts),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, render("run.html", values))


def _origin(facts: RunFacts) -> str:
    """Run file and seed of a training; what an ensemble is of, since its members have each one."""
    if facts.members:
        return f"run file {facts.run.name}, ensemble of {', '.join(facts.members)}"
    return f"run file {facts.run.name}, seed {facts.run.seed}"


def _metrics(evaluation: Mapping[str, Any] | Missing) -> Missing | list[dict[str, Any]]:
    if isinstance(evaluation, Missing):
        return evaluation
    return [metric_table(gallery) for gallery in evaluation["galleries"]]


def _of_pairs(facts: RunFacts) -> Missing | dict[str, Any]:
    """What is made of the embeddings: sizes, categories, examples, the map."""
    if isinstance(facts.embeddings, Missing):
        return facts.embeddings
    embeddings, seed = facts.embeddings, facts.run.seed
    names = facts.calibrated.manifest.facts["category_names"]
    num_mapped = min(MAX_PAIRS, len(embeddings.ids))
    nearest = nearest_rows(embeddings.image_embeddings, embeddings.recipe_embeddings)
    confusion = confusion_of(nearest, embeddings.category_ids, len(names))
    return {
        "curve": scale_curve(by_gallery_size(embeddings, seed)),
        "confusion": confusion_picture(
            confusion,
            names,
            max_shown=MAX_CONFUSED - 1,
            title="",
            axes_names=("category of the first recipe", "category of the photo"),
        ),
        "same_first": f"{100 * confusion.top_1:.1f} % of {confusion.num_photos:,}",
        "categories": category_lines(nearest, embeddings, names),
        "groups": _extremes(facts, embeddings),
        "map": embedding_map(embeddings, names, seed),
        "num_mapped": num_mapped,
        "perplexity": f"{perplexity_of(2 * num_mapped):.0f}",
    }


def _extremes(facts: RunFacts, embeddings: Embeddings) -> list[tuple[str, list[Example]]]:
    """Best and worst queries both ways, by the lead of the true match over the best wrong one."""
    if len(embeddings.ids) < 2:
        return []
    book = PairBook(facts.calibrated, facts.partition)
    images, recipes = embeddings.image_embeddings, embeddings.recipe_embeddings
    groups = []
    for what, queries, gallery in (
        ("photo", images, recipes),
        ("recipe", recipes, images),
    ):
        ordered = hardest_pairs(queries, gallery, len(queries))
        worst, best = ordered[:NUM_EXTREMES], ordered[::-1][:NUM_EXTREMES]
        for kind, pairs in (("Best", best), ("Worst", worst)):
            rows = [pair.row for pair in pairs]
            shown = examples(embeddings, book, rows, from_photo=what == "photo")
            groups.append((f"{kind} {what}s as queries", shown))
    return groups


def _times(timings: Sequence[Mapping[str, float]]) -> str:
    """Of all epochs whose time is known; "" if there are none."""
    train_s = sum(entry["train_s"] for entry in timings)
    if train_s <= 0:
        return ""
    total_s = train_s + sum(entry["val_s"] for entry in timings)
    num_pairs = sum(entry["pairs_per_s"] * entry["train_s"] for entry in timings)
    workers = f"{timings[-1]['num_workers']:.0f} worker" + "s" * (timings[-1]["num_workers"] > 1)
    return f"{clock(total_s)} on {workers}, {num_pairs / train_s:,.0f} pairs/s while training."


def _versions(trained_with: str) -> dict[str, str]:
    """Of what trained, and of what wrote the page."""
    found = {"trained with seje_ray": trained_with, "this page: seje_ray": __version__}
    found["Python"] = platform.python_version()
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
