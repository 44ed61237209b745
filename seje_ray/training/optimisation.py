"""Optimisers of a training and their learning rates."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from seje_ray.config import LossConfig, RunConfig, TrainConfig
from seje_ray.models.discriminator import Discriminator
from seje_ray.models.joint_embedding import JointEmbedding


def model_optimizer(model: JointEmbedding, run: RunConfig) -> Optimizer:
    """Adam with one parameter group for the image backbone and one for the heads."""
    config = run.train
    groups: list[dict[str, object]] = []
    backbone = [] if model.backbone is None else list(model.backbone.parameters())
    known = {id(parameter) for parameter in backbone}
    heads = [p for p in model.parameters() if id(p) not in known]
    backbone_lr = config.backbone_learning_rate or config.learning_rate
    parts = (("backbone", backbone, backbone_lr), ("heads", heads, config.learning_rate))
    for name, parameters, lr in parts:
        if parameters:
            groups.append({"name": name, "params": parameters, "lr": lr, "full_lr": lr})
    kind = torch.optim.AdamW if config.weight_decay > 0 else torch.optim.Adam
    fused = next(model.parameters()).device.type == "cuda"
    return kind(groups, weight_decay=config.weight_decay, fused=fused)


def discriminator_optimizer(discriminator: Discriminator, config: LossConfig) -> Optimizer:
    """Adam as METHOD 5 has it."""
    return torch.optim.Adam(
        discriminator.parameters(), lr=config.discriminator_learning_rate, betas=(0.5, 0.999)
    )


def set_learning_rates(
    optimizer: Optimizer, config: TrainConfig, *, step: int, num_steps: int
) -> None:
    """Set the learning rates of a step, counted from the start of the training.

    Args:
        optimizer: Of the model.
        config: Its schedule and warm-up.
        step: 0 for the first.
        num_steps: Of an epoch.
    """
    factor = min(1.0, (step + 1) / max(1, config.warmup_steps))
    if config.schedule == "cosine":
        factor *= cosine(step / (config.num_epochs * num_steps))
    for group in optimizer.param_groups:
        group["lr"] = group["full_lr"] * factor


def drop_learning_rates(optimizer: Optimizer, factor: float) -> None:
    """Multiply the learning rates by ``factor``, for good."""
    for group in optimizer.param_groups:
        group["lr"] *= factor
        if "full_lr" in group:
            group["full_lr"] *= factor


def gradient_norms(optimizer: Optimizer) -> dict[str, Tensor]:
    """Euclidean norms of the gradients of backbone and heads, and of all together.

    Gradients are already means over the workers, so every worker gets the same numbers.

    Returns:
        Scalars, float64: ``backbone`` where there is one, ``heads`` and ``all``; 0 of what is
        frozen.
    """
    device = optimizer.param_groups[0]["params"][0].device
    grads: dict[str, list[Tensor]] = {}
    for group in optimizer.param_groups:
        found = grads.setdefault(_part(group), [])
        found += [p.grad for p in group["params"] if p.grad is not None]
    norms = {part: get_total_norm(found).to(device).double() for part, found in grads.items()}
    return norms | {"all": torch.linalg.vector_norm(torch.stack(list(norms.values())))}


def learning_rates(optimizer: Optimizer) -> dict[str, float]:
    """Learning rate of the heads, and of the backbone where there is one, under metric keys."""
    keys = {"heads": "learning_rate", "backbone": "learning_rate/backbone"}
    return {keys[_part(group)]: group["lr"] for group in optimizer.param_groups}


def _part(group: Mapping[str, Any]) -> str:
    """Part of the model that a parameter group belongs to: backbone or heads."""
    return str(group.get("name", "heads"))


def cosine(done: float) -> float:
    """Factor of the learning rate, falling from 1 to 0 while ``done`` goes from 0 to 1."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
