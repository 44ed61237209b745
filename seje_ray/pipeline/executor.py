"""What the verbs need of where they compute; Ray's is in ``on_ray``, one process's in ``local``."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from seje_ray.pipeline.stage import Fit, ShardStage


class Session(Protocol):
    """A connection to the machines that compute."""

    def num_training_workers(self, asked: int | None) -> int:
        """Training processes: as many as are asked for, or as suit the machines.

        Raises:
            ResourceError: If there can never be so many; nothing has begun then.
        """
        ...

    def run_shards(self, stage: ShardStage) -> list[dict[str, Any]]:
        """Make the shards of a stage, in any order; return what its commits give.

        Raises:
            SejeError: What a step raised for the user.
        """
        ...

    def fit(self, fits: Sequence[Fit], num_workers: int) -> None:
        """Fit parts that wait for none of each other, those ``in_group`` by ``num_workers``.

        Raises:
            SejeError: What a fit raised for the user.
        """
        ...


class Executor(Protocol):
    """Where to compute: this process, this machine, or a cluster."""

    def session(self, num_workers: int) -> AbstractContextManager[Session]:
        """Hold a connection in which ``num_workers`` training processes run at once.

        Raises:
            ResourceError: If there is none to be had.
        """
        ...
