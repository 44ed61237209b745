"""A small workspace, calibrated and trained in this process."""

from pathlib import Path

from seje_ray.pipeline.calibrate import calibrate
from seje_ray.pipeline.local import LocalExecutor
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.pipeline.train import train
from seje_ray.workspace import Workspace
from tests.on_ray.tiny import tiny_run

LOCAL = LocalExecutor(num_threads=1)
SIZE = "data.cookbook_recipes=60"


def calibrated_workspace(folder: Path) -> Workspace:
    """The embedded cookbook with the features of phase I."""
    workspace = Workspace(folder)
    calibrate(tiny_run(SIZE), None, workspace, LOCAL)
    return workspace


def own_and_frozen(workspace: Workspace) -> dict[str, TrainedRun]:
    """A training with an image network of its own, and one on the categorizer's features."""
    frozen = ("model.freeze_backbone=true", "model.backbone.weights=categorizer")
    runs = {"own": tiny_run(SIZE, "train.num_epochs=1")}
    runs["frozen"] = tiny_run(SIZE, "train.num_epochs=1", *frozen)
    return {name: train(run, workspace, LOCAL, name=name) for name, run in runs.items()}
