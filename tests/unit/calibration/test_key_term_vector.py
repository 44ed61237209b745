"""f_term by hand."""

import numpy as np
import pytest

from seje_ray.calibration.key_term_vector import key_term_vector
from seje_ray.calibration.word_vectors import WordVectors

VECTORS = WordVectors(["salt", "rice"], np.asarray([[3.0, 0.0], [0.0, 4.0]], np.float32))


@pytest.mark.parametrize(
    ("normalisation", "expected"),
    [
        # 1 * (3, 0) + 3 * (0, 4) = (3, 12); the missing term carries no weight
        ("sum", [3.0, 12.0]),
        ("weighted_mean", [3 / 4, 12 / 4]),
        ("l2", [3 / 153**0.5, 12 / 153**0.5]),
    ],
)
def test_weighted_vector_by_hand(normalisation, expected):
    vector, num_missing = key_term_vector(
        ["salt", "fish", "rice"], [1.0, 50.0, 3.0], VECTORS, normalisation=normalisation
    )

    assert vector == pytest.approx(np.asarray(expected))
    assert vector.dtype == np.float32
    assert num_missing == 1


def test_weighted_mean_is_the_default():
    vector, _ = key_term_vector(["salt"], [7.0], VECTORS)

    assert vector.tolist() == [3.0, 0.0]


@pytest.mark.parametrize("normalisation", ["sum", "weighted_mean", "l2"])
@pytest.mark.parametrize(("terms", "scores"), [([], []), (["fish"], [2.0]), (["salt"], [0.0])])
def test_without_anything_to_weigh_the_vector_is_zero(normalisation, terms, scores):
    vector, num_missing = key_term_vector(terms, scores, VECTORS, normalisation=normalisation)

    assert vector.tolist() == [0.0, 0.0]
    assert num_missing == (terms == ["fish"])


def test_a_term_without_a_score_is_refused():
    with pytest.raises(ValueError, match="zip"):
        key_term_vector(["salt"], [], VECTORS)
