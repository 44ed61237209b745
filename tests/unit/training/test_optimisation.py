"""Learning rates by hand."""

import pytest
import torch

from seje_ray.training.optimisation import cosine, drop_learning_rates, set_learning_rates
from tests.unit.training.tiny_data import tiny_run


def optimizer(**rates):
    groups = [
        {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate, "full_lr": rate}
        for rate in rates.values()
    ]
    return torch.optim.SGD(groups)


def test_learning_rates_warm_up_and_fall_as_a_cosine():
    """By hand: 8 steps an epoch, 2 epochs, 4 steps of warm-up; both groups alike."""
    config = tiny_run(schedule="cosine", num_epochs=2, warmup_steps=4).train
    both = optimizer(backbone=0.01, heads=0.1)
    rates = []
    for step in (0, 3, 8, 16):
        set_learning_rates(both, config, step=step, num_steps=8)
        rates.append(both.param_groups[1]["lr"])
        assert both.param_groups[0]["lr"] == pytest.approx(rates[-1] / 10)
    # warm-up 1/4, then 1; cosine(3/16), cosine(1/2) = 1/2, cosine(1) = 0.
    assert rates == pytest.approx([0.1 * 0.25, 0.1 * cosine(3 / 16), 0.05, 0.0])


def test_a_drop_lasts():
    """The next step starts from the lower rate."""
    both = optimizer(backbone=0.01, heads=0.1)
    drop_learning_rates(both, 0.1)

    set_learning_rates(both, tiny_run().train, step=9, num_steps=8)

    assert [group["lr"] for group in both.param_groups] == pytest.approx([0.001, 0.01])
