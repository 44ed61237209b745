"""The executor of the command line: Ray, embedded or a cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.fit import run_fits
from seje_ray.on_ray.group import default_num_workers, require_resources
from seje_ray.on_ray.shards import run_stage
from seje_ray.on_ray.train import train_in_group
from seje_ray.on_ray.trial_resources import allot
from seje_ray.on_ray.tune import run_trials
from seje_ray.pipeline.stage import Fit, ShardStage
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.tuning.scheduling import Allotment, Scheduling
from seje_ray.tuning.trial_book import NextPlan, TrialBook
from seje_ray.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RayExecutor:
    """Computes on Ray what belongs to a workspace that every node sees."""

    workspace: Workspace
    cluster: Cluster = EMBEDDED

    @contextmanager
    def session(self, num_workers: int) -> Iterator["RaySession"]:
        """Hold a connection to Ray; raises as ``connected`` does."""
        with connected(num_workers, self.cluster, self.workspace):
            yield RaySession()


class RaySession:
    """A ``Session`` within a connection to Ray."""

    def num_training_workers(self, asked: int | None) -> int:
        """As many as are asked for, or one per GPU; refuse what the cluster can never hold."""
        workers = asked or default_num_workers()
        require_resources(workers)
        return workers

    def run_shards(self, stage: ShardStage) -> list[dict[str, Any]]:
        """Stream the shards through Ray Data."""
        return run_stage(stage)

    def fit(self, fits: Sequence[Fit], num_workers: int) -> None:
        """Fit in tasks, and networks in groups of Ray Train."""
        run_fits(fits, num_workers)

    def train(self, run: RunConfig, calibrated: Artifact, folder: Path, num_workers: int) -> int:
        """Train in a group of Ray Train processes."""
        return train_in_group(run, calibrated, folder, num_workers)

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
        run_trials(
            book, next_plan, total=total, allotted=allotted, title=title, scheduling=scheduling
        )
