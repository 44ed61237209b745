"""The verbs as the command line calls them: on Ray."""

from pathlib import Path
from typing import Any

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.pipeline import ablate as ablation
from seje_ray.pipeline import calibrate as calibration
from seje_ray.pipeline import embed, evaluate
from seje_ray.pipeline import embed_new as new_vectors
from seje_ray.pipeline import train as training
from seje_ray.pipeline import tune as tuning
from seje_ray.pipeline.ablate import Ablated
from seje_ray.pipeline.calibrate import Calibrated
from seje_ray.pipeline.evaluate import EvaluatedRun
from seje_ray.pipeline.index import build as index
from seje_ray.pipeline.index.close import Built
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.pipeline.tune import Tuned
from seje_ray.pipeline.vectors_file import NewVectors
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.workspace import Workspace


def calibrate(
    run: RunConfig,
    data: Path | None,
    workspace: Workspace,
    *,
    cluster: Cluster = EMBEDDED,
    **options: Any,
) -> Calibrated:
    """``pipeline.calibrate.calibrate`` on Ray."""
    return calibration.calibrate(run, data, workspace, RayExecutor(workspace, cluster), **options)


def embed_partition(trained: TrainedRun, workspace: Workspace, partition: str) -> Artifact:
    """``pipeline.embed.embed_partition`` on Ray."""
    return embed.embed_partition(trained, workspace, RayExecutor(workspace), partition)


def embed_new(trained: TrainedRun, workspace: Workspace, out: Path, **inputs: Any) -> NewVectors:
    """``pipeline.embed_new.embed_new`` on Ray."""
    return new_vectors.embed_new(trained, workspace, RayExecutor(workspace), out, **inputs)


def evaluate_run(trained: TrainedRun, workspace: Workspace, **options: Any) -> EvaluatedRun:
    """``pipeline.evaluate.evaluate_run`` on Ray."""
    return evaluate.evaluate_run(trained, workspace, RayExecutor(workspace), **options)


def build_index(trained: TrainedRun, workspace: Workspace, **options: Any) -> list[Built]:
    """``pipeline.index.build.build_index`` on Ray."""
    return index.build_index(trained, workspace, RayExecutor(workspace), **options)


def train(
    run: RunConfig, workspace: Workspace, *, cluster: Cluster = EMBEDDED, **options: Any
) -> TrainedRun:
    """``pipeline.train.train`` on Ray."""
    return training.train(run, workspace, RayExecutor(workspace, cluster), **options)


def tune(run: RunConfig, workspace: Workspace, **options: Any) -> Tuned:
    """``pipeline.tune.tune`` on Ray."""
    return tuning.tune(run, workspace, RayExecutor(workspace), **options)


def ablate(run: RunConfig, workspace: Workspace, **options: Any) -> Ablated:
    """``pipeline.ablate.ablate`` on Ray."""
    return ablation.ablate(run, workspace, RayExecutor(workspace), **options)
