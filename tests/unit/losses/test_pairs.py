"""What a worker compares: which rows are whose, and what is refused."""

import pytest
import torch

from seje_ray.losses.pairs import GlobalPairs
from tests.unit.losses.worker_pairs import pairs_of

IMAGES, RECIPES = torch.eye(2), -torch.eye(2)
IDS = torch.tensor([1, 2])


def test_one_process_holds_the_whole_batch():
    """Its rows are the candidates; without categories all are background."""
    pairs = GlobalPairs.whole(IMAGES, RECIPES, IDS)

    assert (pairs.images, pairs.recipes) == (pairs.image_candidates, pairs.recipe_candidates)
    assert (pairs.images is IMAGES, pairs.recipes is RECIPES) == (True, True)
    assert (pairs.categories is IDS, pairs.candidate_categories is IDS) == (True, True)
    assert pairs.first_candidate == 0
    assert GlobalPairs.whole(IMAGES, RECIPES).categories.tolist() == [0, 0]


def test_candidates_are_rows_of_the_other_modality():
    """Of a worker that holds pair 1 of two."""
    (images, recipe_candidates), (recipes, image_candidates) = pairs_of(
        IMAGES, RECIPES, own=slice(1, 2)
    ).directions

    assert torch.equal(images, IMAGES[1:])
    assert torch.equal(recipes, RECIPES[1:])
    assert recipe_candidates is RECIPES
    assert image_candidates is IMAGES


def test_pools_are_those_of_the_own_rows():
    """Pools of ten are 0-2, 3-5 and 6-9; the worker's rows are 4 to 7."""
    rows = torch.zeros(10, 3)

    pools = pairs_of(rows, rows, own=slice(4, 8)).pools(4)

    assert pools.rows(pools.own_columns).tolist() == [4, 5, 6, 7]
    assert pools.first_candidates.tolist() == [3, 3, 6, 6]
    assert pairs_of(rows, rows).pools().is_own.shape == (10, 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipes": torch.ones(3, 2)}, r"one shape \(rows, D\), got \(2, 2\) and \(3, 2\)"),
        ({"image_candidates": torch.ones(2, 3)}, r"got \(2, 3\) and \(2, 2\)"),
        ({"images": torch.ones(2), "recipes": torch.ones(2)}, r"got \(2,\) and \(2,\)"),
        ({"candidate_categories": torch.tensor([1])}, "2 and 2 category ids, got 2 and 1"),
        ({"categories": torch.tensor([1, 2, 3])}, "2 and 2 category ids, got 3 and 2"),
        ({"first_candidate": 1}, "rows 1 to 3 are not among 2 candidates"),
        ({"first_candidate": -1}, "rows -1 to 1 are not among 2 candidates"),
    ],
)
def test_broken_contracts_are_refused(change, message):
    arguments = {
        "images": IMAGES,
        "recipes": RECIPES,
        "image_candidates": IMAGES,
        "recipe_candidates": RECIPES,
        "categories": IDS,
        "candidate_categories": IDS,
        "first_candidate": 0,
    }

    with pytest.raises(ValueError, match=message):
        GlobalPairs(**{**arguments, **change})


@pytest.mark.parametrize(("num_pairs", "num_candidates"), [(0, 2), (1, 1), (0, 0)])
def test_no_pair_and_no_negative_are_refused(num_pairs, num_candidates):
    rows, ids = torch.ones(num_candidates, 3), torch.ones(num_candidates)

    with pytest.raises(ValueError, match=f"2 candidates, got {num_pairs} and {num_candidates}"):
        pairs_of(rows, rows, ids, own=slice(0, num_pairs))
