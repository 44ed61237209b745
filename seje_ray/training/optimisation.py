"""Optimisers of a training and their learning rates."""

import math
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from seje_ray.config import LossConfig, RunConfig, TrainConfig
from seje_ray.models.blocks import depths, parameter_blocks
from seje_ray.models.heads import Discriminator
from seje_ray.models.image_backbone import ImageBackbone
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.models.text_tower import text_tower_of

BACKBONE = "backbone"  # name of its parameter groups


def model_optimizer(model: JointEmbedding, run: RunConfig) -> Optimizer:
    """Adam with named parameter groups: backbone, text tower, heads, a logit scale's numbers.

    Backbone and text tower have one for each block or layer where learning rates fall with depth.
    The scale's numbers, where the loss has them, never decay: 0 is no better a temperature than
    another.
    """
    config = run.train
    backbone = _backbone_groups(model.backbone, config)
    scale = [] if model.logit_scale is None else list(model.logit_scale.parameters())
    of_backbone = [] if model.backbone is None else list(model.backbone.parameters())
    tower = text_tower_of(model)
    of_texts = [] if tower is None else list(tower.network.parameters())
    known = {id(parameter) for parameter in (*of_backbone, *of_texts, *scale)}
    heads = [p for p in model.parameters() if id(p) not in known]
    rate = config.learning_rate
    settings: list[dict[str, Any]] = [
        *backbone,
        *_text_groups(model, config),
        {"name": "heads", "params": heads, "full_lr": rate},
        {"name": "logit_scale", "params": scale, "full_lr": rate, "weight_decay": 0.0},
    ]
    groups = [{**group, "lr": group["full_lr"]} for group in settings if group["params"]]
    kind = torch.optim.AdamW if config.weight_decay > 0 else torch.optim.Adam
    return kind(groups, weight_decay=config.weight_decay, fused=True)


def _backbone_groups(backbone: ImageBackbone | None, config: TrainConfig) -> list[dict[str, Any]]:
    """Parameters of the backbone with their learning rate, the lowest block first.

    Source: docs/method.md, rule 6.7.
    """
    if backbone is None:
        return []
    rate = config.backbone_learning_rate or config.learning_rate
    if config.layer_decay == 1:
        return [{"name": BACKBONE, "params": list(backbone.parameters()), "full_lr": rate}]
    blocks = parameter_blocks(backbone.network)
    return [
        {
            "name": BACKBONE,
            "params": [backbone.network.get_parameter(name) for name in names],
            "full_lr": rate * config.layer_decay ** (len(blocks) - 1 - number),
        }
        for number, names in enumerate(blocks)
    ]


def _text_groups(model: JointEmbedding, config: TrainConfig) -> list[dict[str, Any]]:
    """A group for each depth of a text tower that learns, its learning rate falling downwards."""
    tower = text_tower_of(model)
    if tower is None:
        return []
    by_depth: dict[int, list[nn.Parameter]] = {}
    depth_of = depths(tower.network)
    for name, parameter in tower.network.named_parameters():
        if tower.learns(name):
            by_depth.setdefault(depth_of[name], []).append(parameter)
    top = max(depth_of.values())
    rate = config.text_learning_rate or config.learning_rate
    return [
        {
            "name": "text",
            "params": found,
            "full_lr": rate * config.text_layer_decay ** (top - depth),
        }
        for depth, found in sorted(by_depth.items())
    ]


def discriminator_optimizer(discriminator: Discriminator, config: LossConfig) -> Optimizer:
    """Adam with the settings of docs/method.md, rule 6.1."""
    return torch.optim.Adam(
        discriminator.parameters(),
        lr=config.discriminator_learning_rate,
        betas=(0.5, 0.999),
        fused=True,
    )


def load_optimizer_state(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Give ``optimizer`` the state that its ``state_dict`` was.

    Moments are laid out in memory as the weights are: fused Adam on a CPU looks at no strides, and
    would mix up those of a version whose convolutions did not have their channels last.
    """
    optimizer.load_state_dict(state)
    for parameter, moments in optimizer.state.items():
        for name, value in moments.items():
            if parameter.ndim > 1 and value.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter).copy_(value)


def without_biases_gone(
    state: dict[str, Any], optimizer: Optimizer, module: nn.Module, stored: Collection[str]
) -> dict[str, Any]:
    """Drop from a stored optimiser's state what it holds of biases that ``module`` is without.

    Args:
        state: ``state_dict`` of the stored optimiser; it numbers its parameters.
        optimizer: That of ``module``.
        module: Its layers once had more biases, each right after its layer's weight.
        stored: Names in the stored state of the module.

    Returns:
        A state for ``optimizer``; the very one where no bias is gone.
    """
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    gone = set(stored) - set(module.state_dict())
    kept: list[bool] = []  # of each stored parameter, in the order of their numbers
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            has_lost = name.endswith(".weight") and name.removesuffix("weight") + "bias" in gone
            kept += [True, False] if has_lost else [True]
    if all(kept):
        return state
    numbers = {old: new for new, old in enumerate(n for n, is_kept in enumerate(kept) if is_kept)}
    groups = [
        {**group, "params": [numbers[n] for n in group["params"] if n in numbers]}
        for group in state["param_groups"]
    ]
    moments = {numbers[n]: found for n, found in state["state"].items() if n in numbers}
    return {"state": moments, "param_groups": groups}


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
    """Euclidean norms of the gradients of parameter groups by name, and of all together.

    Gradients are already means over the workers, so every worker gets the same numbers.

    Returns:
        Scalars, float64, by the group's name, and ``all``; 0 of what is frozen.
    """
    groups = optimizer.param_groups
    device = groups[0]["params"][0].device
    grads: dict[str, list[Tensor]] = {}
    for group in groups:
        own = [p.grad for p in group["params"] if p.grad is not None]
        grads.setdefault(group["name"], []).extend(own)
    norms = {name: get_total_norm(own).to(device).double() for name, own in grads.items()}
    return norms | {"all": torch.linalg.vector_norm(torch.stack(list(norms.values())))}


def learning_rates(optimizer: Optimizer) -> dict[str, float]:
    """Learning rates of heads, backbone and text tower (its top) as they are, by metric key."""
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    named = {"learning_rate": rates["heads"]}
    return named | {
        f"learning_rate/{name}": rates[name] for name in (BACKBONE, "text") if name in rates
    }


def cosine(done: float) -> float:
    """Factor of the learning rate, falling from 1 to 0 while ``done`` goes from 0 to 1."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
