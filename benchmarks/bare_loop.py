"""A model and its losses in a plain loop over tensors that are there: what a training is beside."""

import torch
from torch import nn

from seje_ray.config import RunConfig
from seje_ray.distributed.dropout import GlobalDropout
from seje_ray.features.model import FeatureDims, autocast, build_discriminator, build_model
from seje_ray.training.forward import forward
from seje_ray.training.freezing import begin_epoch
from seje_ray.training.optimisation import discriminator_optimizer, model_optimizer
from seje_ray.training.pairs import PairBatch
from seje_ray.training.step import GlobalRows, discriminator_step, global_pairs, objective

STEP_KEY = 4  # of the draws of a step


class BareLoop:
    """Steps without a loader, guards, metrics, means of weights, checkpoints or other workers."""

    def __init__(self, run: RunConfig, dims: FeatureDims, device: torch.device) -> None:
        """Build the model of a run."""
        self._run, self._device = run, device
        self._model = build_model(run, dims).to(device)
        self._discriminator = build_discriminator(run).to(device)
        self._optimizer = model_optimizer(self._model, run)
        self._its_optimizer = discriminator_optimizer(self._discriminator, run.loss)
        begin_epoch(self._model, run.train, 0)
        self._model.apply(_use_own_dropout)

    def step(self, batch: PairBatch, epoch: int, step: int) -> None:
        """Train on a batch that is on the device."""
        run, rows = self._run, GlobalRows(batch.sizes, 0)
        with autocast(run, self._device):
            output = forward(self._model, batch, run).float()
        seed = (run.seed, STEP_KEY, epoch, step)
        discriminator_step(
            output, self._discriminator, self._its_optimizer, rows, run.loss, seed=seed
        )
        pairs = global_pairs(output, batch.category_ids, rows)
        parts = objective(pairs, output, self._discriminator, rows, run.loss, seed=seed)
        self._optimizer.zero_grad()
        parts.total.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()


def _use_own_dropout(module: nn.Module) -> None:
    """Torch's dropout in the place of ours, which wants to be told of each step."""
    for name, child in module.named_children():
        if isinstance(child, GlobalDropout):
            setattr(module, name, nn.Dropout(child.p))
