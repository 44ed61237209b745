"""Everything in this very process, one thing after another: no Ray, no scheduler."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig
from seje_ray.console.progress import Bars
from seje_ray.distributed.process import LocalProcess, default_device
from seje_ray.errors import ResourceError, SejeError, WorkspaceError
from seje_ray.freed_memory import keep_freed_memory
from seje_ray.lock import Lease
from seje_ray.pipeline.stage import Fit, ShardStage
from seje_ray.pipeline.trial_training import TrialWorker, train_trial
from seje_ray.training.history import read_history
from seje_ray.training.loaders import loaders_of, origin_of
from seje_ray.training.loop import Trainer
from seje_ray.training.worker import LocalWorker
from seje_ray.tuning.scheduling import Allotment, Scheduling
from seje_ray.tuning.trial_book import NextPlan, TrialBook
from seje_ray.tuning.trials import ENDED, read_measured


class LocalExecutor:
    """An ``Executor`` that is this process."""

    def __init__(self, num_threads: int | None = None) -> None:
        """Compute with ``num_threads`` of torch and NumPy; None for as many as they have."""
        self._num_threads = num_threads
        keep_freed_memory()

    @contextmanager
    def session(self, num_workers: int) -> Iterator["LocalSession"]:
        """Nothing has to be connected."""
        before = torch.get_num_threads()
        torch.set_num_threads(self._num_threads or before)
        try:
            with threadpool_limits(self._num_threads):
                yield LocalSession()
        finally:
            torch.set_num_threads(before)


class LocalSession:
    """A ``Session`` in one process."""

    def num_training_workers(self, asked: int | None, fewest: int | None = None) -> int:
        """One."""
        if asked not in (None, 1) and fewest != 1:
            raise ResourceError(f"--workers: expected 1, all that one process holds, got {asked}")
        return 1

    def run_shards(self, stage: ShardStage) -> list[dict[str, Any]]:
        """Make one shard after another."""
        if not stage.items:
            return []
        steps = [step.built() for step in stage.steps]
        rows = []
        with Bars() as bars:
            total = stage.num_done + len(stage.items)
            report = bars.bar(stage.title, "shards", total, stage.num_done)
            for number, item in enumerate(stage.items, stage.num_done + 1):
                table = stage.read(item)
                if table is not None:
                    for change in steps:
                        table = change(item, table)
                    rows.append(stage.commit(item, table))
                report(number)
        return rows

    def fit(self, fits: Sequence[Fit], num_workers: int) -> None:
        """Fit one part after another."""
        with Bars() as bars:
            for fit in fits:
                fit.run(LocalProcess(default_device()), bars.bar(fit.title, "steps"))

    def train(
        self,
        run: RunConfig,
        calibrated: Artifact,
        folder: Path,
        num_workers: int,
        lease: Lease | None = None,
        min_workers: int | None = None,
    ) -> int:
        """Train in this process."""
        worker = LocalWorker(folder, default_device(), lease)
        loaders = loaders_of(run, calibrated, worker)
        return Trainer(run, origin_of(run, calibrated), loaders, worker).fit().num_epochs

    def allot(self, num_workers: int, max_concurrent: int | None) -> Allotment:
        """One trial at a time."""
        return Allotment(1, self.num_training_workers(num_workers))

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
        """Run one trial after another, each to its end: none is stopped early.

        Raises:
            SejeError: If trials were to continue from each other's checkpoints, side by side.
        """
        if scheduling is not None and scheduling.hands_over:
            raise SejeError(
                f"tune.scheduler: expected asha or none where one trial runs after another, got "
                f"{scheduling.run.tune.scheduler}, whose trials run side by side; tune on Ray"
            )
        for name in book.unfinished():
            self._run_trial(book, name)
        while sum(trial.state in ENDED for trial in book.trials.values()) < total:
            plan = next_plan(book)
            if plan is None:
                return
            book.begin(plan)
            self._run_trial(book, plan.name)

    def train_trial(self, book: TrialBook, name: str) -> None:
        """Train a trial to its end."""
        plan, workspace = book.plan(name), book.workspace
        worker = TrialWorker(book.folder / name, book.metric, workspace.lease)
        train_trial(plan, plan.open_calibrated(workspace), workspace, worker)

    def _run_trial(self, book: TrialBook, name: str) -> None:
        """Train a trial, and commit how it went."""
        folder, began = book.folder / name, time.monotonic()
        before, state, reason = book.elapsed_s, "done", ""
        try:
            self.train_trial(book, name)
        except WorkspaceError:  # says nothing of the trial: repeated, it goes on
            raise
        except SejeError as error:
            state, reason = "failed", str(error)
        seconds = time.monotonic() - began
        book.end(
            name,
            state=state,
            reason=reason,
            scores=tuple(entry[book.metric] for entry in read_history(folder)),
            measured=read_measured(folder) or {},
            seconds=book.trials[name].seconds + seconds,
            ended_s=before + seconds,
        )
