"""The next point of a tuning, as a pure function of the trials there are.

Nothing is remembered between two calls: a tuning that was killed suggests after its trials are
read again what it would have suggested without the kill.
"""

from collections.abc import Sequence

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from seje_ray.config import Dimension, RunConfig
from seje_ray.random_streams import Stream, generator
from seje_ray.tuning.space import Point, Space, contains, drawn_point, grid_points, holds, own_point
from seje_ray.tuning.trials import Trial

RANDOM_TRIALS = 6  # that TPE starts with, the run's own settings included


def num_points(run: RunConfig, space: Space) -> int:
    """Trials of a whole tuning; the first one is the run itself."""
    if run.tune.num_trials is not None:
        return run.tune.num_trials
    return len(grid_points(space)) + 1 if run.tune.searcher == "grid" else 20


def suggest(run: RunConfig, space: Space, number: int, trials: Sequence[Trial]) -> Point | None:
    """Values of trial ``number``, or None if a grid has no more.

    Args:
        run: The run; its ``tune`` section says how to go about it, its seed which draws to take.
        space: What may change.
        number: Of the trial, from 0; 0 is the run's own point.
        trials: All before it, in order of their numbers; TPE alone looks at them.
    """
    if number == 0:
        return own_point(run, space)
    if run.tune.searcher == "grid":
        points = grid_points(space)
        return points[number - 1] if number <= len(points) else None
    draws = generator(Stream.SUGGESTION, run.seed, number)
    if run.tune.searcher == "random" or len(trials) < RANDOM_TRIALS:
        return drawn_point(space, draws)
    return _tpe_point(run, space, int(draws.integers(2**31)), trials)


def _tpe_point(run: RunConfig, space: Space, seed: int, trials: Sequence[Trial]) -> Point:
    """Tree-structured Parzen estimator. Source: Bergstra et al. 2011, as Optuna has it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize" if run.tune.mode == "max" else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=1, constant_liar=True),
    )
    for trial in trials:
        frozen = _frozen(space, trial, run.tune.mode)
        if frozen is not None:
            study.add_trial(frozen)
    asked, values = study.ask(), Point()
    for key, dimension in space.items():
        if not holds(dimension, values):
            continue
        if dimension.choice is not None:
            values[key] = asked.suggest_categorical(key, list(dimension.choice))
        elif dimension.integer is not None:
            values[key] = asked.suggest_int(key, *dimension.integer)
        else:
            is_log = dimension.log_uniform is not None
            values[key] = asked.suggest_float(key, *dimension.bounds, log=is_log)
    return values


def _frozen(space: Space, trial: Trial, mode: str) -> FrozenTrial | None:
    """A trial as Optuna stores it; None if it failed or lies outside the space."""
    if not all(contains(space[key], value) for key, value in trial.values.items()):
        return None
    is_running = trial.state in ("waiting", "running")  # its scores so far decide nothing
    if trial.state == "failed" or not (trial.scores or is_running):
        return None
    scores = () if is_running else trial.scores
    state = TrialState.PRUNED if trial.state == "stopped" else TrialState.COMPLETE
    best = max if mode == "max" else min
    return create_trial(
        state=TrialState.RUNNING if is_running else state,
        params=dict(trial.values),
        distributions={key: _distribution(space[key]) for key in trial.values},
        value=None if is_running else best(scores),
        intermediate_values=dict(enumerate(scores, 1)),
    )


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.choice is not None:
        return CategoricalDistribution(list(dimension.choice))
    if dimension.integer is not None:
        return IntDistribution(*dimension.integer)
    return FloatDistribution(*dimension.bounds, log=dimension.log_uniform is not None)
