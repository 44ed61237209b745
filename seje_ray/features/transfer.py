"""Weights of one model for another: by name, by shape, and by what an axis stands for.

Letters: n numbers of an axis in the new model, g in the given one, r all other axes together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

State = Mapping[str, Tensor]

MIN_SHARED = 100  # names that a map between two spaces of vectors is learnt from
RIDGE = 1e-3  # of that map, over the mean variance of the vectors


class Stretch(Protocol):
    """How a stretch of an axis of the given model becomes one of the new model."""

    def carried(self, given: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of the new model, (n, r), and which of them are known, (n,) bool.

        Args:
            given: Rows of the given model, (g, r).
            own: Rows of the new model as they are, (n, r).
        """
        ...


@dataclass(frozen=True, slots=True)
class Same:
    """Both stand for the same, in the same order."""

    def carried(self, given: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """All rows, or none where their number differs."""
        if len(given) != len(own):
            return Other().carried(given, own)
        return given, torch.ones(len(own), dtype=torch.bool)


@dataclass(frozen=True, slots=True)
class Other:
    """Both stand for different things, or nobody knows."""

    def carried(self, given: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """None."""
        return own, torch.zeros(len(own), dtype=torch.bool)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Each stands for something with a name, such as a category or a word."""

    own: Sequence[str]  # n names
    given: Sequence[str]  # g names
    is_vector: bool = False  # rows say by themselves what they mean: those not shared are mapped

    def carried(self, given: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of the names that both have, and of the others where they can be mapped."""
        if (len(own), len(given)) != (len(self.own), len(self.given)):
            return Other().carried(given, own)
        place = {name: row for row, name in enumerate(self.given)}
        numbers = [place.get(name, -1) for name in self.own]
        rows = torch.tensor(numbers, dtype=torch.int64)
        is_shared = rows >= 0
        found = given[rows.clamp(min=0)]
        if self.is_vector and int(is_shared.sum()) >= MIN_SHARED:
            matrix = linear_map(own[is_shared], found[is_shared])
            return torch.where(is_shared[:, None], found, own @ matrix), torch.ones_like(is_shared)
        return found, is_shared


@dataclass(frozen=True, slots=True)
class Mapped:
    """Vectors of both lie in spaces with a linear map between them."""

    matrix: Tensor  # (n, g): a vector of the new model, times it, is about the given model's

    def carried(self, given: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Rows whose layer does to the new vectors what it did to the given ones."""
        if (len(own), len(given)) != tuple(self.matrix.shape):
            return Other().carried(given, own)
        return self.matrix.to(given) @ given, torch.ones(len(own), dtype=torch.bool)


def linear_map(own: Tensor, given: Tensor) -> Tensor:
    """Ridge regression from one space of vectors to another, over vectors of the same things.

    Args:
        own: Shape (rows, n).
        given: Shape (rows, g).

    Returns:
        Shape (n, g), float32.
    """
    ours, theirs = own.double(), given.double()
    covariance = ours.T @ ours
    penalty = RIDGE * covariance.diagonal().mean().clamp(min=torch.finfo(torch.float64).tiny)
    covariance += penalty * torch.eye(len(covariance), dtype=torch.float64)
    found: Tensor = torch.linalg.solve(covariance, ours.T @ theirs)
    return found.float()


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of a tensor whose stretches stand for something beyond the model."""

    axis: int
    stretches: tuple[tuple[str, int], ...]  # what each stands for, and its length, in order


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a new model takes of a given one."""

    state: dict[str, Tensor]  # of tensors taken, whole or in part
    shares: dict[str, float]  # of each tensor of the new model, how much is taken, in [0, 1]
    dropped: tuple[str, ...]  # tensors of the given model that have no place

    @property
    def is_empty(self) -> bool:
        """Whether not one matrix is taken: what else is says nothing by itself."""
        return not any(value.ndim >= 2 for value in self.state.values())

    def lines(self) -> list[str]:
        """What is taken, new and dropped, in words, by parts of the model."""
        taken, new = [], []
        for part, names in _by_part(self.shares).items():
            share = sum(self.shares[name] for name in names) / len(names)
            whole = sum(self.shares[name] == 1 for name in names)
            if share > 0:
                count = "all" if share == 1 else f"{whole} of {len(names)} tensors"
                partial = [name for name in names if 0 < self.shares[name] < 1]
                some = [f"{self.shares[n]:.0%} of {n.removeprefix(part + '.')}" for n in partial]
                taken.append(f"{part} ({', '.join([count, *some])})")
            missing = [name.removeprefix(part + ".") for name in names if self.shares[name] == 0]
            if missing:
                new.append(part if share == 0 else f"{part} ({', '.join(missing)})")
        told = [f"taken: {', '.join(taken) or 'nothing'}", f"new: {', '.join(new) or 'nothing'}"]
        dropped = [f"{part} ({len(names)})" for part, names in _by_part(self.dropped).items()]
        return [*told, f"dropped: {', '.join(dropped) or 'nothing'}"]


def transfer(
    own: State,
    given: State,
    axes: tuple[Mapping[str, Axis], Mapping[str, Axis]],
    stretches: Mapping[str, Stretch],
) -> Transfer:
    """Take what fits of a given model.

    A tensor is taken whole if the model has one of its name and shape. One with an axis that
    stands for something is taken stretch by stretch, as ``stretches`` says of each; what is not
    known of it stays as it is in the new model.

    Args:
        own: State of the new model.
        given: State of the given model.
        axes: Tensors with such an axis, by name: of the new model, and of the given one.
        stretches: By what they stand for.
    """
    state: dict[str, Tensor] = {}
    shares = dict.fromkeys(own, 0.0)
    for name, fresh in own.items():
        if name not in given:
            continue
        own_axis, given_axis = axes[0].get(name), axes[1].get(name)
        if own_axis is not None and given_axis is not None:
            value, share = _by_stretches(fresh, given[name], own_axis, given_axis, stretches)
        else:
            value, share = given[name], float(given[name].shape == fresh.shape)
        if share > 0:
            state[name], shares[name] = value.to(fresh.dtype).contiguous(), share
    dropped = tuple(name for name in given if shares.get(name, 0.0) == 0)
    return Transfer(state, shares, dropped)


def _by_stretches(
    fresh: Tensor, given: Tensor, own_axis: Axis, given_axis: Axis, stretches: Mapping[str, Stretch]
) -> tuple[Tensor, float]:
    """A tensor with what each of its stretches takes, and the share of it."""
    own_rows, given_rows = fresh.movedim(own_axis.axis, 0), given.movedim(given_axis.axis, 0)
    if own_rows.shape[1:] != given_rows.shape[1:]:
        return fresh, 0.0
    rows, is_known = own_rows.reshape(len(own_rows), -1).clone(), []
    there = _places(given_axis)
    for meaning, place in _places(own_axis).items():
        found = there.get(meaning, slice(0, 0))
        given_part = given_rows.reshape(len(given_rows), -1)[found].to(rows)
        values, known = stretches.get(meaning, Other()).carried(given_part, rows[place])
        rows[place][known] = values[known]
        is_known.append(known)
    share = float(torch.cat(is_known).double().mean())
    return rows.reshape(own_rows.shape).movedim(0, own_axis.axis), share


def _places(axis: Axis) -> dict[str, slice]:
    places, start = {}, 0
    for meaning, size in axis.stretches:
        places[meaning] = slice(start, start + size)
        start += size
    return places


def _by_part(names: Mapping[str, float] | Sequence[str]) -> dict[str, list[str]]:
    """Names of tensors by the part of the model that they are in."""
    parts: dict[str, list[str]] = {}
    for name in names:
        steps = name.split(".")
        depth = 1 if steps[0] == "backbone" else min(2, max(1, len(steps) - 1))
        parts.setdefault(".".join(steps[:depth]), []).append(name)
    return parts
