"""Training of a classifier, epoch by epoch and resumable.

Letters: B rows, C categories.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seje_ray.calibration.corpus import Progress
from seje_ray.calibration.fit_state import History, load_fit_state, save_fit_state

WARMUP_SHARE, FINAL_SHARE = 1 / 25, 1e-4  # of the peak learning rate, at first and last step
Batches = Callable[[int], Iterator[tuple[Tensor, Tensor]]]  # of an epoch: inputs, category ids


@dataclass(frozen=True, slots=True)
class ClassifierTask:
    """What is trained on what."""

    trained: nn.Module
    score: Callable[[Tensor], Tensor]  # from inputs to (B, C)
    batches: Batches
    num_batches: int  # of an epoch


def train_classifier(
    task: ClassifierTask,
    epochs: int,
    learning_rate: float,
    seed: int,
    device: torch.device,
    state_folder: Path | None,
    progress: Progress | None,
) -> History:
    """Train for the epochs that are not done yet: AdamW, one-cycle rate, cross entropy.

    Args:
        task: What is trained on what.
        epochs: Passes over the batches, with those that are done.
        learning_rate: Peak.
        seed: Of what the module itself draws, such as dropout.
        device: Where the module is.
        state_folder: Where each finished epoch is kept; called again, training goes on there.
        progress: Called with (done, total, text); a unit is a batch.

    Returns:
        Loss and accuracy of each epoch, those that were done before included.

    Raises:
        FloatingPointError: If a loss is NaN or infinite.
    """
    optimizer = torch.optim.AdamW(task.trained.parameters(), lr=learning_rate)
    history = load_fit_state(state_folder, task.trained, optimizer)
    num_steps = epochs * task.num_batches
    task.trained.train()
    for epoch in range(len(history), epochs):
        tally = _Tally()
        with _seeded(device, seed, epoch):
            for number, (inputs, category_ids) in enumerate(task.batches(epoch)):
                step = epoch * task.num_batches + number
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate * one_cycle(step, num_steps)
                inputs, category_ids = inputs.to(device), category_ids.to(device)
                tally.add(*_step(task.score, optimizer, inputs, category_ids))
                if progress is not None:
                    progress(step + 1, num_steps, tally.text())
        history.append(tally.means())
        save_fit_state(state_folder, task.trained, optimizer, history)
    return history


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
    score: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    category_ids: Tensor,
) -> tuple[Tensor, Tensor]:
    """One step; loss and whether each photo's likeliest category is its own."""
    with bf16_on_cuda(inputs.device):
        scores = score(inputs)
    loss = F.cross_entropy(scores, category_ids)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach(), scores.detach().argmax(dim=1) == category_ids


class _Tally:
    """Loss and accuracy of an epoch's photos so far."""

    def __init__(self) -> None:
        self._loss, self._num_right, self._num_photos = 0.0, 0, 0

    def add(self, loss: Tensor, is_right: Tensor) -> None:
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError("the loss of the image categorizer is not finite")
        self._loss += value * len(is_right)
        self._num_right += int(is_right.sum())
        self._num_photos += len(is_right)

    def means(self) -> dict[str, float]:
        return {
            "loss": self._loss / self._num_photos,
            "accuracy": self._num_right / self._num_photos,
        }

    def text(self) -> str:
        means = self.means()
        return f"loss {means['loss']:.3f}, accuracy {means['accuracy']:.1%}"


@contextmanager
def _seeded(device: torch.device, seed: int, epoch: int) -> Iterator[None]:
    """Give torch's own generators a seed, and their old state back afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(np.random.default_rng((seed, epoch, 1)).integers(2**63)))
        yield


def bf16_on_cuda(device: torch.device) -> torch.autocast:
    """Mixed precision where the device is CUDA, nothing elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
