"""Losses of many rows in parts: the numbers of the whole, and no matrix of the whole."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from seje_ray.losses import row_parts
from seje_ray.losses.triplet import active_triplet_share
from tests.unit.losses.every_loss import (
    KINDS,
    LOGIT_BIAS,
    LOGIT_SCALE,
    MARGIN,
    POOLED,
    loss_of,
    unit_pairs,
)
from tests.unit.losses.worker_pairs import pairs_of

NUM_PAIRS, DIM = 64, 4
IDS = torch.arange(NUM_PAIRS) % 5
WORKERS = {1: (64,), 2: (40, 24), 4: (16, 8, 20, 20)}


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that anything gives."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for one in found if isinstance(found, (tuple, list)) else [found]:
            if isinstance(one, torch.Tensor):
                self.numbers = max(self.numbers, one.numel())
        return found


def with_gradients(kind, rows, own=slice(None), pool=None, sum_counts=lambda counts: counts):
    """A worker's loss, and its gradients: of all embeddings, and of the logits' two numbers."""
    learnt = [torch.tensor(x, dtype=torch.float64) for x in (LOGIT_SCALE, LOGIT_BIAS)]
    inputs = [x.detach().requires_grad_() for x in (*rows, *learnt)]
    images, recipes, scale, bias = inputs
    numbers = {"logit_scale": scale, "logit_bias": bias}
    loss = loss_of(kind, images, recipes, IDS, own=own, pool=pool, sum_counts=sum_counts, **numbers)
    return loss.detach(), torch.autograd.grad(
        loss, inputs, allow_unused=True, materialize_grads=True
    )


@pytest.mark.parametrize("pool", [None, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_workers_in_parts_are_one_that_takes_all(kind, pool, monkeypatch):
    """One, two and four of them, values and gradients in double precision."""
    rows, counts = unit_pairs(0, NUM_PAIRS, DIM), []
    value, gradients = with_gradients(
        kind, rows, pool=pool, sum_counts=lambda own: counts.append(own) or own
    )
    monkeypatch.setattr(row_parts, "MOST_NUMBERS", 200)
    for sizes in WORKERS.values():
        first, total, summed = 0, 0.0, [0.0] * 4
        for size in sizes:
            own, share = slice(first, first + size), size / NUM_PAIRS
            part = with_gradients(kind, rows, own, pool, sum_counts=lambda _: counts[0])
            total, first = total + share * part[0], first + size
            summed = [a + share * b for a, b in zip(summed, part[1], strict=True)]
        torch.testing.assert_close(total, value)
        torch.testing.assert_close(tuple(summed), gradients)


@pytest.mark.parametrize("kind", POOLED)
def test_no_matrix_of_all_rows_is_made(kind, monkeypatch):
    """Neither forth nor back, where alone it has 64 x 64 numbers: at most 4 rows x 64 x 2."""
    rows = unit_pairs(1, NUM_PAIRS, DIM)
    with Largest() as alone:
        with_gradients(kind, rows)
    monkeypatch.setattr(row_parts, "MOST_NUMBERS", NUM_PAIRS * DIM)
    with Largest() as in_parts:
        with_gradients(kind, rows)
    assert alone.numbers >= NUM_PAIRS**2
    assert in_parts.numbers <= 2 * NUM_PAIRS * DIM


def test_the_share_of_active_triplets_in_parts(monkeypatch):
    pairs = pairs_of(*unit_pairs(2, NUM_PAIRS, DIM))
    share = active_triplet_share(pairs, margin=MARGIN)
    assert 0 < share < 1
    monkeypatch.setattr(row_parts, "MOST_NUMBERS", 100)
    torch.testing.assert_close(active_triplet_share(pairs, margin=MARGIN), share)


@pytest.mark.parametrize(
    ("most", "sizes"),
    [(4096, [64]), (4095, [32, 32]), (1400, [22, 21, 21]), (63, [1] * 64)],
)
def test_parts_are_nearly_equal_and_hold_at_least_a_row(most, sizes, monkeypatch):
    """Their rows are this worker's among the candidates, in order; by hand: 64 numbers a row."""
    monkeypatch.setattr(row_parts, "MOST_NUMBERS", most)
    pairs = pairs_of(*unit_pairs(3, NUM_PAIRS, DIM), IDS)
    parts = row_parts.row_parts(pairs)
    assert [len(part.images) for part in parts] == sizes
    for part in parts:
        rows = slice(part.first_candidate, part.first_candidate + len(part.images))
        assert torch.equal(part.images, pairs.image_candidates[rows])
        assert torch.equal(part.categories, IDS[rows])
