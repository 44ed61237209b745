"""The executor of the command line: Ray, embedded or a cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.fit import run_fits
from seje_ray.on_ray.group import default_num_workers, require_resources
from seje_ray.on_ray.shards import run_stage
from seje_ray.pipeline.stage import Fit, ShardStage
from seje_ray.submission.cluster import EMBEDDED, Cluster
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
