"""Ray Tune's schedulers, as a run's ``tune`` section asks for them."""

from collections.abc import Mapping
from functools import partial
from typing import Any, assert_never

from ray.tune import loguniform, randint, uniform
from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    PopulationBasedTraining,
    TrialScheduler,
)

from seje_ray.config import Dimension
from seje_ray.tuning.scheduling import Scheduling
from seje_ray.tuning.space import Space, clipped


def scheduler_of(scheduling: Scheduling | None) -> TrialScheduler:
    """Ray's scheduler of trials; without one they run in the order they came."""
    if scheduling is None:
        return FIFOScheduler()
    config, num_epochs = scheduling.run.tune, scheduling.run.train.num_epochs
    common = {"time_attr": "epoch", "metric": config.metric, "mode": config.mode}
    match config.scheduler:
        case "asha":
            return ASHAScheduler(
                **common,
                max_t=num_epochs + 1,  # the last epoch is the trial's own end
                grace_period=min(config.grace_epochs, num_epochs),
                reduction_factor=config.reduction_factor,
            )
        case "pbt":
            space = scheduling.space
            mutations = {key: _mutation(dimension) for key, dimension in space.items()}
            return Population(
                num_epochs,
                **common,
                perturbation_interval=config.perturbation_epochs,
                hyperparam_mutations={"trial": {"values": mutations}},
                custom_explore_fn=partial(_clipped_into, space),
            )
        case "none":
            return FIFOScheduler()
        case never:
            assert_never(never)


def _clipped_into(space: Space, config: dict[str, Any]) -> dict[str, Any]:
    """PBT's change of a trial's values, cut to their ranges."""
    values = config["trial"]["values"]
    inside = {key: clipped(space[key], value) for key, value in values.items()}
    return config | {"trial": config["trial"] | {"values": inside}}


class Population(PopulationBasedTraining):  # type: ignore[misc]  # Ray is untyped here
    """PBT that leaves trials alone after their last epoch.

    Otherwise a weak one would continue from a strong one's last checkpoint, that is end at once,
    with the strong one's scores beside changed values that nothing was ever trained with.
    """

    def __init__(self, num_epochs: int, **options: Any) -> None:
        super().__init__(**options)
        self._num_epochs = num_epochs

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Decide how a trial continues."""
        if result.get("epoch", 0) >= self._num_epochs:
            return str(TrialScheduler.CONTINUE)
        return str(super().on_trial_result(tune_controller, trial, result))


def _mutation(dimension: Dimension) -> Any:
    """A dimension as PBT takes it."""
    if dimension.choice is not None:
        return list(dimension.choice)
    if dimension.integer is not None:
        return randint(dimension.integer[0], dimension.integer[1] + 1)
    return (loguniform if dimension.log_uniform is not None else uniform)(*dimension.bounds)
