"""The next point is a function of the trials: what makes a killed tuning resume as it was."""

import math

import pytest

from seje_ray.config import Dimension, load_run, named_run_file, with_settings
from seje_ray.tuning.space import contains, grid_points, own_point
from seje_ray.tuning.suggest import num_points, suggest
from seje_ray.tuning.trials import Trial

SPACE = {
    "loss.soft_margin.scale": Dimension(log_uniform=(1.0, 100.0)),
    "loss.negatives": Dimension(choice=("instance", "both")),
    "loss.soft_margin.margin": Dimension(uniform=(0.0, 1.0), when={"loss.negatives": "both"}),
}


def run_of(searcher, **tune):
    run = load_run(named_run_file("demo"))
    return with_settings(
        run, {"tune.searcher": searcher, **{f"tune.{key}": v for key, v in tune.items()}}
    )


def score(point):
    """Best at scale 30 with margin 0.3."""
    scale, margin = point["loss.soft_margin.scale"], point.get("loss.soft_margin.margin", 1)
    return -abs(math.log(scale / 30)) - abs(margin - 0.3)


def at_scale(scale, state, *scores):
    values = {"loss.soft_margin.scale": scale, "loss.negatives": "instance"}
    return Trial("7", values, state, scores=scores)


def searched(run, count):
    trials = []
    for number in range(count):
        point = suggest(run, SPACE, number, trials)
        misleading = -20 - score(point)  # an epoch that is not the best says the opposite
        state = "stopped" if number % 3 == 2 else "done"
        trials.append(Trial(str(number), point, state, scores=(misleading, score(point))))
    return trials


@pytest.mark.parametrize("searcher", ["random", "grid", "optuna"])
def test_the_first_trial_is_the_run_itself(searcher):
    """So the best of a search is never worse on val than what it began with."""
    run = run_of(searcher)
    assert suggest(run, SPACE, 0, []) == own_point(run, SPACE)


@pytest.mark.parametrize("searcher", ["random", "grid", "optuna"])
def test_a_suggestion_depends_on_the_trials_alone(searcher):
    """Asked again after the same trials: the same points, inside the space."""
    run = run_of(searcher)
    seen = searched(run, 11)
    again = [suggest(run, SPACE, n, seen[:n]) for n in range(11)]

    assert again == [one.values for one in seen]
    assert all(contains(SPACE[k], v) for point in again[1:] for k, v in point.items())
    assert len({repr(point) for point in again}) == 11


def test_another_seed_draws_other_points():
    """Of the run."""
    one, other = run_of("random"), with_settings(run_of("random"), {"seed": 1})
    assert suggest(one, SPACE, 1, []) != suggest(other, SPACE, 1, [])


def test_a_grid_ends_after_its_last_point():
    """The run itself, then every point once."""
    run = run_of("grid")
    total = num_points(run, SPACE)
    points = [suggest(run, SPACE, n, []) for n in range(1, total)]

    assert total == 1 + len(grid_points(SPACE)) == 1 + 3 * (1 + 3)
    assert points == grid_points(SPACE)
    assert suggest(run, SPACE, total, []) is None
    assert num_points(run_of("grid", num_trials=5), SPACE) == 5
    assert num_points(run_of("optuna"), SPACE) == 20


def test_tpe_finds_better_points_than_chance():
    """After a few trials its suggestions lie near the optimum; mode min is followed too."""
    found = searched(run_of("optuna"), 40)
    late = sorted(score(one.values) for one in found[20:])
    random = sorted(score(one.values) for one in searched(run_of("random"), 40)[20:])
    assert late[10] > random[10]  # medians

    run = run_of("optuna", mode="min")
    seen = []
    for number in range(40):
        point = suggest(run, SPACE, number, seen)
        seen.append(Trial(str(number), point, "done", scores=(-score(point),)))
    assert sorted(score(one.values) for one in seen[20:])[10] > random[10]


def test_failed_running_and_foreign_trials_do_not_break_a_search():
    """No score, no end, and a value that lies outside the space."""
    run = run_of("optuna")
    seen = [
        *searched(run, 7),
        at_scale(2.0, "failed", 9.0),
        at_scale(3.0, "running", 9.0),
        at_scale(500.0, "done", 9.0),
    ]
    point = suggest(run, SPACE, 10, seen)
    assert point is not None
    assert contains(SPACE["loss.soft_margin.scale"], point["loss.soft_margin.scale"])


def test_scores_of_running_and_failed_trials_decide_nothing():
    """A running trial is a place that is taken; a failed one is no place at all."""
    run = run_of("optuna")
    known = searched(run, 7)

    def suggested(state, *scores):
        return suggest(run, SPACE, 8, [*known, at_scale(2.0, state, *scores)])

    assert suggested("running", 9.0) == suggested("running") == suggested("waiting", -9.0)
    assert suggested("failed", 9.0) == suggest(run, SPACE, 8, known)
