"""Points of a search space: drawn, counted off a grid, or the run as it stands.

A point maps dotted settings to values; a dimension whose ``when`` does not hold is left out.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from seje_ray.config import Dimension, RunConfig, Scalar, run_to_dict
from seje_ray.losses.kinds import retrieval_loss

Space = Mapping[str, Dimension]
Point = dict[str, Scalar]


def space_of(run: RunConfig) -> Space:
    """The run's search space, or the default one around the run's own loss and learning rate."""
    if run.tune.space is not None:
        return run.tune.space
    rate = run.train.learning_rate
    return {
        **retrieval_loss(run.loss).space,
        "loss.category_weight": Dimension(log_uniform=(5e-4, 0.5)),
        "loss.discriminator_weight": Dimension(log_uniform=(5e-4, 0.5)),
        "train.learning_rate": Dimension(log_uniform=(rate / 4, rate * 4)),
    }


def own_point(run: RunConfig, space: Space) -> Point:
    """Values of ``run`` itself for each dimension."""
    values: Point = {}
    for key, dimension in space.items():
        if holds(dimension, values):
            values[key] = setting(run, key)
    return values


def setting(run: RunConfig, dotted: str) -> Any:
    """Value of one dotted setting."""
    node: Any = run_to_dict(run)
    for part in dotted.split("."):
        node = node[part]
    return node


def drawn_point(space: Space, generator: np.random.Generator) -> Point:
    """A random point; every dimension takes one draw, so leaving one out moves no other."""
    drawn = {key: _draw(dimension, generator) for key, dimension in space.items()}
    return _active(space, drawn)


def grid_points(space: Space) -> list[Point]:
    """Every combination of the choices and of ``grid_points`` values of each range, once."""
    axes = [_axis(dimension) for dimension in space.values()]
    points = [_active(space, dict(zip(space, values, strict=True))) for values in product(*axes)]
    return list({repr(point): point for point in points}.values())


def holds(dimension: Dimension, values: Mapping[str, Scalar]) -> bool:
    """Whether the dimension's condition holds among the values above it."""
    return all(key in values and values[key] == value for key, value in dimension.when.items())


def contains(dimension: Dimension, value: Scalar) -> bool:
    """Whether a value lies in its dimension."""
    if dimension.choice is not None:
        return value in dimension.choice
    low, high = dimension.bounds
    return isinstance(value, (int, float)) and low <= value <= high


def position(dimension: Dimension, value: Scalar) -> float:
    """Position of a value in its dimension, in [0, 1] if it is within; for plots and models."""
    if dimension.choice is not None:
        return dimension.choice.index(value) / max(1, len(dimension.choice) - 1)
    low, high = dimension.bounds
    assert isinstance(value, (int, float))
    place = float(value)
    if dimension.log_uniform is not None:
        low, high, place = np.log(low), np.log(high), np.log(place)
    return float((place - low) / (high - low))


def clipped(dimension: Dimension, value: Scalar) -> Scalar:
    """The value, or the bound that it lies beyond."""
    if dimension.choice is not None or not isinstance(value, (int, float)):
        return value
    low, high = dimension.bounds
    inside = min(max(value, low), high)
    return round(inside) if dimension.integer is not None else float(inside)


def _active(space: Space, drawn: Mapping[str, Scalar]) -> Point:
    values: Point = {}
    for key, dimension in space.items():
        if holds(dimension, values):
            values[key] = drawn[key]
    return values


def _draw(dimension: Dimension, generator: np.random.Generator) -> Scalar:
    if dimension.choice is not None:
        return dimension.choice[int(generator.integers(len(dimension.choice)))]
    if dimension.integer is not None:
        low, high = dimension.integer
        return int(generator.integers(low, high, endpoint=True))
    low_, high_ = dimension.bounds
    if dimension.log_uniform is not None:
        return float(np.exp(generator.uniform(np.log(low_), np.log(high_))))
    return float(generator.uniform(low_, high_))


def _axis(dimension: Dimension) -> list[Scalar]:
    if dimension.choice is not None:
        return list(dimension.choice)
    low, high = dimension.bounds
    if dimension.integer is not None:
        between = np.linspace(low, high, min(dimension.grid_points, int(high - low) + 1))
        return [int(value) for value in dict.fromkeys(between.round())]
    spaced = np.geomspace if dimension.log_uniform is not None else np.linspace
    return [float(value) for value in spaced(low, high, dimension.grid_points)]
