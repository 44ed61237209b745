"""Masks over the global batch: every worker drops what one process would drop in its rows."""

import pytest
import torch
from torch import nn

from seje_ray.distributed.dropout import (
    COLUMNS,
    GlobalDropout,
    PaddedDropout,
    PartDropout,
    begin_dropout_step,
    use_global_dropout,
)

CPU = torch.device("cpu")


def network():
    """Two dropouts one after the other, that share a step's generator."""
    layers = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.25)))
    use_global_dropout(layers)
    return layers.train()


def dropped(layers, rows, first, num_rows, seed=7):
    begin_dropout_step(layers, first=first, num_rows=num_rows, seed=seed, device=CPU)
    return layers(rows)


@pytest.mark.parametrize("sizes", [(7,), (4, 3), (3, 1, 3), (1,) * 7])
def test_any_split_of_the_rows_drops_the_same_values(sizes):
    """Values and gradients, bitwise."""
    whole = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    expected = dropped(network(), whole, 0, 7)
    (expected_grad,) = torch.autograd.grad(expected.sum(), whole)

    parts, first = [], 0
    for size in sizes:
        parts.append(dropped(network(), whole[first : first + size], first, 7))
        first += size
    found = torch.cat(parts)

    assert found.equal(expected)
    assert torch.autograd.grad(found.sum(), whole)[0].equal(expected_grad)
    assert 0 < (expected == 0).sum() < expected.numel()


def test_the_share_of_zeros_is_p_and_the_mean_is_kept():
    """Of 100,000 ones, within five standard deviations."""
    layer = nn.Sequential(GlobalDropout(0.3)).train()
    found = dropped(layer, torch.ones(1000, 100), 0, 1000)

    assert (found == 0).float().mean() == pytest.approx(0.3, abs=5 * (0.21 / 1e5) ** 0.5)
    assert found.unique().tolist() == pytest.approx([0.0, 1 / 0.7])


def test_another_step_drops_others_and_evaluation_drops_none():
    rows = torch.ones(4, 50)
    layers = network()

    assert not dropped(layers, rows, 0, 4, seed=1).equal(dropped(layers, rows, 0, 4, seed=2))
    assert layers.eval()(rows) is rows


def test_rows_outside_of_the_announced_batch_are_refused():
    with pytest.raises(ValueError, match="rows up to 5 of a global batch of 4"):
        dropped(network(), torch.ones(2, 3), 3, 4)


@pytest.mark.parametrize("sizes", [(7,), (4, 3), (3, 1, 3)])
@pytest.mark.parametrize("padding", [1, 2 * COLUMNS])
def test_padding_of_a_worker_changes_nothing(sizes, padding):
    """Each worker has another width; values and gradients, and what another layer drops then."""
    layers = nn.Sequential(PaddedDropout(0.4), GlobalDropout(0.3)).train()
    whole = torch.ones(7, COLUMNS + 3, requires_grad=True)
    begin_dropout_step(layers, first=0, num_rows=7, seed=7, device=CPU)
    expected, then = layers[0](whole), layers[1](torch.ones(7, 5))
    (expected_grad,) = torch.autograd.grad(expected.sum(), whole)

    first = 0
    for number, size in enumerate(sizes):
        own = whole[first : first + size]
        wider = torch.cat([own, torch.zeros(size, number * padding)], 1)
        begin_dropout_step(layers, first=first, num_rows=7, seed=7, device=CPU)
        found = layers[0](wider)
        (grad,) = torch.autograd.grad(found.sum(), whole)
        assert found[:, : COLUMNS + 3].equal(expected[first : first + size])
        assert not found[:, COLUMNS + 3 :].any()
        assert grad[first : first + size].equal(expected_grad[first : first + size])
        assert layers[1](torch.ones(size, 5)).equal(then[first : first + size])
        first += size


def test_the_share_of_zeros_over_padded_columns_is_p():
    """Of 128,000 ones, within five standard deviations; no two blocks of columns are the same."""
    found = dropped(PaddedDropout(0.3).train(), torch.ones(1000, 2 * COLUMNS), 0, 1000)

    deviation = (0.21 / found.numel()) ** 0.5
    assert (found == 0).float().mean() == pytest.approx(0.3, abs=5 * deviation)
    assert found.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert not found[:, :COLUMNS].equal(found[:, COLUMNS:])


@pytest.mark.parametrize("sizes", [(7,), (4, 3), (1,) * 7])
def test_any_split_of_the_rows_leaves_out_the_same_parts(sizes):
    layer, rows = PartDropout([2, 1, 3], 0.5).train(), torch.ones(7, 6)
    expected = dropped(layer, rows, 0, 7)

    parts, first = [], 0
    for size in sizes:
        parts.append(dropped(layer, rows[first : first + size], first, 7))
        first += size

    assert torch.cat(parts).equal(expected)


@pytest.mark.parametrize("p", [0.3, 0.99])
def test_whole_parts_are_left_out_and_never_all(p):
    """Of 4,000 rows; the others keep their values. A part alone is left out p - p ** 3 / 3 of all.

    All three are under p with chance p ** 3, and then each of them stays in a third.
    """
    widths, rows = [2, 1, 3], torch.rand(4000, 6) + 1
    found = dropped(PartDropout(widths, p).train(), rows, 0, 4000)
    is_there = torch.stack([part.ne(0).all(1) for part in found.split(widths, 1)], 1)
    is_gone = torch.stack([part.eq(0).all(1) for part in found.split(widths, 1)], 1)

    assert torch.equal(is_gone, ~is_there)
    assert is_there.any(1).all()
    assert found[found != 0].equal(rows[found != 0])
    share = p - p**3 / 3
    deviation = (share * (1 - share) / 4000) ** 0.5
    assert is_gone.double().mean(0).tolist() == pytest.approx([share] * 3, abs=5 * deviation)


def test_a_part_alone_stays_and_evaluation_leaves_out_none():
    rows = torch.rand(5, 4) + 1

    assert dropped(PartDropout([4], 0.9).train(), rows, 0, 5).equal(rows)
    assert PartDropout([2, 2], 0.9).eval()(rows) is rows
    assert PartDropout([2, 2], 0.0).train()(rows) is rows
