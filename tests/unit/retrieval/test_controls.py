import numpy as np
import pytest
import torch

from seje_ray.retrieval.controls import category_oracle, chance, model_and_shuffled
from seje_ray.retrieval.galleries import draw_galleries
from seje_ray.retrieval.protocol import evaluate_retrieval

IDS = [f"{n:03d}" for n in range(60)]
CATEGORIES = np.array([n % 7 for n in range(60)])
DRAWN = {"gallery_size": 30, "num_repeats": 5, "seed": 2}
GALLERIES = draw_galleries(IDS, **DRAWN)


def shuffled_pairs(ids, images, recipes, *, seed, **drawn):
    galleries = draw_galleries(ids, seed=seed, **drawn)
    return model_and_shuffled(ids, images, recipes, galleries, seed)[1]


def test_chance_is_the_closed_form():
    means = chance(50).means()

    assert means["median_rank/image_to_recipe"] == means["median_rank/recipe_to_image"] == 25.5
    assert means["recall_at_1/image_to_recipe"] == 0.02
    assert means["recall_at_10/recipe_to_image"] == 0.2
    assert means["recall_sum"] == pytest.approx(2 * (1 + 5 + 10) / 50)


def test_chance_of_mrr_is_that_of_every_rank_equally_often():
    assert chance(3).means()["mean_reciprocal_rank/image_to_recipe"] == pytest.approx(11 / 18)


def test_chance_of_a_gallery_smaller_than_k():
    assert chance(4).means()["recall_at_5/image_to_recipe"] == 1.0
    with pytest.raises(ValueError, match="gallery_size must be >= 1, got 0"):
        chance(0)


def test_oracle_by_hand():
    """Categories of 4, 2 and 1 members: mid-ranks 2.5, 1.5 and 1, R@1 1/4, 1/2 and 1."""
    means = category_oracle([5, 5, 0, 5, 0, 5, 9], [np.arange(7)]).means()

    for direction in ("image_to_recipe", "recipe_to_image"):
        assert means[f"median_rank/{direction}"] == 2.5  # of 1, 1.5, 1.5, 2.5 four times
        assert means[f"recall_at_1/{direction}"] == pytest.approx((4 / 4 + 2 / 2 + 1) / 7)
        assert means[f"recall_at_5/{direction}"] == 1.0


def test_oracle_is_a_model_that_embeds_the_category_alone():
    one_hot = torch.eye(7)[CATEGORIES]

    found = category_oracle(CATEGORIES, GALLERIES)

    expected = evaluate_retrieval(IDS, one_hot, one_hot, **DRAWN)
    assert (found.gallery_size, found.num_repeats) == (30, 5)
    for key, values in expected.values.items():
        assert found.values[key] == pytest.approx(values)


def test_oracle_of_one_category_is_chance():
    means = category_oracle([3] * 60, GALLERIES).means()

    assert means == pytest.approx(chance(30).means())


def test_shuffled_pairs_of_a_perfect_model_are_at_chance_on_average():
    """40 shuffles of 20 pairs: each metric's mean lies within 4 standard errors of chance."""
    ids, rows = IDS[:20], torch.eye(20)
    runs = [
        shuffled_pairs(ids, rows, rows, gallery_size=20, num_repeats=1, seed=seed).means()
        for seed in range(40)
    ]

    for key, expected in chance(20).means().items():
        if key.startswith("recall"):
            values = np.array([run[key] for run in runs])
            assert abs(values.mean() - expected) < 4 * values.std(ddof=1) / 40**0.5, key


def test_shuffled_pairs_keep_every_image_and_recipe():
    """All images are the same but one: recipes lose only which image is theirs."""
    images = torch.eye(60)
    means = shuffled_pairs(IDS, images, images, gallery_size=60, num_repeats=1, seed=0).means()

    # A permutation with f fixed points has exactly f hits in both directions, other items at a
    # similarity of 0 tie: a lost image or a repeated one would make the directions differ.
    assert means["recall_at_1/image_to_recipe"] == means["recall_at_1/recipe_to_image"] < 0.1
    assert means["median_rank/image_to_recipe"] == means["median_rank/recipe_to_image"] > 20


def test_shuffle_depends_on_ids_and_seed_not_on_the_order_of_rows():
    generator = torch.Generator().manual_seed(0)
    images, recipes = torch.randn(2, 60, 4, generator=generator)
    order = torch.randperm(60, generator=generator)

    result = shuffled_pairs(IDS, images, recipes, **DRAWN)

    moved = shuffled_pairs([IDS[i] for i in order], images[order], recipes[order], **DRAWN)
    assert moved == result
    assert shuffled_pairs(IDS, images, recipes, **{**DRAWN, "seed": 3}) != result
    assert evaluate_retrieval(IDS, images, recipes, **DRAWN) != result


def test_the_model_beside_its_shuffled_self_is_the_model_alone():
    """And what has been ranked is reported, gallery by gallery."""
    images, recipes = torch.randn(2, 60, 4, generator=torch.Generator().manual_seed(0))
    reported = []

    model, _ = model_and_shuffled(IDS, images, recipes, GALLERIES, 2, reported.append)

    assert model == evaluate_retrieval(IDS, images, recipes, **DRAWN)
    assert reported == [30] * 5
