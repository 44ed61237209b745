"""The lexical bag as a part of the model."""

import pytest
import torch
from torch.nn import functional as F

from seje_ray.distributed.dropout import begin_dropout_step
from seje_ray.models.lexical_bag import LexicalBag

V, L = 6, 3
TERMS = torch.tensor([[0, 4, 2], [5, 0, 0]])
WEIGHTS = torch.tensor([[0.6, 0.3, 0.1], [0.8, 0.0, 0.0]])  # the second has one term


def bag_of(*, is_learnt, dropout=0.0):
    torch.manual_seed(0)
    bag = LexicalBag(V, L, is_learnt=is_learnt, dropout=dropout)
    bag.begin_with(torch.randn(V, L), torch.randn(L) / 4, 0.5)
    return bag


@pytest.mark.parametrize("is_learnt", [False, True])
def test_it_begins_as_the_standardised_row_of_the_decomposition(is_learnt):
    """Bags as a dense matrix times the vectors, unit length, less the mean, over the deviation."""
    torch.manual_seed(0)
    vectors, mean = torch.randn(V, L), torch.randn(L) / 4
    dense = torch.tensor([[0.6, 0, 0.1, 0, 0.3, 0], [0, 0, 0, 0, 0, 0.8]])

    found = bag_of(is_learnt=is_learnt)(TERMS, WEIGHTS)

    torch.testing.assert_close(found, (F.normalize(dense @ vectors, dim=1) - mean) / 0.5)


def test_padding_never_matters():
    bag = bag_of(is_learnt=False)
    padded = (
        torch.cat([TERMS, torch.full((2, 4), 3)], 1),
        torch.cat([WEIGHTS, torch.zeros(2, 4)], 1),
    )

    torch.testing.assert_close(bag(*padded), bag(TERMS, WEIGHTS))


def test_a_recipe_without_a_term_is_the_zero_row_standardised():
    bag = bag_of(is_learnt=True)

    found = bag(torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1))

    torch.testing.assert_close(found[0], -bag.mean / 0.5)
    found.sum().backward()
    assert bag.vectors.grad.isfinite().all()


def test_learnt_vectors_get_a_gradient_and_fixed_ones_are_no_parameters():
    """Of the terms that a batch has, and no other."""
    learnt, fixed = bag_of(is_learnt=True), bag_of(is_learnt=False)
    learnt(TERMS, WEIGHTS)[:, 0].sum().backward()

    assert (learnt.vectors.grad.abs().sum(dim=1) > 0).tolist() == [
        n in {0, 2, 4, 5} for n in range(V)
    ]
    assert list(fixed.parameters()) == []
    assert learnt.state_dict().keys() == fixed.state_dict().keys()


def test_terms_are_left_out_in_training_alone():
    """Half of them: the row is that of the others, whatever their number."""
    bag = bag_of(is_learnt=False, dropout=0.5)
    plain = bag.eval()(TERMS, WEIGHTS)
    kept = [
        bag(TERMS[:1], WEIGHTS[:1] * torch.tensor(mask))
        for mask in (
            [1, 1, 1],
            [1, 1, 0],
            [1, 0, 1],
            [0, 1, 1],
            [1, 0, 0],
            [0, 1, 0],
            [0, 0, 1],
            [0] * 3,
        )
    ]

    bag.train()
    found = []
    for step in range(60):
        begin_dropout_step(bag, first=0, num_rows=2, seed=step, device=torch.device("cpu"))
        found.append(bag(TERMS, WEIGHTS)[:1])

    torch.testing.assert_close(bag.eval()(TERMS, WEIGHTS), plain)
    matches = [[torch.allclose(row, one, atol=1e-5) for one in kept].index(True) for row in found]
    assert set(matches) == set(range(8))
