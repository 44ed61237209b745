"""Resources of each trial on a cluster, decided before the first one starts."""

import math
from typing import Any

import ray

from seje_ray.errors import ResourceError
from seje_ray.on_ray.connect import num_cpus, num_gpus
from seje_ray.tuning.scheduling import Allotment


def allot(num_workers: int, max_concurrent: int | None) -> Allotment:
    """Share the cluster among trials of ``num_workers`` processes.

    Raises:
        ResourceError: If the cluster can never hold one such trial, or ``max_concurrent`` of them
            at once: groups that wait for each other's workers would wait for ever.
    """
    if num_workers < 1:
        raise ResourceError(f"--workers-per-trial must be at least 1, got {num_workers}")
    if max_concurrent is not None and max_concurrent < 1:
        raise ResourceError(f"--max-concurrent must be at least 1, got {max_concurrent}")
    cpus, gpus = int(ray.cluster_resources().get("CPU", 0)), num_gpus()
    if num_workers == 1:
        return _own_process(cpus, gpus, max_concurrent)
    return _groups(cpus, gpus, num_workers, max_concurrent)


def groups_that_fit(cpus: int, gpus: int, num_workers: int, num_nodes: int = 1) -> int:
    """Groups that a cluster holds at once, each worker with a CPU and its share of a GPU.

    A driver takes a hundredth of a CPU, which costs its node a worker's place.
    """
    fit = 0
    while (fit + 1) * num_workers + min(fit + 1, num_nodes) <= cpus:
        fit += 1
    if gpus:
        per_gpu = math.ceil(num_workers / gpus)
        fit = min(fit, gpus * per_gpu // num_workers)
    return fit


def _own_process(cpus: int, gpus: int, max_concurrent: int | None) -> Allotment:
    """A GPU or the part of one that its share allows; CPUs likewise."""
    concurrent = max_concurrent or gpus or num_cpus()
    share: dict[str, Any] = {"cpu": _hundredths(min(1.0, cpus / concurrent))}
    if share["cpu"] == 0:
        raise ResourceError(
            f"--max-concurrent {concurrent}: expected at most {100 * cpus} trials on {cpus} CPUs"
        )
    if gpus:
        share["gpu"] = 1 / math.ceil(concurrent / gpus)
    return Allotment(concurrent, 1, share, max(1, num_cpus() // concurrent))


def _groups(cpus: int, gpus: int, num_workers: int, max_concurrent: int | None) -> Allotment:
    num_nodes = sum(node["Alive"] for node in ray.nodes())
    fit = groups_that_fit(cpus, gpus, num_workers, num_nodes)
    if fit < (max_concurrent or 1):
        wanted = max_concurrent or 1
        raise ResourceError(
            f"--workers-per-trial {num_workers}: {wanted} of such trials at once need "
            f"{wanted * num_workers} CPUs and one for their drivers, the cluster has {cpus} CPUs "
            f"and {gpus} GPUs; lower --workers-per-trial or --max-concurrent, or add nodes"
        )
    # On a machine with fewer cores than Ray counts, groups beside each other only slow down.
    sensible = max(1, min(fit, (gpus or num_cpus()) // num_workers))
    return Allotment(max_concurrent or sensible, num_workers, {"cpu": 0.01})


def _hundredths(value: float) -> float:
    return math.floor(100 * value) / 100
