"""One side of a model as plain data: settings, word lists and weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Side:
    """What the exported folder holds of photos or of recipes."""

    settings: dict[str, Any]  # for config.json
    weights: Weights  # for model.safetensors
    networks: dict[str, Any] = field(default_factory=dict)  # image networks, for config.json
    vocabulary: dict[str, Any] = field(default_factory=dict)  # for vocabulary.json
    packages: tuple[str, ...] = ()  # that the loader imports for it


def together(sides: Sequence[Side]) -> Side:
    """One side of an ensemble: what its members share once, the rest of each under a prefix.

    Args:
        sides: Of its members, alike in all but weights; a single one is given back.
    """
    first, *others = sides
    if not others:
        return first
    shared = {
        name: value
        for name, value in first.weights.items()
        if all(torch.equal(value, other.weights[name]) for other in others)
    }
    own = {
        f"members.{number}.{name}": value
        for number, side in enumerate(sides)
        for name, value in side.weights.items()
        if name not in shared
    }
    return replace(first, weights=shared | own)


def below(weights: Mapping[str, Tensor], name: str, target: str) -> Weights:
    """Weights below ``name``, under ``target`` instead."""
    prefix = f"{name}."
    return {
        f"{target}.{key.removeprefix(prefix)}": value
        for key, value in weights.items()
        if key.startswith(prefix)
    }
