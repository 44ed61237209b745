"""Points of a search space: drawn, on a grid, conditional."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.config import Dimension, load_run, named_run_file, with_settings
from seje_ray.config.loss import LossKind
from seje_ray.tuning.space import (
    clipped,
    contains,
    drawn_point,
    grid_points,
    own_point,
    position,
    space_of,
)

SPACE = {
    "loss.soft_margin.scale": Dimension(log_uniform=(1.0, 100.0)),
    "loss.discriminator": Dimension(choice=("bce", "wgan_gp")),
    "loss.gradient_penalty": Dimension(
        uniform=(1.0, 3.0), when={"loss.discriminator": "wgan_gp"}, grid_points=2
    ),
    "train.global_batch_size": Dimension(integer=(4, 8)),
}


def test_a_grid_by_hand():
    """Ranges at their bounds and between; a condition makes equal points one."""
    space = {key: SPACE[key] for key in list(SPACE)[:3]}
    found = [tuple(point.values()) for point in grid_points(space)]
    assert found == [
        (scale, *rest)
        for scale in (1.0, pytest.approx(10.0), 100.0)  # the middle of a logarithmic range
        for rest in (("bce",), ("wgan_gp", 1.0), ("wgan_gp", 3.0))
    ]
    assert [p["train.global_batch_size"] for p in grid_points({"train.global_batch_size":
        SPACE["train.global_batch_size"]})] == [4, 6, 8]  # fmt: skip


@given(seed=st.integers(0, 2**32 - 1))
def test_every_drawn_point_lies_in_the_space_and_has_what_its_conditions_say(seed):
    """And the same seed draws the same point."""
    point = drawn_point(SPACE, np.random.default_rng(seed))

    assert all(contains(SPACE[key], value) for key, value in point.items())
    assert ("loss.gradient_penalty" in point) == (point["loss.discriminator"] == "wgan_gp")
    assert point == drawn_point(SPACE, np.random.default_rng(seed))
    assert all(0 <= position(SPACE[key], value) <= 1 for key, value in point.items())


def test_a_logarithmic_range_is_drawn_evenly_in_its_logarithm():
    """Half of the draws lie below the geometric mean."""
    generator = np.random.default_rng(0)
    drawn = [drawn_point(SPACE, generator)["loss.soft_margin.scale"] for _ in range(2000)]
    assert np.mean(np.array(drawn) < 10) == pytest.approx(0.5, abs=0.04)


def test_positions_by_hand():
    """Where values lie between the ends of their dimensions."""
    assert position(Dimension(uniform=(1.0, 3.0)), 1.5) == pytest.approx(0.25)
    assert position(Dimension(log_uniform=(1.0, 100.0)), 10.0) == pytest.approx(0.5)
    assert position(Dimension(choice=("a", "b", "c")), "c") == 1
    assert position(Dimension(choice=(None,)), None) == 0


def test_values_are_clipped_into_their_range():
    """What a scheduler has multiplied may lie outside."""
    assert clipped(Dimension(uniform=(0.0, 0.5)), 0.6) == 0.5
    assert clipped(Dimension(integer=(2, 9)), 7.6) == 8
    assert clipped(Dimension(choice=("a",)), "a") == "a"


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_the_default_space_surrounds_the_run(kind):
    """Its own settings lie inside, so a search can begin with them; its ends are settings too."""
    run = load_run(named_run_file("demo"), ["train.learning_rate=0.01", f"loss.kind={kind}"])
    space = space_of(run)
    own = own_point(run, space)

    assert own["train.learning_rate"] == 0.01
    assert all(contains(space[key], value) for key, value in own.items())
    assert space["train.learning_rate"].bounds == (0.0025, 0.04)
    for end in (0, 1):
        with_settings(run, {key: dimension.bounds[end] for key, dimension in space.items()})


def test_the_default_space_is_that_of_the_loss():
    """A setting that the loss does not read is no dimension."""
    names = {
        loss: set(space_of(load_run(named_run_file("demo"), overrides)))
        for loss, overrides in {
            "both": [],
            "instance": ["loss.negatives=instance"],
            "info_nce": ["loss.kind=info_nce"],
        }.items()
    }
    common = {"loss.category_weight", "loss.discriminator_weight", "train.learning_rate"}

    assert names["instance"] == common | {"loss.soft_margin.scale", "loss.soft_margin.margin"}
    assert names["both"] == names["instance"] | {"loss.category_share"}
    assert names["info_nce"] == common | {"loss.info_nce.logit_scale"}
