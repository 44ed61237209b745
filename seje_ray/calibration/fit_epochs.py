"""The epochs of a network's fit: resumed, reported, and given up if a loss is not finite."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from zipfile import is_zipfile

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seje_ray.console.report import Report
from seje_ray.distributed.collectives import sum_over_workers
from seje_ray.distributed.process import Process
from seje_ray.durable import committing, written
from seje_ray.errors import DivergedError
from seje_ray.log import event

History = list[dict[str, float]]  # one entry per finished epoch


class RunningMeans:
    """Means over an epoch so far, of whose sums each process knows its part.

    Args:
        names: What is summed; ``loss`` first.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._sums: Tensor | None = None
        self._weight = 0.0
        self.totals: dict[str, float] = {}  # kept beside the means: counts of the epoch

    def add(self, *sums: Tensor, weight: float = 1.0) -> None:
        """Add this process's part of a step's sums, one scalar per name.

        Args:
            sums: Detached; they are read when the means are asked for, not before.
            weight: What the sums of all processes are divided by, the same on each.
        """
        parts = torch.stack([part.double() for part in sums])
        self._sums = parts if self._sums is None else self._sums + parts
        self._weight += weight

    def means(self) -> dict[str, float]:
        """Means by name, the same on every process, all of which have to ask; 0 of nothing."""
        if self._sums is None:
            return dict.fromkeys(self._names, 0.0)
        means = sum_over_workers(self._sums) / self._weight
        return dict(zip(self._names, means.tolist(), strict=True))


Epoch = Callable[[int, RunningMeans], Iterator[int]]


def fit_epochs(
    model: nn.Module,
    optimizer: Optimizer,
    epoch: Epoch,
    *,
    title: str,
    means_of: tuple[str, ...],
    num_epochs: int,
    num_units: int,
    process: Process,
    state_folder: Path | None,
    progress: Report | None,
) -> History:
    """Train for the epochs that are not done yet.

    Args:
        model: What is trained, not wrapped; with ``optimizer`` it is kept after each epoch.
        optimizer: Its own.
        epoch: Trains epoch N, from 0: takes the steps, adds to the means, and yields the units
            that are done of the epoch whenever that is worth telling; as often on every process.
        title: What is fitted, for errors.
        means_of: Names of the means, ``loss`` first.
        num_epochs: With those that are done.
        num_units: Of an epoch.
        process: This one.
        state_folder: Where each finished epoch is kept; called again, training resumes there.
        progress: Called with the number of units done, and the means.

    Returns:
        Means and totals of each epoch, those that were done before included.

    Raises:
        DivergedError: If a mean is NaN or infinite; on all processes.
    """
    history = _load(state_folder, model, optimizer)
    for number in range(len(history), num_epochs):
        means = RunningMeans(means_of)
        for done in epoch(number, means):
            found = _finite(means.means(), title, number)
            if progress is not None:
                progress(number * num_units + done, num_epochs * num_units, _text(found))
        history.append(_finite(means.means(), title, number) | means.totals)
        if process.rank == 0:
            _save(state_folder, model, optimizer, history)
    return history


def _finite(means: dict[str, float], title: str, epoch: int) -> dict[str, float]:
    broken = [name for name, value in means.items() if not math.isfinite(value)]
    if broken:
        raise DivergedError(
            f"the fit of the {title} diverged: its {broken[0]} is not finite in epoch {epoch + 1}; "
            "lower its learning_rate below calibrate"
        )
    return means


def _text(means: Mapping[str, float]) -> str:
    shown = {"accuracy": "{:.1%}"}
    return ", ".join(f"{name} {shown.get(name, '{:.3f}').format(v)}" for name, v in means.items())


def _save(folder: Path | None, model: nn.Module, optimizer: Optimizer, history: History) -> None:
    """Keep weights, optimiser and history in ``folder``; nothing if it is None."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": history,
    }
    with committing(folder / "state.pt") as temporary, written(temporary) as file:
        torch.save(state, file)


def _load(folder: Path | None, model: nn.Module, optimizer: Optimizer) -> History:
    """Put the kept state into ``model`` and ``optimizer``; empty if nothing is kept."""
    path = None if folder is None else folder / "state.pt"
    if path is None or not path.is_file():
        return []
    if not is_zipfile(path):  # of a power cut: the epochs before are trained again
        event("warning", text=f"{path} is cut short: the fit begins anew")
        return []
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return list(state["history"])
