"""Numbers of a collapse: by hand, against slow twins, and on models that are known to be one."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.training.guards import (
    discriminator_accuracy,
    effective_rank,
    mean_cosine,
    signs_of_collapse,
    spread,
)

CONSTANT = torch.full((9, 4), 0.5)


def unit_rows(num_rows, dim, seed=0):
    rows = torch.randn(num_rows, dim, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=1)


def half_rectified(num_rows, dim, seed):
    """What BatchNorm and LeakyReLU make of independent features."""
    rows = torch.randn(num_rows, dim, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(torch.nn.functional.leaky_relu(rows, 0.02), dim=1)


def signs(images, recipes, *, score=1.0, best=1.0):
    metrics = {f"val/{key}": value for key, value in spread(images, recipes).items()}
    return signs_of_collapse(
        metrics | {"val/selection_score": score},
        num_pairs=len(images),
        embedding_dim=images.shape[1],
        best_score=best,
    )


def test_mean_cosine_by_hand():
    """Rows at 0, 60 and 180 degrees: cosines 1/2, -1 and -1/2, mean -1/3."""
    rows = torch.tensor([[1.0, 0.0], [0.5, math.sqrt(3) / 2], [-1.0, 0.0]])

    assert mean_cosine(rows) == pytest.approx(-1 / 3)
    assert mean_cosine(CONSTANT) == pytest.approx(1)
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        mean_cosine(rows[:1])


@given(seed=st.integers(0, 99), num_rows=st.integers(2, 9), dim=st.integers(1, 6))
def test_mean_cosine_and_rank_equal_plain_twins(seed, num_rows, dim):
    """Each pair on its own; the singular values of the matrix itself."""
    rows = unit_rows(num_rows, dim, seed).double()
    cosines = [float(rows[i] @ rows[j]) for i in range(num_rows) for j in range(i)]
    values = torch.linalg.svdvals(rows)
    shares = [float(v / values.sum()) for v in values if v > 1e-12]
    entropy = -sum(share * math.log(share) for share in shares)

    assert mean_cosine(rows) == pytest.approx(sum(cosines) / len(cosines))
    assert effective_rank(rows) == pytest.approx(math.exp(entropy), rel=1e-5)


def test_effective_rank_by_hand():
    """Equal singular values count each; 3 and 1 give exp(-(3/4 ln 3/4 + 1/4 ln 1/4))."""
    assert effective_rank(torch.eye(5)) == pytest.approx(5)
    assert effective_rank(torch.eye(5)[:, :3]) == pytest.approx(3)
    two = torch.tensor([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert effective_rank(two) == pytest.approx(4 * 3 ** (-3 / 4))
    assert effective_rank(CONSTANT) == pytest.approx(1, abs=1e-4)
    assert effective_rank(CONSTANT.T[:, :2]) == pytest.approx(1, abs=1e-4)


def test_discriminator_accuracy_by_hand():
    """Critic: of 2 x 3 pairs four are right and one ties. Logits: 1.5 of 2 and 1 of 3 are right."""
    images, recipes = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 0.0, -3.0])

    # 2 > 1, 2 > 0, 2 > -3; 0 < 1, 0 = 0, 0 > -3
    assert discriminator_accuracy(images, recipes, has_threshold=False) == pytest.approx(4.5 / 6)
    # images 2 > 0 right, 0 half; recipes 1 > 0 wrong, 0 half, -3 right
    assert discriminator_accuracy(images, recipes, has_threshold=True) == pytest.approx(3 / 5)


@given(
    images=st.lists(st.integers(-3, 3), min_size=1, max_size=8),
    recipes=st.lists(st.integers(-3, 3), min_size=1, max_size=8),
)
def test_critics_accuracy_equals_counting_all_pairs(images, recipes):
    """Small integers, so that ties are real ties."""
    counted = sum((i > r) + (i == r) / 2 for i in images for r in recipes)

    found = discriminator_accuracy(
        torch.tensor(images).float(), torch.tensor(recipes).float(), has_threshold=False
    )

    assert found == pytest.approx(counted / len(images) / len(recipes))


@pytest.mark.parametrize("has_threshold", [False, True])
def test_a_discriminator_that_cannot_tell_has_one_half(has_threshold):
    """Constant scores; and the best has 1."""
    same = torch.zeros(7)
    assert discriminator_accuracy(same, same, has_threshold=has_threshold) == 0.5
    assert discriminator_accuracy(same + 1, same - 1, has_threshold=has_threshold) == 1.0


def test_a_constant_model_is_collapsed():
    """Either side alone suffices; a millionth of noise hides nothing."""
    other = unit_rows(9, 4)
    noisy = CONSTANT + 1e-6 * other

    (sign,) = signs(CONSTANT, other)
    assert sign == "image embeddings are nearly all the same, mean cosine 1.000"
    assert len(signs(noisy, noisy)) == 2


@pytest.mark.parametrize(("num_pairs", "dim"), [(47, 1024), (394, 256), (2000, 64), (20, 6)])
def test_random_models_are_not_collapsed(num_pairs, dim):
    """Neither points on the sphere nor what an untrained head gives."""
    for make in (unit_rows, half_rectified):
        assert signs(make(num_pairs, dim, 1), make(num_pairs, dim, 2)) == []


def test_embeddings_along_a_few_directions_are_collapsed():
    """400 pairs around 3 points of a space of 256 dimensions: far apart, yet all alike."""
    places = unit_rows(3, 256)[torch.arange(400) % 3]
    few = torch.nn.functional.normalize(places + 0.001 * unit_rows(400, 256, 5), dim=1)

    (sign,) = signs(few, unit_rows(400, 256, 6))

    assert "image embeddings use" in sign
    assert sign.endswith("of 256 possible directions")


def test_a_score_that_falls_to_less_than_a_fifth_is_a_collapse():
    """As from R@1 31 % to 1 %; the first epoch has nothing to fall from."""
    rows = unit_rows(50, 8), unit_rows(50, 8, 3)

    assert signs(*rows, score=0.1, best=0.6) == ["the val score fell to 0.100 from 0.600"]
    assert signs(*rows, score=0.13, best=0.6) == []
    assert signs(*rows, score=0.0, best=-1.0) == []
