"""Everything in this very process, one thing after another: no Ray, no scheduler."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from seje_ray.console.progress import Bars
from seje_ray.distributed.fit_worker import OneFitWorker
from seje_ray.errors import ResourceError
from seje_ray.pipeline.stage import Fit, ShardStage


class LocalExecutor:
    """An ``Executor`` that is this process."""

    def __init__(self, num_threads: int | None = None) -> None:
        """Compute with ``num_threads`` of torch and NumPy; None for as many as they have."""
        self._num_threads = num_threads

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

    def num_training_workers(self, asked: int | None) -> int:
        """One."""
        if asked not in (None, 1):
            raise ResourceError(f"--workers: expected 1, all that one process holds, got {asked}")
        return 1

    def run_shards(self, stage: ShardStage) -> list[dict[str, Any]]:
        """Make one shard after another."""
        if not stage.items:
            return []
        steps = [step.build() for step in stage.steps]
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
        device = "cuda" if torch.cuda.is_available() else "cpu"
        with Bars() as bars:
            for fit in fits:
                fit.run(OneFitWorker(device), bars.bar(fit.title, "steps"))
