"""State from which an interrupted fit resumes: the last finished epoch."""

import os
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

History = list[dict[str, float]]  # one entry per finished epoch


def save_fit_state(
    folder: Path | None, model: nn.Module, optimizer: Optimizer, history: History
) -> None:
    """Keep weights, optimiser and history in ``folder``; nothing if it is None."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": history,
    }
    temporary = folder / f".state.{os.getpid()}.tmp"
    torch.save(state, temporary)
    os.replace(temporary, folder / "state.pt")


def load_fit_state(folder: Path | None, model: nn.Module, optimizer: Optimizer) -> History:
    """Put the kept state into ``model`` and ``optimizer``; empty if nothing is kept."""
    path = None if folder is None else folder / "state.pt"
    if path is None or not path.is_file():
        return []
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return list(state["history"])
