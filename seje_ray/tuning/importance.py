"""Importance of each setting, by a random forest on the trials."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from seje_ray.random_streams import Stream, generator
from seje_ray.tuning.space import Space, contains, position
from seje_ray.tuning.trials import Trial

LEAST_TRIALS = 8
NUM_TREES = 300
NUM_SHUFFLES = 20
LEFT_OUT = -1.0  # position of a setting whose condition does not hold


@dataclass(frozen=True, slots=True)
class Importance:
    """Of each setting, and how far to trust it."""

    shares: dict[str, float]  # sum to 1, largest first
    explained: float  # R2 of the forest on trials that it has not seen, out of bag; <= 1


def importance_of(
    space: Space, trials: Sequence[Trial], mode: str, seed: int = 0
) -> Importance | None:
    """Loss of the forest when a setting's column is shuffled, as shares of the whole.

    Args:
        space: What was tuned.
        trials: Those with a score count, by their best epoch.
        mode: max or min.
        seed: Of the forest and the shuffles.

    Returns:
        None where fewer than 8 trials count, or the score never differs.

    Source: Breiman 2001, permutation importance.
    """
    scored = [t for t in trials if t.scores and _lies_within(space, t)]
    scores = np.array([t.best(mode) for t in scored], dtype=np.float64)
    if len(scored) < LEAST_TRIALS or np.ptp(scores) == 0:
        return None
    columns = np.array(
        [
            [
                position(d, t.values[key]) if key in t.values else LEFT_OUT
                for key, d in space.items()
            ]
            for t in scored
        ]
    )
    forest = RandomForestRegressor(
        NUM_TREES, min_samples_leaf=2, oob_score=True, random_state=seed, n_jobs=1
    ).fit(columns, scores)
    losses = _shuffled_losses(forest, columns, generator(Stream.IMPORTANCE, seed))
    total = losses.sum()
    shares = losses / total if total > 0 else losses
    order = np.argsort(-shares, kind="stable")
    keys = list(space)
    return Importance({keys[n]: float(shares[n]) for n in order}, float(forest.oob_score_))


def _shuffled_losses(
    forest: RandomForestRegressor, columns: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Mean squared change of the prediction when one column is shuffled, for each column."""
    plain = forest.predict(columns)
    losses = np.zeros(columns.shape[1])
    for column in range(columns.shape[1]):
        for _ in range(NUM_SHUFFLES):
            shuffled = columns.copy()
            shuffled[:, column] = generator.permutation(shuffled[:, column])
            losses[column] += float(np.mean((forest.predict(shuffled) - plain) ** 2))
    return losses / NUM_SHUFFLES


def _lies_within(space: Space, trial: Trial) -> bool:
    return all(contains(space[key], value) for key, value in trial.values.items())
