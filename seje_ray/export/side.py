"""One side of a model as plain data: settings, word lists and weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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


def below(weights: Mapping[str, Tensor], name: str, target: str) -> Weights:
    """Weights below ``name``, under ``target`` instead."""
    prefix = f"{name}."
    return {
        f"{target}.{key.removeprefix(prefix)}": value
        for key, value in weights.items()
        if key.startswith(prefix)
    }
