"""Training of a classifier by any number of workers, epoch by epoch and resumable.

Letters: B rows of this worker, C categories.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seje_ray.calibration.fit_epochs import History, RunningMeans, fit_epochs
from seje_ray.console.report import Report
from seje_ray.distributed.batch_norm import count_rows
from seje_ray.distributed.process import Process
from seje_ray.random_streams import Stream, torch_seed

WARMUP_SHARE, FINAL_SHARE = 1 / 25, 1e-4  # of the peak learning rate, at first and last step


@dataclass(frozen=True, slots=True)
class ClassifierBatch:
    """One worker's rows of a global batch; at least one, since every worker takes every step."""

    inputs: Tensor  # (B, ...)
    category_ids: Tensor  # (B,) int64
    num_rows: int  # of all workers
    are_own: bool = True  # False: a row of no weight, of a worker that would have none

    @property
    def share(self) -> float:
        """Share of these rows in the global batch, in [0, 1]."""
        return len(self.category_ids) / self.num_rows if self.are_own else 0.0


Batches = Callable[[int], Iterator[ClassifierBatch]]  # of an epoch


@dataclass(frozen=True, slots=True)
class ClassifierTask:
    """A module and its batches."""

    trained: nn.Module  # from inputs to scores (B, C) float32
    batches: Batches  # as many on every worker
    num_batches: int  # of an epoch


def train_classifier(
    task: ClassifierTask,
    epochs: int,
    learning_rate: float,
    seed: int,
    worker: Process,
    state_folder: Path | None,
    progress: Report | None,
) -> History:
    """Train for the epochs that are not done yet: AdamW, one-cycle rate, cross entropy.

    Every worker computes its rows of each batch, so that the number of workers changes the speed
    and no number; only what the module itself draws, such as dropout, differs.

    Args:
        task: The module and its batches.
        epochs: Passes over the batches, with those that are done.
        learning_rate: Peak.
        seed: Of what the module itself draws.
        worker: Which of the processes that train together this is; the module is on its device.
        state_folder: Where each finished epoch is kept; called again, training resumes there.
        progress: Called with (done, total, text); a unit is a batch.

    Returns:
        Loss and accuracy of each epoch, those that were done before included; over all workers.

    Raises:
        DivergedError: If a loss is NaN or infinite; on all workers.
    """
    num_steps = epochs * task.num_batches
    task.trained.train()
    optimizer = torch.optim.AdamW(task.trained.parameters(), lr=learning_rate)
    trained = worker.wrap(task.trained)

    def epoch(number: int, means: RunningMeans) -> Iterator[int]:
        with _seeded(worker, seed, number):
            for done, batch in enumerate(task.batches(number)):
                factor = one_cycle(number * task.num_batches + done, num_steps)
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate * factor
                _step(trained, optimizer, batch, worker, means)
                yield done + 1

    return fit_epochs(
        task.trained,
        optimizer,
        epoch,
        title="image categorizer",
        means_of=("loss", "accuracy"),
        num_epochs=epochs,
        num_units=task.num_batches,
        process=worker,
        state_folder=state_folder,
        progress=progress,
    )


def one_cycle(step: int, num_steps: int) -> float:
    """Share of the peak learning rate at ``step`` of ``num_steps``.

    A cosine from 1/25 to 1 in the first three tenths of the steps, then one to 1/10,000.
    """
    rise = 0.3 * (num_steps - 1)
    fall = max(1.0, num_steps - 1 - rise)
    if step < rise:
        return _cosine(WARMUP_SHARE, 1.0, step / rise)
    return _cosine(1.0, FINAL_SHARE, (step - rise) / fall)


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def _step(
    trained: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: ClassifierBatch,
    worker: Process,
    means: RunningMeans,
) -> None:
    """One step; adds the global batch's loss, and whether a row's likeliest category is its own."""
    inputs, category_ids = (x.to(worker.device) for x in (batch.inputs, batch.category_ids))
    count_rows(trained, batch.are_own)
    with bf16_on_cuda(worker.device):
        scores = trained(inputs)
    loss = F.cross_entropy(scores, category_ids) * batch.share
    optimizer.zero_grad()
    (loss * worker.world_size).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    is_right = (scores.detach().argmax(dim=1) == category_ids) & batch.are_own
    means.add(loss.detach().double() * batch.num_rows, is_right.sum(), weight=batch.num_rows)


@contextmanager
def _seeded(worker: Process, seed: int, epoch: int) -> Iterator[None]:
    """Give torch's own generators a seed, another on each worker, and their old state back."""
    with torch.random.fork_rng(devices=[worker.device] if worker.device.type == "cuda" else []):
        torch.manual_seed(torch_seed(Stream.CATEGORIZER_DROPOUT, seed, epoch, worker.rank))
        yield


def bf16_on_cuda(device: torch.device) -> torch.autocast:
    """Mixed precision where the device is CUDA, nothing elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
