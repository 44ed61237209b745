import pytest
import torch

from seje_ray.retrieval.protocol import RetrievalResult, evaluate_retrieval, selection_score
from seje_ray.retrieval.ranking import RetrievalError


def pairs(num_pairs, dim=3, seed=0, noise=0.7):
    """Recipes are noisy copies of their images."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(num_pairs, dim, generator=generator)
    recipes = images + noise * torch.randn(num_pairs, dim, generator=generator)
    normalize = torch.nn.functional.normalize
    return [f"{n:04d}" for n in range(num_pairs)], normalize(images), normalize(recipes)


def test_both_directions_by_hand():
    """Image i asks row i, recipe j asks column j of [[.9, .8, 0], [.9, .5, 0], [.1, 0, .2]]."""
    similarities = torch.tensor([[0.9, 0.8, 0.0], [0.9, 0.5, 0.0], [0.1, 0.0, 0.2]])
    # image to recipe: ranks 1, 2, 1; recipe to image: 1.5 (a tie with image 1), 2, 1

    result = evaluate_retrieval(
        ["a", "b", "c"], similarities, torch.eye(3), gallery_size=9, num_repeats=7, seed=1
    )

    means = result.means()
    assert (result.gallery_size, result.num_repeats) == (3, 1)
    assert means["median_rank/image_to_recipe"] == 1.0
    assert means["median_rank/recipe_to_image"] == 1.5
    assert means["recall_at_1/image_to_recipe"] == pytest.approx(2 / 3)
    assert means["recall_at_1/recipe_to_image"] == pytest.approx((0.5 + 0 + 1) / 3)
    assert means["recall_at_5/image_to_recipe"] == means["recall_at_10/recipe_to_image"] == 1.0
    assert set(result.deviations().values()) == {0.0}
    assert means["mean_reciprocal_rank/image_to_recipe"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    # recipe 0 ties with one: (1 / 1 + 1 / 2) / 2
    assert means["mean_reciprocal_rank/recipe_to_image"] == pytest.approx((0.75 + 0.5 + 1) / 3)
    assert means["recall_sum"] == pytest.approx(2 / 3 + 1.5 / 3 + 4 * 1)
    assert len(means) == 11


def test_perfect_embeddings_are_perfect_and_reversed_ones_are_not():
    ids, images, _ = pairs(30)

    best = evaluate_retrieval(ids, images, images, gallery_size=20, num_repeats=3, seed=0)
    worst = evaluate_retrieval(ids, images, -images, gallery_size=20, num_repeats=3, seed=0)

    assert best.means()["recall_at_1/image_to_recipe"] == 1.0
    assert worst.means()["median_rank/recipe_to_image"] == 20.0
    assert selection_score(best) == pytest.approx(2.4)
    assert selection_score(worst) == 0.0


def test_means_and_deviations_are_over_the_galleries():
    """Sample standard deviation of 1, 2 and 6 is sqrt(((-2)^2 + 1 + 9) / 2)."""
    result = RetrievalResult(10, 3, {"median_rank/image_to_recipe": (1.0, 2.0, 6.0)})

    assert result.means() == {"median_rank/image_to_recipe": 3.0}
    assert result.deviations()["median_rank/image_to_recipe"] == pytest.approx(7**0.5)


def test_selection_score_by_hand():
    """(0.2 + 0.8 * 0.4 + 0.6 * 0.5) = 0.82 and (0.1 + 0.8 * 0.2 + 0.6 * 0.3) = 0.44."""
    recalls = {
        "image_to_recipe": (0.2, 0.4, 0.5),
        "recipe_to_image": (0.1, 0.2, 0.3),
    }
    values = {
        f"recall_at_{k}/{direction}": (value,)
        for direction, row in recalls.items()
        for k, value in zip((1, 5, 10), row, strict=True)
    }

    assert selection_score(RetrievalResult(100, 1, values)) == pytest.approx(0.63)


def test_order_of_rows_changes_nothing():
    ids, images, recipes = pairs(50)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(4))
    options = {"gallery_size": 20, "num_repeats": 4, "seed": 3}

    result = evaluate_retrieval(ids, images, recipes, **options)

    moved = evaluate_retrieval([ids[i] for i in order], images[order], recipes[order], **options)
    assert moved == result
    assert evaluate_retrieval(ids, images.numpy(), recipes.numpy(), **options) == result


def test_a_constant_embedding_is_chance_in_every_number():
    same = torch.full((40, 8), 8**-0.5)

    means = evaluate_retrieval(
        [str(n) for n in range(40)], same, same, gallery_size=25, num_repeats=3, seed=0
    ).means()

    for direction in ("image_to_recipe", "recipe_to_image"):
        assert means[f"median_rank/{direction}"] == 13.0
        for k in (1, 5, 10):
            assert means[f"recall_at_{k}/{direction}"] == pytest.approx(k / 25)


def test_nan_embedding_is_refused():
    ids, images, recipes = pairs(5)
    recipes[3, 0] = torch.nan

    with pytest.raises(RetrievalError, match="1 of 5 pairs"):
        evaluate_retrieval(ids, images, recipes, gallery_size=5, num_repeats=1, seed=0)


def test_no_pair_is_told():
    with pytest.raises(RetrievalError, match="no pair to rank"):
        evaluate_retrieval(
            [], torch.ones(0, 2), torch.ones(0, 2), gallery_size=5, num_repeats=1, seed=0
        )


def test_one_pair_is_its_own_gallery():
    result = evaluate_retrieval(
        ["a"], torch.ones(1, 2), torch.ones(1, 2), gallery_size=1000, num_repeats=10, seed=0
    )

    assert (result.gallery_size, result.num_repeats) == (1, 1)
    assert result.means()["median_rank/image_to_recipe"] == 1.0  # as chance has it


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a", "a"]}, "got 2 with 1 different"),
        ({"ids": ["a"]}, r"expected 1 rows in both embeddings, got \(2, 2\)"),
        ({"recipe_embeddings": torch.ones(3, 2)}, r"got \(2, 2\) and \(3, 2\)"),
        ({"gallery_size": 0}, "must be >= 1, got 0 and 2"),
        ({"num_repeats": 0}, "must be >= 1, got 2 and 0"),
    ],
)
def test_broken_contracts_are_refused(change, message):
    arguments = {
        "ids": ["a", "b"],
        "image_embeddings": torch.ones(2, 2),
        "recipe_embeddings": torch.ones(2, 2),
        "gallery_size": 2,
        "num_repeats": 2,
        "seed": 0,
    }

    with pytest.raises(ValueError, match=message):
        evaluate_retrieval(**{**arguments, **change})
