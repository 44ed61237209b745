"""Weights that a training starts from, where it has some: a file each of its folder.

They are put there once, before any worker starts, so that no worker needs the other training, or
fits the ridge regression anew.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from seje_ray.durable import committing
from seje_ray.features.transfer import State
from seje_ray.models.ridge import RidgeMap
from seje_ray.store.mirror import fetch

FILE, RIDGE = "initial.safetensors", "ridge.safetensors"
MODEL, DISCRIMINATOR = "model.", "discriminator."  # before the names of each


def write_initial_weights(folder: Path, model: State, discriminator: State) -> None:
    """Write what is taken into the existing folder of a training."""
    tensors = {MODEL + name: value for name, value in model.items()}
    tensors |= {DISCRIMINATOR + name: value for name, value in discriminator.items()}
    with committing(folder / FILE) as partial:
        save_file({name: value.contiguous() for name, value in tensors.items()}, partial)


def write_ridge(folder: Path, ridge: RidgeMap) -> None:
    """Write the ridge regression that stands beside what a training learns into its folder."""
    with committing(folder / RIDGE) as partial:
        save_file(ridge.state_dict(), partial)


def load_ridge(folder: Path, ridge: RidgeMap, device: torch.device) -> None:
    """Put what ``write_ridge`` wrote into ``ridge``."""
    ridge.load_state_dict(load_file(fetch(folder / RIDGE), device=str(device)))


def load_initial_weights(
    folder: Path, model: nn.Module, discriminator: nn.Module, device: torch.device
) -> None:
    """Put what ``write_initial_weights`` wrote into both modules; the rest stays as it is."""
    tensors = load_file(fetch(folder / FILE), device=str(device))
    for prefix, module in ((MODEL, model), (DISCRIMINATOR, discriminator)):
        own = {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
        module.load_state_dict(module.state_dict() | own)
