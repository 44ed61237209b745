"""Which setting decides, on trials where it is known."""

import numpy as np

from seje_ray.config import Dimension
from seje_ray.tuning.importance import importance_of
from seje_ray.tuning.space import drawn_point
from seje_ray.tuning.trials import Trial

SPACE = {
    "strong": Dimension(log_uniform=(1.0, 100.0)),
    "weak": Dimension(choice=("a", "b")),
    "none": Dimension(uniform=(0.0, 1.0)),
    "conditional": Dimension(uniform=(0.0, 1.0), when={"weak": "b"}),
}


def trials(number, score):
    generator = np.random.default_rng(0)
    points = [drawn_point(SPACE, generator) for _ in range(number)]
    return [Trial(str(n), p, "done", scores=(0.0, score(p))) for n, p in enumerate(points)]


def test_the_setting_that_decides_is_first_and_an_idle_one_last():
    """Score = log of strong, and a little of weak."""
    found = importance_of(
        SPACE, trials(60, lambda p: np.log(p["strong"]) + 5 + 0.5 * (p["weak"] == "b")), "max"
    )
    assert next(iter(found.shares)) == "strong"
    assert found.shares["strong"] > 0.7
    assert found.shares["none"] < 0.1
    assert abs(sum(found.shares.values()) - 1) < 1e-9
    assert found.explained > 0.5


def test_noise_is_said_to_be_noise():
    """A score that no setting decides is not explained on unseen trials."""
    noise = np.random.default_rng(1)
    found = importance_of(SPACE, trials(40, lambda p: 1 + noise.normal() ** 2), "max")
    assert found.explained < 0.2


def test_few_or_equal_trials_tell_nothing():
    """No number is better than a number by chance."""
    assert importance_of(SPACE, trials(7, lambda p: p["strong"]), "max") is None
    assert importance_of(SPACE, trials(20, lambda p: 1.0), "max") is None
    foreign = [Trial("x", {"strong": 1e9}, "done", scores=(1.0,))]
    assert importance_of(SPACE, foreign * 20, "max") is None
