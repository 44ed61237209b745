import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.retrieval.metrics import (
    mean_reciprocal_rank,
    median_rank,
    metrics_of,
    recall_at_k,
)
from seje_ray.retrieval.ranking import Ranks


def ranks_of(*pairs):
    """Ranks of (num_better, num_tied) pairs."""
    better, tied = torch.tensor(pairs).unbind(1)
    return Ranks(better, tied)


def test_metrics_of_known_ranks():
    """Ranks 1, 2, 5 and 40."""
    ranks = ranks_of((0, 0), (1, 0), (4, 0), (39, 0))

    assert metrics_of(ranks) == {
        "median_rank": 3.5,  # the mean of the middle two, 2 and 5
        "recall_at_1": 0.25,
        "recall_at_5": 0.75,
        "recall_at_10": 0.75,
        "mean_reciprocal_rank": pytest.approx((1 + 1 / 2 + 1 / 5 + 1 / 40) / 4),
    }


def test_median_of_an_odd_number_of_ranks():
    assert median_rank(ranks_of((6, 0), (0, 0), (2, 1))) == 3.5  # of 7, 1 and 1 + 2 + 1/2


@given(num_better=st.integers(0, 3), num_tied=st.integers(0, 4), k=st.integers(1, 9))
def test_recall_with_ties_is_the_mean_over_all_their_orders(num_better, num_tied, k):
    """All orders of the tied items, the true match (number 0) among them, counted out."""
    orders = list(itertools.permutations(range(num_tied + 1)))
    hits = sum(num_better + order.index(0) + 1 <= k for order in orders)

    recall = recall_at_k(ranks_of((num_better, num_tied)), k)

    assert recall == pytest.approx(hits / len(orders))


@given(num_better=st.integers(0, 3), num_tied=st.integers(0, 4))
def test_reciprocal_rank_with_ties_is_the_mean_over_all_their_orders(num_better, num_tied):
    """The true match (number 0) stands at each place of the tied ones equally often."""
    orders = list(itertools.permutations(range(num_tied + 1)))
    values = [1 / (num_better + order.index(0) + 1) for order in orders]

    found = mean_reciprocal_rank(ranks_of((num_better, num_tied)))

    assert found == pytest.approx(sum(values) / len(values))


def test_perfect_ranks_are_exactly_one():
    assert mean_reciprocal_rank(ranks_of((0, 0), (0, 0), (0, 0))) == 1.0


def test_a_constant_embedding_gets_chance():
    """All of 40 tie: MedR 20.5, Recall@K = K / 40, MRR the mean of 1 / 1 ... 1 / 40."""
    ranks = ranks_of(*[(0, 39)] * 40)

    assert metrics_of(ranks) == pytest.approx(
        {
            "median_rank": 20.5,
            "recall_at_1": 1 / 40,
            "recall_at_5": 5 / 40,
            "recall_at_10": 0.25,
            "mean_reciprocal_rank": sum(1 / rank for rank in range(1, 41)) / 40,
        }
    )


def test_without_a_query_there_is_no_metric():
    none = Ranks(torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64))

    for metric in (median_rank, mean_reciprocal_rank, metrics_of):
        with pytest.raises(ValueError, match="no query"):
            metric(none)
    with pytest.raises(ValueError, match="k must be >= 1, got 0"):
        recall_at_k(ranks_of((0, 0)), 0)
