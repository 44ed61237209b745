"""Learning rates by hand."""

import pytest
import torch

from seje_ray.training.optimisation import (
    cosine,
    drop_learning_rates,
    gradient_norms,
    learning_rates,
    load_optimizer_state,
    set_learning_rates,
)
from tests.unit.training.tiny_data import tiny_run


def optimizer(**rates):
    groups = [
        {"params": [torch.nn.Parameter(torch.zeros(1))], "name": name, "lr": rate, "full_lr": rate}
        for name, rate in rates.items()
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


def test_gradient_norms_by_hand():
    """Backbone (3, 4) and 12: norms 5, 12, together 13; a frozen group has 0."""
    both = optimizer(backbone=0.01, heads=0.1)
    backbone, heads = (group["params"] for group in both.param_groups)
    backbone.append(torch.nn.Parameter(torch.zeros(1)))
    for parameter, value in zip([*backbone, *heads], (3.0, -4.0, 12.0), strict=True):
        parameter.grad = torch.tensor([value])

    assert {k: float(v) for k, v in gradient_norms(both).items()} == {
        "backbone": 5.0,
        "heads": 12.0,
        "all": 13.0,
    }
    for parameter in backbone:
        parameter.grad = None
    assert {k: float(v) for k, v in gradient_norms(both).items()} == {
        "backbone": 0.0,
        "heads": 12.0,
        "all": 12.0,
    }
    del both.param_groups[0]
    assert {k: float(v) for k, v in gradient_norms(both).items()} == {"heads": 12.0, "all": 12.0}
    heads[0].grad.fill_(torch.nan)
    assert gradient_norms(both)["all"].isnan()


def test_both_learning_rates_are_named():
    """The heads' alone where the backbone is frozen."""
    both = optimizer(backbone=0.01, heads=0.1)
    assert learning_rates(both) == {"learning_rate": 0.1, "learning_rate/backbone": 0.01}
    assert learning_rates(optimizer(heads=0.1)) == {"learning_rate": 0.1}


def test_moments_are_read_in_the_layout_of_the_weights():
    """Of a checkpoint whose convolutions did not have their channels last."""
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(2, 4, 3, 3, 3, generator=generator)

    def adam():
        layer = torch.nn.Conv2d(3, 4, 3, bias=False).to(memory_format=torch.channels_last)
        torch.nn.init.zeros_(layer.weight)
        return layer.weight, torch.optim.Adam([layer.weight], fused=True)

    def step(weight, optimizer, gradient):
        weight.grad = torch.empty_like(weight).copy_(gradient)
        optimizer.step()

    whole, optimizer = adam()
    step(whole, optimizer, gradients[0])
    before, state = whole.detach().clone(), optimizer.state_dict()
    stored = {
        k: v.clone(memory_format=torch.contiguous_format) for k, v in state["state"][0].items()
    }
    step(whole, optimizer, gradients[1])

    resumed, other = adam()
    with torch.no_grad():
        resumed.copy_(before)
    load_optimizer_state(other, {**state, "state": {0: stored}})
    step(resumed, other, gradients[1])

    torch.testing.assert_close(resumed, whole)
