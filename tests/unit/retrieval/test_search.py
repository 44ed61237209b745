import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.retrieval.ranking import RetrievalError
from seje_ray.retrieval.search import nearest

GALLERY = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8], [1.0, 0.0], [-1.0, 0.0]])


def test_nearest_come_first_and_ties_in_row_order():
    results = nearest(torch.tensor([1.0, 0.0]), GALLERY, 4)

    assert [row for row, _ in results] == [1, 3, 2, 0]
    assert [similarity for _, similarity in results] == pytest.approx([1.0, 1.0, 0.6, 0.0])


def test_no_more_results_than_items():
    assert len(nearest(torch.tensor([1.0, 0.0]), GALLERY, 99)) == 5


def test_numpy_rows_are_taken():
    query = np.array([0.0, 1.0], dtype=np.float32)

    assert nearest(query, GALLERY.numpy(), 1) == [(0, 1.0)]


def test_duplicates_keep_row_order_in_any_gallery():
    generator = torch.Generator().manual_seed(0)
    row = torch.nn.functional.normalize(torch.randn(1, 33, generator=generator))
    gallery = row.repeat(101, 1)

    assert [found for found, _ in nearest(row[0], gallery, 101)] == list(range(101))


@given(seed=st.integers(0, 2**16), num_results=st.integers(1, 70))
def test_nearest_are_those_of_a_sorted_gallery(seed, num_results):
    """Against all similarities in float64, with near ties and exact ones."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.randn(1, 24, generator=generator)
    spread = 10.0 ** -torch.randint(0, 8, (60, 1), generator=generator)
    rows = centre + spread * torch.randn(60, 24, generator=generator)
    gallery = torch.nn.functional.normalize(torch.cat([rows, rows[:10]]))
    query = torch.nn.functional.normalize(centre)[0]

    found = nearest(query, gallery, num_results)

    exact = (gallery.double() @ query.double()).float().tolist()
    expected = sorted(range(70), key=lambda row: (-exact[row], row))[:num_results]
    assert found == [(row, exact[row]) for row in expected]


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(RetrievalError, match="not finite"):
        nearest(torch.tensor([torch.nan, 0.0]), GALLERY, 1)


def test_broken_contracts_are_refused():
    with pytest.raises(ValueError, match=r"\(D,\) and gallery \(N, D\), got \(3,\) and \(5, 2\)"):
        nearest(torch.ones(3), GALLERY, 1)
    with pytest.raises(ValueError, match="num_results must be >= 1, got 0"):
        nearest(torch.ones(2), GALLERY, 0)
