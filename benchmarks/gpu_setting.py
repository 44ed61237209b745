"""What the parts of ``benchmarks.gpu_check`` share: where they run, their batches, their clock."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_data import Size
from seje_ray.training.loop import Trainer
from seje_ray.training.pairs import PairBatch

Row = dict[str, Any]  # what: in words; and its figures by name


@dataclass(frozen=True, slots=True)
class Setting:
    """What a part is run with."""

    size: Size
    device: torch.device
    folder: Path  # with the data


def enlarged(batch: PairBatch, num_pairs: int) -> PairBatch:
    """A batch of so many pairs, in which those of ``batch`` come again and again."""
    own = torch.arange(num_pairs) % len(batch.ids)

    def taken(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value[own.to(value.device)]
        if isinstance(value, tuple):
            parts = [taken(part) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        return value

    tensors = {f.name: taken(getattr(batch, f.name)) for f in fields(batch)}
    ids = tuple(batch.ids[n] for n in own.tolist())
    return replace(PairBatch(**tensors | {"ids": ids}), sizes=(num_pairs,))


def batches_of(trainer: Trainer, setting: Setting) -> Iterator[PairBatch]:
    """The first batches of an epoch, on the device."""
    batches = trainer.loaders.train.epoch(0)
    for _, batch in zip(range(setting.size.steps), batches, strict=False):
        yield batch.to(setting.device)


def seconds_of(work: Callable[[], object], setting: Setting) -> float:
    """Seconds until the device has done the work."""
    _synchronise(setting.device)
    start = time.perf_counter()
    work()
    _synchronise(setting.device)
    return time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
