"""Handling of a number of the training that is no longer finite."""

import math
from collections.abc import Mapping

import torch.distributed as dist

from seje_ray.artifact import write_json
from seje_ray.distributed.collectives import world_size
from seje_ray.errors import DivergedError
from seje_ray.training.pairs import PairBatch
from seje_ray.training.worker import Worker

FILE = "diverged.json"  # in the run's folder


def require_finite(
    metrics: Mapping[str, float], batch: PairBatch, worker: Worker, *, epoch: int, step: int
) -> None:
    """Raise if a metric of a step is not finite; every worker raises together.

    Before that rank 0 writes ``diverged.json`` into the run's folder: epoch, step, all parts, and
    the recipe ids that each worker held.

    Args:
        metrics: Parts of the loss and gradient norms of the step, the same on every worker.
        batch: This worker's rows of the step.
        worker: This one.
        epoch: 1 for the first.
        step: Of the epoch, 1 for the first.

    Raises:
        DivergedError: Naming epoch, step, the parts that are not finite, and the file.
    """
    broken = [name for name, value in metrics.items() if not math.isfinite(value)]
    if not broken:
        return
    path, ids = worker.folder / FILE, _ids_of_workers(batch)
    if worker.rank == 0:
        # JSON has no word for numbers that are not finite.
        parts = {name: v if math.isfinite(v) else str(v) for name, v in metrics.items()}
        write_json(path, {"epoch": epoch, "step": step, "parts": parts, "ids": ids})
    raise DivergedError(
        f"training diverged: {', '.join(broken)} not finite at epoch {epoch}, step {step}; the "
        f"recipes of this step are in {path}; lower train.learning_rate or loss.soft_margin.scale"
    )


def _ids_of_workers(batch: PairBatch) -> list[list[str]]:
    """Recipe ids of the step, one list per worker in rank order."""
    if world_size() == 1:
        return [list(batch.ids)]
    found: list[list[str]] = [[] for _ in range(world_size())]
    dist.all_gather_object(found, list(batch.ids))
    return found
