"""Ray Tune's schedulers, as a run's ``tune`` section asks for them."""

from collections.abc import Mapping
from typing import Any

from ray.tune import loguniform, randint, uniform
from ray.tune.schedulers import ASHAScheduler, PopulationBasedTraining, TrialScheduler

from seje_ray.config import Dimension, RunConfig
from seje_ray.tuning.space import Space, clipped


def scheduler_of(run: RunConfig, space: Space) -> TrialScheduler | None:
    """What stops or changes trials of a search, or None where nothing does."""
    config, num_epochs = run.tune, run.train.num_epochs
    common = {"time_attr": "epoch", "metric": config.metric, "mode": config.mode}
    if config.scheduler == "asha":
        return ASHAScheduler(
            **common,
            max_t=num_epochs + 1,  # the last epoch is the trial's own end
            grace_period=min(config.grace_epochs, num_epochs),
            reduction_factor=config.reduction_factor,
        )
    if config.scheduler == "none":
        return None

    def explore(config: dict[str, Any]) -> dict[str, Any]:
        values = config["job"]["values"]
        inside = {key: clipped(space[key], value) for key, value in values.items()}
        return config | {"job": config["job"] | {"values": inside}}

    return Population(
        num_epochs,
        **common,
        perturbation_interval=config.perturbation_epochs,
        hyperparam_mutations={"job": {"values": {key: _mutation(space[key]) for key in space}}},
        custom_explore_fn=explore,
    )


class Population(PopulationBasedTraining):  # type: ignore[misc]  # Ray is untyped here
    """PBT that leaves trials alone after their last epoch.

    Otherwise a weak one would go on from a strong one's last checkpoint, that is end at once, with
    the strong one's scores beside changed values that nothing was ever trained with.
    """

    def __init__(self, num_epochs: int, **options: Any) -> None:
        super().__init__(**options)
        self._num_epochs = num_epochs

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Decide how a trial goes on."""
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
