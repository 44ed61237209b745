"""The section ``tune`` of a run file: what a tuning may change, how, and what it is after.

A search space is data: dotted names of settings, as ``--set`` takes them, with a ``Dimension``
each. ``load`` checks that the run takes every bound and every choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require

Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """The values one setting may take: exactly one of a range, or of a list of choices."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    uniform: tuple[float, float] | None = None  # [low, high]
    log_uniform: tuple[float, float] | None = None  # [low, high], low > 0
    integer: tuple[int, int] | None = None  # [low, high], both included
    choice: tuple[Scalar, ...] | None = None  # one of these
    when: Mapping[str, Scalar] = field(default_factory=dict)  # only where these have been chosen
    grid_points: int = 3  # values that a grid takes from a range

    def __post_init__(self) -> None:
        kinds = ("uniform", "log_uniform", "integer", "choice")
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise ValueError(f"expected exactly one of {', '.join(kinds)}, found {found}")
        if self.choice is not None and not self.choice:
            raise ValueError("choice must be a list of at least one value, got []")
        if self.choice is None and not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"{given[0]} must be [low, high], got {list(self.bounds)}")
        if self.log_uniform is not None and self.log_uniform[0] <= 0:
            raise ValueError(f"log_uniform must begin above 0, got {list(self.log_uniform)}")
        if self.grid_points < 2:
            raise ValueError(f"grid_points must be >= 2, got {self.grid_points}")

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and greatest value of a range."""
        found = self.uniform or self.log_uniform or self.integer
        assert found is not None
        return found

    @property
    def corners(self) -> tuple[Scalar, ...]:
        """Values that a run must accept: the bounds of a range, or every choice."""
        return self.choice if self.choice is not None else self.bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneConfig:
    """``seje-ray tune``, which looks for better settings; nothing else reads this section."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    # values that every trial has, and best.yaml: frozen features, say
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    # what trials change: docs/tune.md; null: constants and weights of the loss, and learning rate
    space: Mapping[str, Dimension] | None = None
    searcher: Literal["random", "grid", "optuna"] = "optuna"  # what suggests the next trial
    scheduler: Literal["asha", "pbt", "none"] = "asha"  # what stops or changes running trials
    num_trials: int | None = None  # the first is the run itself; null: 20, or all points of a grid
    metric: str = "val/selection_score"  # of history.jsonl; a trial counts by its best epoch
    mode: Literal["max", "min"] = "max"  # whether a greater metric is better, or a smaller
    grace_epochs: int = 3  # asha: epochs that every trial gets
    reduction_factor: int = 3  # asha: one of so many trials continues
    perturbation_epochs: int = 3  # pbt: epochs between two exchanges
    num_seeds: int = 3  # trainings of the best, and of the run itself, at the end

    def __post_init__(self) -> None:
        changes_values = self.scheduler == "pbt"
        require(
            self,
            ("num_trials", self.num_trials is None or self.num_trials >= 1, ">= 1 or null"),
            ("grace_epochs", self.grace_epochs >= 1, ">= 1"),
            ("reduction_factor", self.reduction_factor >= 2, ">= 2"),
            ("perturbation_epochs", self.perturbation_epochs >= 1, ">= 1"),
            ("num_seeds", self.num_seeds >= 1, ">= 1"),
            (
                "searcher",
                not (changes_values and self.searcher == "grid"),
                "random or optuna where scheduler is pbt, which changes values by itself",
            ),
        )
