"""Two workers that share a GPU, or the CPU, beside one that has it: the same training."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from benchmarks.gpu_data import TINY, make, run_of, trainer_of
from benchmarks.gpu_setting import Row
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.group import GroupMember, require_resources, run_group
from seje_ray.on_ray.progress import new_board
from seje_ray.training.freezing import begin_epoch
from seje_ray.training.worker import LocalWorker

NUM_STEPS, RATE = 3, 1e-3
CLOSE = 1e-3  # relative difference that rounding may make, on another device too
SMALL = 1e-3  # of the largest gradient; what is less is compared with it


class _Worker(LocalWorker):
    """A worker of Ray Train that keeps its checkpoints, of which there are none, to itself."""

    def __init__(self, folder: Path) -> None:
        self._member = GroupMember()
        super().__init__(folder, self._member.device)
        self.rank, self.world_size = self._member.rank, self._member.world_size

    def wrap(self, module: nn.Module, *, broadcast_buffers: bool = True) -> nn.Module:
        """As Ray Train wraps it."""
        return self._member.wrap(module, broadcast_buffers=broadcast_buffers)


def two_beside_one(folder: Path) -> Iterator[Row]:
    """A row for one worker, one for two; at last how far they are apart.

    Raises:
        RuntimeError: If they do not train alike.
    """
    data = folder / "workers"
    data.mkdir()
    make(data, TINY)  # alike is a matter of rounding, which large networks add up
    found = {}
    with connected(2):
        for number in (1, 2):
            share = require_resources(number).gpus
            own = folder / f"of-{number}"
            own.mkdir()
            found[number] = run_group(_train, {"data": data}, own, number, new_board())
            metrics, _, where = found[number]
            what = "two workers" if number == 2 else "one worker"
            yield {"what": what, "gpu_each": share, **where, "loss": metrics[-1]["loss"]}
    yield apart(found[1], found[2])


Trained = tuple[list[dict[str, float]], dict[str, np.ndarray], dict[str, str]]


def apart(one: Trained, two: Trained) -> Row:
    """How far two trainings are apart: in numbers, relative to each, and in arrays, to its largest.

    Raises:
        RuntimeError: If that is more than rounding.
    """
    numbers = [
        abs(step[name] - other[name]) / max(abs(step[name]), 1.0)
        for step, other in zip(one[0], two[0], strict=True)
        for name in step
    ]
    sizes = {name: float(np.abs(value).max()) for name, value in one[1].items()}
    small = SMALL * max(sizes.values())  # what is zero but for rounding, as a bias before BatchNorm
    arrays = [
        float(np.abs(value - two[1][name]).max()) / max(sizes[name], small)
        for name, value in one[1].items()
    ]
    row: Row = {"what": "apart", "numbers": max(numbers), "gradients": max(arrays)}
    if not all(value < CLOSE for value in (*numbers, *arrays)):  # no NaN is
        raise RuntimeError(f"two workers do not train as one does: {row}")
    return row


def _train(config: Mapping[str, Any]) -> Trained:
    """Some steps of gradient descent in fp32: metrics of each, gradients of the first, where."""
    torch.backends.cudnn.allow_tf32 = False
    torch.set_num_threads(1)
    data: Path = config["data"]
    run = run_of("seje", TINY, data, "train.precision=fp32")
    worker = _Worker(data)
    trainer = trainer_of(run, data, worker)
    groups = [
        {"params": group["params"], "name": group["name"]}
        for group in trainer.state.optimizer.param_groups
    ]
    trainer.state = replace(trainer.state, optimizer=torch.optim.SGD(groups, lr=RATE))
    begin_epoch(trainer._model, run.train, 0)
    batches = trainer.loaders.train.epoch(0)
    metrics, gradients = [], {}
    for step, batch in zip(range(NUM_STEPS), batches, strict=False):
        metrics.append(trainer._step(batch.to(worker.device), 0, step))
        for name, parameter in trainer._model.named_parameters():
            if step == 0 and parameter.grad is not None:
                gradients[name] = parameter.grad.cpu().numpy().copy()
    backend = dist.get_backend() if dist.is_initialized() else "none"
    return metrics, gradients, {"device": worker.device.type, "backend": backend}
