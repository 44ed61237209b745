import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn.functional import normalize

from seje_ray.retrieval.ranking import RetrievalError, pair_ranks, partnered_ranks


def mid_ranks(images, recipes, **options):
    """Of both directions."""
    ranks = pair_ranks(images, recipes, **options)
    return [one.mid_ranks.tolist() for one in (ranks.image_to_recipe, ranks.recipe_to_image)]


def test_ranks_by_hand():
    """Similarities, a row per image: [0.9, 0.5, 0.1], [0.5, 0.4, 0.6], [0.2, 0.9, 0.2]."""
    similarities = torch.tensor([[0.9, 0.5, 0.1], [0.5, 0.4, 0.6], [0.2, 0.9, 0.2]])

    ranks = pair_ranks(similarities, torch.eye(3))

    # image 0: first; image 1: two are better; image 2: one is better, one other ties
    assert ranks.image_to_recipe.num_better.tolist() == [0, 2, 1]
    assert ranks.image_to_recipe.num_tied.tolist() == [0, 0, 1]
    assert ranks.image_to_recipe.mid_ranks.tolist() == [1.0, 3.0, 2.5]
    # columns: 0.9 is first; 0.5 and 0.9 are better than 0.4; 0.6 than 0.2
    assert ranks.recipe_to_image.mid_ranks.tolist() == [1.0, 3.0, 2.0]


def brute_force_ranks(similarities, partner):
    """Mid-ranks of images and of recipes by a table of similarities, a row per image."""
    found = []
    for table, match in ((similarities, partner), (similarities.T, np.argsort(partner))):
        ranks = []
        for row, own in zip(table.tolist(), match, strict=True):
            better = sum(one > row[own] for one in row)
            tied = sum(one == row[own] for one in row) - 1
            ranks.append(1 + better + tied / 2)
        found.append(ranks)
    return found


small_ints = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.integers(-3, 3)
)


@given(vectors=small_ints, block_size=st.integers(1, 13), seed=st.integers(0, 2**16))
def test_ranks_equal_a_brute_force_ranker(vectors, block_size, seed):
    """Small integers make every similarity exact, so ties are real ties; any way of pairing."""
    images = torch.from_numpy(vectors).float()
    generator = torch.Generator().manual_seed(seed)
    recipes = images[torch.randperm(len(images), generator=generator)]
    partners = [torch.arange(len(images)), torch.randperm(len(images), generator=generator)]

    found = partnered_ranks(images, recipes, partners, block_size=block_size)

    for partner, ranks in zip(partners, found, strict=True):
        both = [r.mid_ranks.tolist() for r in (ranks.image_to_recipe, ranks.recipe_to_image)]
        assert both == brute_force_ranks((images @ recipes.T).numpy(), partner.numpy())


def exact_similarities(images, recipes):
    """Each correctly rounded sum of exact products, rounded to float32: the definition."""
    rows, others = images.double().tolist(), recipes.double().tolist()
    sums = [[math.fsum(map(float.__mul__, one, two)) for two in others] for one in rows]
    return np.array(sums).astype(np.float32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("noise", [0.0, 1e-7, 1e-6, 1e-5, 1.0])
def test_near_ties_are_told_apart_as_by_exact_sums(dtype, noise):
    """Rows that differ in their last digits only: a float32 product alone orders them by chance."""
    generator = torch.Generator().manual_seed(3)
    base = torch.randn(1, 65, generator=generator)
    noises = noise * torch.randn(2, 60, 65, generator=generator)
    images, recipes = (normalize(base + one, dim=1).to(dtype) for one in noises)

    ranks = mid_ranks(images, recipes, block_size=32)

    assert ranks == brute_force_ranks(exact_similarities(images, recipes), np.arange(60))


@given(seed=st.integers(0, 2**16), num_pairs=st.integers(1, 9))
def test_a_distractor_never_improves_a_rank(seed, num_pairs):
    generator = torch.Generator().manual_seed(seed)
    images, recipes = torch.randn(2, num_pairs + 1, 3, generator=generator)

    fewer = pair_ranks(images[:-1], recipes[:-1]).image_to_recipe.mid_ranks
    more = pair_ranks(images, recipes).image_to_recipe.mid_ranks[:-1]

    assert (more >= fewer).all()


@pytest.mark.parametrize("num_pairs", [2, 37, 1003])
@pytest.mark.parametrize("block_size", [64, 1024])
def test_a_constant_embedding_ties_with_everything(num_pairs, block_size):
    """Whatever the matrix product does to the last digits of its edges."""
    row = normalize(torch.randn(1, 129, generator=torch.manual_seed(1)), dim=1)
    same = row.repeat(num_pairs, 1)

    for ranks in mid_ranks(same, same, block_size=block_size):
        assert set(ranks) == {(num_pairs + 1) / 2}


def test_duplicates_of_the_true_match_tie_exactly():
    """Recipes 0, 400 and 800 are the same vector: nothing but rounding tells them apart."""
    generator = torch.Generator().manual_seed(2)
    rows = normalize(torch.randn(901, 257, generator=generator), dim=1)
    rows[400] = rows[800] = rows[0]

    for ranks in mid_ranks(rows, rows, block_size=100):
        assert [ranks[row] for row in (0, 400, 800)] == [2.0, 2.0, 2.0]
        assert set(ranks[1:400]) == {1.0}


def test_products_of_lower_precision_change_no_rank():
    """Autocast, and torch being told to use bfloat16, as trainings may have it."""
    generator = torch.Generator().manual_seed(5)
    images = normalize(torch.randn(200, 64, generator=generator), dim=1)
    recipes = normalize(images + torch.randn(200, 64, generator=generator), dim=1)
    expected = mid_ranks(images, recipes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert mid_ranks(images, recipes) == expected
    torch.set_float32_matmul_precision("medium")
    try:
        assert mid_ranks(images, recipes) == expected
    finally:
        torch.set_float32_matmul_precision("highest")


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
        pair_ranks(*sides)


def test_one_pair_ranks_first_and_none_is_none():
    assert mid_ranks(torch.ones(1, 2), -torch.ones(1, 2)) == [[1.0], [1.0]]
    assert mid_ranks(torch.ones(0, 2), torch.ones(0, 2)) == [[], []]


def test_rows_of_zeros_tie_with_everything():
    assert mid_ranks(torch.zeros(3, 2), torch.eye(3, 2)) == [[2.0] * 3, [2.0] * 3]


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"\(N, D\), got \(2, 3\) and \(3, 3\)"):
        pair_ranks(torch.ones(2, 3), torch.ones(3, 3))
