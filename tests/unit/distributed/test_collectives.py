"""Three workers with different rows."""

import pytest
import torch

from seje_ray.distributed.collectives import (
    average_gradients,
    broadcast_buffers,
    gather_rows,
    split_sizes,
    sum_over_workers,
)

SIZES = (3, 1, 2)


def rows_and_weights():
    generator = torch.Generator().manual_seed(0)
    rows, weights = torch.randn(2, sum(SIZES), 4, generator=generator, dtype=torch.float64)
    return rows, weights


def pair_loss(own, everyone, own_weights):
    """Every own row against every row of the batch; not symmetric in the two."""
    return (torch.tanh(own @ everyone.T).sum(1) * own_weights.sum(1)).mean()


def on_worker(member):
    rank = member.rank
    start = sum(SIZES[:rank])
    own = slice(start, start + SIZES[rank])
    rows, weights = rows_and_weights()
    local = rows[own].clone().requires_grad_()
    everyone = gather_rows(local, SIZES)
    share = len(SIZES) * SIZES[rank] / sum(SIZES)
    loss = pair_loss(local, everyone, weights[own]) * share
    loss.backward()

    parameters = [torch.nn.Parameter(torch.zeros(2, 2)), torch.nn.Parameter(torch.zeros(3))]
    parameters.append(torch.nn.Parameter(torch.zeros(1)))  # without a gradient
    parameters[0].grad = torch.full((2, 2), float(rank))
    parameters[1].grad = torch.arange(3.0) * (rank + 1)
    average_gradients(parameters)

    norm = torch.nn.BatchNorm1d(2)
    norm.running_mean.fill_(rank + 5.0)
    broadcast_buffers(norm)

    uneven = (2, 0, 3)
    return {
        "everyone": everyone.detach(),
        "loss": loss.detach(),
        "grad": local.grad,
        "ids": gather_rows(torch.arange(start, start + SIZES[rank]), SIZES),
        "uneven": gather_rows(torch.full((uneven[rank], 2), float(rank)), uneven),
        "sum": sum_over_workers(torch.tensor([1.0, rank])),
        "averaged": [p.grad for p in parameters],
        "running_mean": norm.running_mean,
    }


@pytest.fixture(scope="module")
def saved(on_workers):
    return on_workers(on_worker, len(SIZES))


def test_every_worker_sees_all_rows_in_rank_order(saved):
    rows, _ = rows_and_weights()

    for worker in saved:
        assert torch.equal(worker["everyone"], rows)
        assert worker["ids"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_worker_may_have_no_row(saved):
    expected = [[0.0] * 2] * 2 + [[2.0] * 2] * 3

    assert all(worker["uneven"].tolist() == expected for worker in saved)


def test_three_workers_equal_one_in_loss_and_gradient(saved):
    rows, weights = rows_and_weights()
    rows.requires_grad_()

    loss = pair_loss(rows, rows, weights)
    loss.backward()

    mean = sum(worker["loss"] for worker in saved) / 3
    torch.testing.assert_close(mean, loss.detach())
    grads = torch.cat([worker["grad"] for worker in saved]) / 3  # DDP's mean over the workers
    torch.testing.assert_close(grads, rows.grad)


def test_sums_and_means_are_over_the_workers(saved):
    """Gradients 0, 1 and 2 average to 1; (0, 1, 2) times 1, 2 and 3 to (0, 2, 4)."""
    for worker in saved:
        assert worker["sum"].tolist() == [3.0, 3.0]
        assert worker["averaged"][0].tolist() == [[1.0, 1.0], [1.0, 1.0]]
        assert worker["averaged"][1].tolist() == [0.0, 2.0, 4.0]
        assert worker["averaged"][2] is None


def test_buffers_are_those_of_the_first_worker(saved):
    assert all(worker["running_mean"].tolist() == [5.0, 5.0] for worker in saved)


def test_one_worker_keeps_its_own():
    rows = torch.randn(2, 3, requires_grad=True)
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.ones(2)
    average_gradients([parameter])

    assert gather_rows(rows, (2,)) is rows
    assert sum_over_workers(rows).tolist() == rows.tolist()
    assert not sum_over_workers(rows).requires_grad
    assert parameter.grad.tolist() == [1.0, 1.0]


def test_sizes_that_do_not_fit_are_refused():
    for sizes in ((3,), (2, 2)):
        with pytest.raises(ValueError, match="worker 0 holds 2 rows, sizes are"):
            gather_rows(torch.ones(2, 3), sizes)


@pytest.mark.parametrize(
    ("total", "parts", "sizes"), [(7, 3, (3, 2, 2)), (6, 3, (2, 2, 2)), (2, 3, (1, 1, 0))]
)
def test_rows_are_split_as_equally_as_they_can_be(total, parts, sizes):
    assert split_sizes(total, parts) == sizes
