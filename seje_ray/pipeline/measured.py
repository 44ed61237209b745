"""The run of a finished training, with what an evaluation or a search may still change."""

from collections.abc import Iterable

from seje_ray.config import RunConfig, with_overrides
from seje_ray.errors import ConfigError
from seje_ray.features.checkpoint import read_origin
from seje_ray.pipeline.runs import TrainedRun

SECTION = "evaluate."  # settings that a finished training can still take


def measured_run(trained: TrainedRun, overrides: Iterable[str] = ()) -> RunConfig:
    """The run of a finished training with ``"evaluate.key=value"`` laid over it.

    Raises:
        ConfigError: If an override is of another section, or the run does not take it.
    """
    overrides = tuple(overrides)
    for override in overrides:
        if not override.startswith(SECTION):
            raise ConfigError(
                f"--set {override}: expected a setting of {SECTION}*, since {trained.folder} is "
                "finished; another value of others needs seje-ray train --run ANOTHER_NAME"
            )
    run, _ = read_origin(trained.best_checkpoint)
    return with_overrides(run, overrides) if overrides else run
