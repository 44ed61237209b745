import math

import pytest
import torch

from seje_ray.models.logit_scale import LogitScale


def test_it_gives_what_it_starts_with():
    scale, bias = LogitScale(10.0, bias=-3.0)()

    assert float(scale.detach()) == pytest.approx(10.0)
    assert float(bias.detach()) == -3.0


def test_without_a_bias_there_is_no_parameter_for_it():
    module = LogitScale(10.0)

    assert module()[1] is None
    assert [name for name, _ in module.named_parameters()] == ["log_scale"]


def test_the_scale_is_learnt_as_its_logarithm():
    """d e^x / dx = e^x = 5."""
    module = LogitScale(5.0, bias=1.0)
    scale, bias = module()

    (2 * scale + 7 * bias).backward()

    assert float(module.log_scale.grad) == pytest.approx(10.0)
    assert float(module.bias.grad) == 7.0


def test_scale_is_cut_where_it_is_kept_so_that_it_can_fall_again():
    """A step beyond the largest scale is taken back, and the gradient is not lost."""
    module = LogitScale(99.0, max_scale=100.0)
    with torch.no_grad():
        module.log_scale.fill_(math.log(500.0))

    scale, _ = module()
    scale.backward()

    assert float(scale.detach()) == pytest.approx(100.0)
    assert float(module.log_scale.detach()) == pytest.approx(math.log(100.0))
    assert float(module.log_scale.grad) == pytest.approx(100.0)


def test_without_a_largest_scale_any_is_kept():
    module = LogitScale(99.0)
    with torch.no_grad():
        module.log_scale.fill_(math.log(500.0))

    assert float(module()[0].detach()) == pytest.approx(500.0)
