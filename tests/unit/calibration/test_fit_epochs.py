"""The helper for epochs, with a model of one number: what it counts, keeps, tells and refuses."""

import math

import pytest
import torch
from torch import nn

from seje_ray.calibration.fit_epochs import RunningMeans, fit_epochs
from seje_ray.distributed.process import LocalProcess
from seje_ray.errors import DivergedError


def fitted(num_epochs, folder, *, losses=(4.0, 2.0), told=None):
    """Two steps an epoch, of 1 and 3 rows; each lowers the model's number by its gradient, 1."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 10.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def epoch(number, means):
        for done, (loss, rows) in enumerate(zip(losses, (1, 3), strict=True)):
            model.weight.grad = torch.ones(1, 1)
            optimizer.step()
            means.add(torch.tensor(loss) * rows, torch.tensor(rows), weight=2 * rows)
            yield done + 1
        means.totals = {"seen": float(number)}

    history = fit_epochs(
        model,
        optimizer,
        epoch,
        title="abacus",
        means_of=("loss", "accuracy"),
        num_epochs=num_epochs,
        num_units=2,
        process=LocalProcess(),
        state_folder=folder,
        progress=None if told is None else lambda *call: told.append(call),
    )
    return float(model.weight.detach()), history


def test_means_are_weighted_and_told_as_they_run(tmp_path):
    """Loss: 4 * 1 / 2 = 2 after a step, (4 + 6) / 8 = 1.25 after both; accuracy 1 / 2."""
    told = []

    number, history = fitted(1, tmp_path, told=told)

    assert number == 8.0
    assert history == [{"loss": 1.25, "accuracy": 0.5, "seen": 0.0}]
    assert told == [(1, 2, "loss 2.000, accuracy 50.0%"), (2, 2, "loss 1.250, accuracy 50.0%")]


def test_finished_epochs_are_not_done_again(tmp_path):
    """Weights, history and what is told go on where the first fit ended."""
    fitted(2, tmp_path)
    told = []

    number, history = fitted(3, tmp_path, told=told)

    assert (number, history) == fitted(3, None)
    assert [entry["seen"] for entry in history] == [0.0, 1.0, 2.0]
    assert [call[:2] for call in told] == [(5, 6), (6, 6)]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_fit_with_its_epoch(tmp_path, loss):
    """What was kept before stays."""
    fitted(1, tmp_path)

    with pytest.raises(DivergedError, match=r"abacus diverged: its loss is not .* epoch 2"):
        fitted(3, tmp_path, losses=(1.0, loss))

    assert fitted(1, tmp_path)[1] == [{"loss": 1.25, "accuracy": 0.5, "seen": 0.0}]


def test_means_of_nothing_are_zero():
    assert RunningMeans(("loss",)).means() == {"loss": 0.0}
