"""Hubs, and a correction for them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from seje_ray.retrieval.hubness import EXTRA_DIMS, corrected_images, corrected_recipes, hubness


def unit_rows(number, dim=5, seed=0):
    """Random unit rows."""
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(number, dim, generator=generator), dim=1)


@pytest.mark.parametrize("num_neighbours", [1, 3, 50])
def test_hubness_is_the_mean_of_the_largest_cosines(num_neighbours):
    """Against a plain loop; more neighbours than the bank holds are all of it."""
    rows, bank = unit_rows(7), unit_rows(9, seed=1)

    found = hubness(rows, bank, num_neighbours)

    for row, value in zip(rows, found, strict=True):
        cosines = sorted((float(row @ other) for other in bank), reverse=True)[:num_neighbours]
        assert float(value) == pytest.approx(sum(cosines) / len(cosines), abs=1e-6)


@given(weight=st.floats(0, 3), seed=st.integers(0, 100))
def test_corrected_rows_are_unit_rows_whose_cosine_is_the_corrected_similarity(weight, seed):
    """``(cos - weight * (hub of one + hub of the other)) / (2 + weight^2)``."""
    images, recipes = unit_rows(4, seed=seed), unit_rows(6, seed=seed + 1)
    hubs = torch.linspace(-1, 1, 4), torch.linspace(0.9, -0.5, 6)

    ours, theirs = (
        corrected_images(images, hubs[0], weight),
        corrected_recipes(recipes, hubs[1], weight),
    )

    assert ours.shape == (4, 5 + EXTRA_DIMS)
    torch.testing.assert_close(ours.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(theirs.norm(dim=1), torch.ones(6))
    expected = images @ recipes.T - weight * (hubs[0][:, None] + hubs[1])
    torch.testing.assert_close(ours @ theirs.T, expected / (2 + weight**2), atol=1e-5, rtol=1e-5)


def test_a_query_needs_no_bank():
    """Its own hubness is the same for all items of a gallery, so their order does not change."""
    images, recipes = unit_rows(4), unit_rows(6, seed=1)
    hubs = torch.linspace(0.1, 0.9, 6)
    gallery = corrected_recipes(recipes, hubs, 0.5)

    known = corrected_images(images, torch.linspace(0.2, 0.8, 4), 0.5) @ gallery.T
    unknown = corrected_images(images, None, 0.5) @ gallery.T

    assert known.argsort(dim=1).equal(unknown.argsort(dim=1))


def test_a_hub_is_found_less():
    """Two equally near recipes: the one that is near to everything comes second."""
    image = torch.tensor([[1.0, 0.0]])
    recipes = torch.tensor([[0.6, 0.8], [0.6, -0.8]])
    bank = torch.tensor([[0.0, 1.0]])

    gallery = corrected_recipes(recipes, hubness(recipes, bank, 1), 0.5)
    [similarities] = corrected_images(image, None, 0.5) @ gallery.T

    assert float(image @ recipes[0]) == float(image @ recipes[1])
    assert similarities[0] < similarities[1]
