"""Work on other machines than the command's, in one process: each has a mirror of its own.

A mirror lies under the same path on every machine, so before a piece of work the command's mirror
is moved aside and the other machine's is put in its place. What one machine reads of another has
to go through the store then.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig
from seje_ray.lock import Lease
from seje_ray.pipeline.local import LocalExecutor, LocalSession
from seje_ray.pipeline.stage import Fit, ShardStage
from seje_ray.tuning.trial_book import TrialBook


class Machines:
    """Mirrors of several machines, of which one at a time is in place.

    Args:
        mirror: Folder of all mirrors, as every machine names it.
        aside: Where those lie that are not in place.
    """

    def __init__(self, mirror: Path, aside: Path) -> None:
        self._mirror, self._aside = mirror, aside
        self._numbers = count()
        aside.mkdir()
        mirror.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Work on the machine of a name, whose mirror begins empty."""
        own, other = self._aside / f"command-{next(self._numbers)}", self._aside / name
        self._mirror.rename(own)
        other.mkdir(exist_ok=True)
        other.rename(self._mirror)
        try:
            yield
        finally:
            self._mirror.rename(other)
            own.rename(self._mirror)

    @contextmanager
    def on_a_new_one(self) -> Iterator[None]:
        """Work on a machine that has nothing yet."""
        with self.on(f"new-{next(self._numbers)}"):
            yield


class ElsewhereExecutor(LocalExecutor):
    """One thing after another, each on a machine that is not the command's."""

    def __init__(self, machines: Machines) -> None:
        super().__init__(num_threads=1)
        self._machines = machines

    @contextmanager
    def session(self, num_workers: int) -> Iterator["ElsewhereSession"]:
        """Nothing has to be connected."""
        with super().session(num_workers):
            yield ElsewhereSession(self._machines)


class ElsewhereSession(LocalSession):
    """Reads, steps and commits of a shard, fits and trainings on a machine each."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines

    def run_shards(self, stage: ShardStage) -> list[dict[str, Any]]:
        """Every step on a machine of its own, every read and commit on a new one."""
        steps = []
        for number, step in enumerate(stage.steps if stage.items else ()):
            with self._machines.on(f"{stage.title}-{number}"):
                steps.append(step.built())
        rows = []
        for item in stage.items:
            with self._machines.on_a_new_one():
                table = stage.read(item)
            if table is None:
                continue
            for number, change in enumerate(steps):
                with self._machines.on(f"{stage.title}-{number}"):
                    table = change(item, table)
            with self._machines.on_a_new_one():
                rows.append(stage.commit(item, table))
        return rows

    def fit(self, fits: Sequence[Fit], num_workers: int) -> None:
        """Each part on a machine of its own."""
        for fit in fits:
            with self._machines.on_a_new_one():
                super().fit([fit], num_workers)

    def train(
        self,
        run: RunConfig,
        calibrated: Artifact,
        folder: Path,
        num_workers: int,
        lease: Lease | None = None,
        min_workers: int | None = None,
    ) -> int:
        """On a machine that has nothing yet."""
        with self._machines.on_a_new_one():
            return super().train(run, calibrated, folder, num_workers, lease, min_workers)

    def train_trial(self, book: TrialBook, name: str) -> None:
        """Likewise."""
        with self._machines.on_a_new_one():
            super().train_trial(book, name)
