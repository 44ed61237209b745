import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seje_ray.retrieval.ranking import RetrievalError, true_match_ranks


def mid_ranks(queries, gallery, **options):
    return true_match_ranks(queries, gallery, **options).mid_ranks.tolist()


def test_ranks_by_hand():
    """Similarities, a row per query: [0.9, 0.5, 0.1], [0.5, 0.4, 0.6], [0.2, 0.9, 0.2]."""
    similarities = torch.tensor([[0.9, 0.5, 0.1], [0.5, 0.4, 0.6], [0.2, 0.9, 0.2]])

    ranks = true_match_ranks(similarities, torch.eye(3))

    # query 0: first; query 1: two are better; query 2: one is better, one other ties
    assert ranks.num_better.tolist() == [0, 2, 1]
    assert ranks.num_tied.tolist() == [0, 0, 1]
    assert ranks.mid_ranks.tolist() == [1.0, 3.0, 2.5]


def brute_force_rank(queries, gallery, i):
    similarities = [float(queries[i] @ row) for row in gallery]
    better = sum(s > similarities[i] for s in similarities)
    tied = sum(s == similarities[i] for s in similarities) - 1
    return 1 + better + tied / 2


small_ints = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.integers(-3, 3)
)


@given(vectors=small_ints, block_size=st.integers(1, 13), seed=st.integers(0, 2**16))
def test_ranks_equal_a_brute_force_ranker(vectors, block_size, seed):
    """Small integers make every similarity exact, so ties are real ties."""
    queries = torch.from_numpy(vectors).float()
    gallery = queries[torch.randperm(len(queries), generator=torch.Generator().manual_seed(seed))]

    ranks = mid_ranks(queries, gallery, block_size=block_size)

    assert ranks == [brute_force_rank(queries, gallery, i) for i in range(len(queries))]


@given(seed=st.integers(0, 2**16), num_pairs=st.integers(1, 9))
def test_a_distractor_never_improves_a_rank(seed, num_pairs):
    generator = torch.Generator().manual_seed(seed)
    queries, gallery = torch.randn(2, num_pairs + 1, 3, generator=generator)

    fewer = true_match_ranks(queries[:-1], gallery[:-1]).mid_ranks
    more = true_match_ranks(queries, gallery).mid_ranks[:-1]

    assert (more >= fewer).all()


@pytest.mark.parametrize("num_pairs", [2, 37, 1003])
@pytest.mark.parametrize("block_size", [64, 1024])
def test_a_constant_embedding_ties_with_everything(num_pairs, block_size):
    """Whatever the matrix product does to the last digits of its edges."""
    row = torch.nn.functional.normalize(torch.randn(1, 129, generator=torch.manual_seed(1)), dim=1)
    same = row.repeat(num_pairs, 1)

    ranks = true_match_ranks(same, same, block_size=block_size)

    assert set(ranks.mid_ranks.tolist()) == {(num_pairs + 1) / 2}


def test_duplicates_of_the_true_match_tie_exactly():
    """Recipes 0, 400 and 800 are the same vector: nothing but rounding tells them apart."""
    generator = torch.Generator().manual_seed(2)
    rows = torch.nn.functional.normalize(torch.randn(901, 257, generator=generator), dim=1)
    rows[400] = rows[800] = rows[0]

    ranks = true_match_ranks(rows, rows, block_size=100).mid_ranks

    assert ranks[[0, 400, 800]].tolist() == [2.0, 2.0, 2.0]
    assert ranks[1:400].eq(1.0).all()


def test_numpy_and_torch_rows_are_the_same():
    rows = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    others = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)

    expected = mid_ranks(torch.from_numpy(rows), torch.from_numpy(others))
    assert mid_ranks(rows, others) == expected


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_embeddings_that_are_not_finite_are_refused(value, side):
    """Comparisons with NaN are all false, so without the check NaN would rank first."""
    sides = [torch.eye(3), torch.eye(3)]
    sides[side][1, 2] = value

    with pytest.raises(RetrievalError, match="1 of 3 pairs have an embedding that is not finite"):
        true_match_ranks(*sides)


def test_one_pair_ranks_first_and_none_is_none():
    assert mid_ranks(torch.ones(1, 2), -torch.ones(1, 2)) == [1.0]
    assert mid_ranks(torch.ones(0, 2), torch.ones(0, 2)) == []


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"\(N, D\), got \(2, 3\) and \(3, 3\)"):
        true_match_ranks(torch.ones(2, 3), torch.ones(3, 3))
