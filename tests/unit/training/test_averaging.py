"""The moving mean of the weights, by hand."""

import pytest
import torch
from torch import nn

from seje_ray.training.averaging import averaged_copy, update_average


def test_the_mean_moves_as_by_hand_with_running_statistics():
    """Early steps weigh more: 9/10 at first, 9/11 then, and 1 - decay for good."""
    model = nn.BatchNorm1d(1)
    average = averaged_copy(model)
    expected = 1.0
    for step, share in ((0, 9 / 10), (1, 9 / 11), (1000, 0.25)):
        with torch.no_grad():
            model.weight.fill_(step + 2.0)
            model.running_mean.fill_(-step - 1.0)
            model.num_batches_tracked += 3
        update_average(average, model, 0.75, step)
        expected += share * (step + 2.0 - expected)
        assert average.weight.item() == pytest.approx(expected)
        assert average.running_mean.item() == pytest.approx(1 - expected)
    assert average.num_batches_tracked.item() == 9


def test_a_mean_of_one_value_is_that_value_bitwise():
    """What is frozen stays as it is; the copy takes no gradient and shares no memory."""
    model = nn.Linear(3, 3)
    average = averaged_copy(model)
    before = model.weight.clone()

    update_average(average, model, 0.999, 5)

    assert torch.equal(average.weight, before)
    assert not average.weight.requires_grad
    assert average.weight.data_ptr() != model.weight.data_ptr()
