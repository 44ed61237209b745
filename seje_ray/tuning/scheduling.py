"""Scheduling of trials: how many at once, on what, and what stops or changes them."""

from dataclasses import dataclass, field

from seje_ray.config import RunConfig
from seje_ray.tuning.space import Space


@dataclass(frozen=True, slots=True)
class Allotment:
    """Trials at once, and what each takes."""

    concurrent: int
    num_workers: int  # training processes of a trial; 1: the trial's own
    per_trial: dict[str, float] = field(default_factory=dict)  # resources that are reserved
    num_threads: int = 1  # of torch, in a trial's own process


@dataclass(frozen=True, slots=True)
class Scheduling:
    """Rules that stop running trials or change their values: a run's ``tune`` section."""

    run: RunConfig
    space: Space

    @property
    def hands_over(self) -> bool:
        """Whether trials continue from each other's checkpoints."""
        return self.run.tune.scheduler == "pbt"
