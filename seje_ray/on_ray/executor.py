"""The executor of the command line: Ray, embedded or a cluster."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig
from seje_ray.distributed.process import LocalProcess, default_device
from seje_ray.lock import Lease
from seje_ray.on_ray.connect import connected, num_cpus, num_gpus
from seje_ray.on_ray.group import (
    MAX_RESTARTS,
    GroupMember,
    default_num_workers,
    require_resources,
    run_group,
)
from seje_ray.on_ray.progress import drawn, new_board, reporter
from seje_ray.on_ray.shards import run_stage
from seje_ray.on_ray.train import train_in_group
from seje_ray.on_ray.trial_resources import allot
from seje_ray.pipeline.stage import Fit, ShardStage
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.tuning.scheduling import Allotment, Scheduling
from seje_ray.tuning.trial_book import NextPlan, TrialBook
from seje_ray.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RayExecutor:
    """Computes on Ray what belongs to a workspace that every node sees, or has in a store."""

    workspace: Workspace
    cluster: Cluster = EMBEDDED
    paths: tuple[Path, ...] = ()  # of the user's, beside it, that tasks read or write

    @contextmanager
    def session(self, num_workers: int) -> Iterator["RaySession"]:
        """Hold a connection to Ray; raises as ``connected`` does."""
        with connected(num_workers, self.cluster, self.workspace, self.paths):
            yield RaySession()


class RaySession:
    """A ``Session`` within a connection to Ray."""

    def num_training_workers(self, asked: int | None, fewest: int | None = None) -> int:
        """As many as are asked for, or one per GPU; refuse what the cluster can never hold."""
        workers = asked or default_num_workers()
        require_resources(workers, fewest)
        return workers

    def run_shards(self, stage: ShardStage) -> list[dict[str, Any]]:
        """Stream the shards through Ray Data."""
        return run_stage(stage)

    def fit(self, fits: Sequence[Fit], num_workers: int) -> None:
        """Fit in tasks, and networks in groups of Ray Train."""
        _run_fits(fits, num_workers)

    def train(
        self,
        run: RunConfig,
        calibrated: Artifact,
        folder: Path,
        num_workers: int,
        lease: Lease | None = None,
        min_workers: int | None = None,
    ) -> int:
        """Train in a group of Ray Train processes."""
        return train_in_group(run, calibrated, folder, num_workers, lease, min_workers)

    def allot(self, num_workers: int, max_concurrent: int | None) -> Allotment:
        """Share the cluster."""
        return allot(num_workers, max_concurrent)

    def run_trials(
        self,
        book: TrialBook,
        next_plan: NextPlan,
        *,
        total: int,
        allotted: Allotment,
        title: str,
        scheduling: Scheduling | None = None,
    ) -> None:
        """Run trials with Ray Tune."""
        from seje_ray.on_ray.tune import run_trials

        run_trials(
            book, next_plan, total=total, allotted=allotted, title=title, scheduling=scheduling
        )


def _run_fits(fits: Sequence[Fit], num_workers: int) -> None:
    """Fit networks of several workers one after the other, and everything else in tasks."""
    board = new_board()
    in_groups = [fit for fit in fits if fit.in_group and num_workers > 1]
    alone = [fit for fit in fits if fit not in in_groups]
    gpus, num_on_gpu = num_gpus(), sum(fit.is_network for fit in alone)
    tasks = [
        fit_in_task.options(num_gpus=_gpu_share(gpus, num_on_gpu) if fit.is_network else 0).remote(
            fit, board, max(1, num_cpus() // len(fits))
        )
        for fit in alone
    ]
    with drawn(board, "steps"):
        for fit in in_groups:
            _fit_in_group(fit, board, num_workers)
        while tasks:
            done, tasks = ray.wait(tasks)
            ray.get(done)


def _gpu_share(gpus: int, num_tasks: int) -> float:
    """A whole GPU each if there are enough, otherwise an equal part of one."""
    return 1.0 if gpus >= num_tasks else gpus / num_tasks


@ray.remote(num_cpus=1, max_retries=MAX_RESTARTS)
def fit_in_task(fit: Fit, board: Any, num_threads: int) -> None:
    """Ray task: fit one part in this one process."""
    torch.set_num_threads(min(num_threads, os.cpu_count() or 1))  # CPUs of several nodes
    fit.run(LocalProcess(default_device()), reporter(board, fit.title))


def _fit_in_group(fit: Fit, board: Any, num_workers: int) -> None:
    """Fit a network with Ray Train; its own state is what a restart resumes from."""
    scratch = fit.folder.with_name(f"{fit.folder.name}.ray")
    shutil.rmtree(scratch, ignore_errors=True)  # Ray would take its name for a run to resume
    try:
        run_group(fit_on_worker, {"fit": fit, "board": board}, scratch, num_workers, board)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def fit_on_worker(config: Mapping[str, Any]) -> None:
    """Fit one part in one Ray Train process."""
    workers_here = ray.train.get_context().get_local_world_size()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers_here))
    fit, worker = config["fit"], GroupMember()
    fit.run(worker, reporter(config["board"], fit.title) if worker.rank == 0 else None)
