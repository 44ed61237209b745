"""Interface of the place where commands compute: ``on_ray``'s, or one process, ``local``."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig
from seje_ray.lock import Lease
from seje_ray.pipeline.stage import Fit, ShardStage
from seje_ray.tuning.scheduling import Allotment, Scheduling
from seje_ray.tuning.trial_book import NextPlan, TrialBook


class Session(Protocol):
    """A connection to the machines that compute."""

    def num_training_workers(self, asked: int | None, fewest: int | None = None) -> int:
        """Training processes: as many as are asked for, or as suit the machines.

        Raises:
            ResourceError: If there can never be so many, or the ``fewest`` that would do; nothing
                has begun then.
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

    def train(
        self,
        run: RunConfig,
        calibrated: Artifact,
        folder: Path,
        num_workers: int,
        lease: Lease | None = None,
        min_workers: int | None = None,
    ) -> int:
        """Train to the end, from the last checkpoint in ``folder``; return the number of epochs.

        No checkpoint is committed once the ``lease`` is lost. With ``min_workers`` it goes on with
        any number of processes from there to ``num_workers``.

        Raises:
            SejeError: What a worker raised for the user.
        """
        ...

    def allot(self, num_workers: int, max_concurrent: int | None) -> Allotment:
        """Share the machines among trials of ``num_workers`` processes.

        Raises:
            ResourceError: If they can never hold one such trial, or so many at once.
        """
        ...

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
        """Run the book's unfinished trials, then new ones until ``total`` have ended.

        Args:
            book: What is known of the trials; is kept up to date.
            next_plan: Gives the next trial to begin.
            total: Trials in all.
            allotted: What ``allot`` gave.
            title: Name of the work, a word or two.
            scheduling: What stops or changes trials; None if each goes to its end.

        Raises:
            SejeError: What ``next_plan`` raised.
        """
        ...


class Executor(Protocol):
    """A place to compute: this process, this machine, or a cluster."""

    def session(self, num_workers: int) -> AbstractContextManager[Session]:
        """Hold a connection in which ``num_workers`` training processes run at once.

        Raises:
            ResourceError: If there is none to be had.
        """
        ...
