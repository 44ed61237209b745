"""A small calibrated workspace, made without calibrating anything."""

from dataclasses import asdict
from pathlib import Path

from seje_ray.artifact import Plan
from seje_ray.building import begin, build_manifest, finish
from seje_ray.config import RunConfig, with_settings
from seje_ray.workspace import Workspace
from tests.unit.training import tiny_data

SIZES = {"train": [12, 9], "val": [8], "test": [8]}  # recipes of each shard


def calibrated_workspace(folder: Path) -> Workspace:
    """Recipes in name only, and calibrated shards whose pairs can be learned."""
    workspace = Workspace(folder)
    recipes = Plan(kind="recipes", section={}, inputs={}, seed=0)
    partial = begin(workspace.recipes, recipes)
    finish(workspace.recipes, recipes, build_manifest(recipes, partial, facts={"is_made_up": True}))
    calibrated = Plan(kind="calibrated", section={}, inputs={}, seed=0)
    partial = begin(workspace.calibrated, calibrated)
    for partition, sizes in SIZES.items():
        tiny_data.write_shards(partial, partition, sizes)
    facts = tiny_data.origin().facts | {
        "vocabulary_hash": "words",
        "image_features_of": asdict(tiny_data.tiny_run().model.backbone),
    }
    manifest = build_manifest(calibrated, partial, facts=facts)
    finish(workspace.calibrated, calibrated, manifest)
    return workspace


def tiny_run(num_epochs: int = 2, **settings: object) -> RunConfig:
    """A run of a moment on stored features; settings are dotted names with ``__`` for the dot."""
    run = tiny_data.tiny_run(num_epochs=num_epochs, schedule="plateau")
    return with_settings(run, {key.replace("__", "."): value for key, value in settings.items()})
