"""Times within an epoch; apart from the history, which the same seed repeats."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import torch

from seje_ray.artifact import write_text
from seje_ray.distributed.collectives import sum_over_workers
from seje_ray.durable import read_json_lines
from seje_ray.store.mirror import fetch

FILE = "timings.jsonl"  # in the run's folder, one line per epoch
Item = TypeVar("Item")


class EpochClock:
    """Measures one epoch, or what is left of it, on one worker."""

    def __init__(self) -> None:
        self._started, self._wait_s, self._num_steps = time.perf_counter(), 0.0, 0
        self._trained = self._started

    def waiting(self, batches: Iterable[Item]) -> Iterator[Item]:
        """Give the batches, measuring how long each lets the caller wait."""
        source = iter(batches)
        while True:
            asked = time.perf_counter()
            batch = next(source, None)
            self._wait_s += time.perf_counter() - asked
            if batch is None:
                break
            self._num_steps += 1
            yield batch
        self._trained = time.perf_counter()

    def timings(
        self, *, global_batch_size: int, num_workers: int, device: torch.device
    ) -> dict[str, float]:
        """The measured times, means over the workers; every worker calls it, at the epoch's end.

        Returns:
            ``steps`` measured (fewer than the epoch's if it was resumed), ``train_s`` and
            ``val_s`` seconds, ``pairs_per_s`` and ``pairs_per_s_per_worker`` while training, and
            ``data_wait_share`` of the training time in [0, 1].
        """
        now = time.perf_counter()
        own = [self._trained - self._started, now - self._trained, self._wait_s]
        sums = sum_over_workers(torch.tensor(own, dtype=torch.float64, device=device))
        train_s, val_s, wait_s = (sums / num_workers).tolist()
        pairs_per_s = self._num_steps * global_batch_size / train_s if train_s else 0.0
        return {
            "num_workers": float(num_workers),
            "steps": float(self._num_steps),
            "train_s": train_s,
            "val_s": val_s,
            "pairs_per_s": pairs_per_s,
            "pairs_per_s_per_worker": pairs_per_s / num_workers,
            "data_wait_share": wait_s / train_s if train_s else 0.0,
        }


def note_timings(folder: Path, epoch: int, timings: Mapping[str, float]) -> None:
    """Write an epoch's line into the run's folder, in place of its own and later ones."""
    lines = [entry for entry in read_timings(folder) if entry["epoch"] < epoch]
    lines.append({"epoch": float(epoch), **timings})
    write_text(folder / FILE, "".join(f"{json.dumps(entry)}\n" for entry in lines))


def read_timings(folder: Path) -> list[dict[str, float]]:
    """Lines of the run's folder, one per epoch; empty if there are none."""
    return read_json_lines(fetch(folder / FILE))
