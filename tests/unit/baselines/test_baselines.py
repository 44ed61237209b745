"""Every baseline against scikit-learn or by hand, and what holds for all of them."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler, normalize

from seje_ray.baselines import cca, nearest, ridge
from seje_ray.baselines.kinds import candidates, chosen_on
from seje_ray.baselines.nearest import mean_of_nearest
from seje_ray.baselines.pairs import Candidate, Pairs, Scaling, unit
from tests.unit.baselines.made_up import related_pairs

NAMES = ("ridge", "cca", "tfidf-knn")


def test_ridge_is_that_of_scikit_learn():
    """Every penalty and number of dimensions: cosines of pairs as by its ``Ridge``."""
    train, other = related_pairs(60, 0), related_pairs(20, 1)
    scaler = StandardScaler().fit(train.images)
    for candidate in ridge.candidates(train):
        dim = int(candidate.settings["dimensions"])
        texts, found = normalize(train.texts[:, :dim]), normalize(other.texts[:, :dim])
        twin = Ridge(alpha=candidate.settings["penalty"])
        twin.fit(scaler.transform(train.images), texts - texts.mean(0))
        predicted = twin.predict(scaler.transform(other.images))
        images, recipes = candidate.embed(other)
        np.testing.assert_allclose(images, normalize(predicted), atol=1e-4)
        np.testing.assert_allclose(recipes, normalize(found - texts.mean(0)), atol=1e-4)


def test_cca_without_shrinkage_finds_the_correlations_that_scikit_learn_finds(monkeypatch):
    """Two components of 200 pairs: the correlation of each equals that of an iterative fit."""
    monkeypatch.setattr(cca, "IMAGE_SHRINKAGES", (0.0,))
    monkeypatch.setattr(cca, "TEXT_SHRINKAGES", (0.0,))
    monkeypatch.setattr(cca, "POWERS", (0.0,))
    monkeypatch.setattr(cca, "MAX_COMPONENTS", 2)
    train = related_pairs(200, 0, noise=1.0)
    (candidate,) = cca.candidates(train)
    images = Scaling.of(train.images).apply(train.images) @ candidate.embed.of_images
    texts = (train.texts - train.texts.mean(0)) @ candidate.embed.of_texts

    twin = CCA(2, max_iter=20_000, tol=1e-12).fit(train.images, train.texts)
    of_twin = twin.transform(train.images, train.texts)
    for component in range(2):
        own = np.corrcoef(images[:, component], texts[:, component])[0, 1]
        others = np.corrcoef(of_twin[0][:, component], of_twin[1][:, component])[0, 1]
        assert own == pytest.approx(others, abs=1e-4)


def test_the_mean_of_the_nearest_by_hand():
    """The two keys nearest to east are east and north-east; their values are 1 and 2."""
    keys = unit(np.array([[1.0, 0.0], [1.0, 1.0], [-1.0, 0.0]]))
    values = np.array([[1.0], [2.0], [4.0]])
    found = mean_of_nearest(np.array([[1.0, 0.0], [-1.0, 0.0]]), keys, values, 2)
    assert found.tolist() == [[1.5], [3.0]]
    assert mean_of_nearest(np.zeros((0, 2)), keys, values, 2).shape == (0, 1)


def test_the_mean_of_the_nearest_is_that_of_a_plain_loop_over_chunks(monkeypatch):
    """Chunks of 4 among 13 queries, sorted in full."""
    monkeypatch.setattr(nearest, "CHUNK", 4)
    drawn = np.random.default_rng(0)
    queries, keys = (unit(drawn.normal(size=(n, 3))) for n in (13, 20))
    values = drawn.normal(size=(20, 2))
    expected = [
        values[sorted(range(20), key=lambda n: -(q @ keys[n]))[:5]].mean(0) for q in queries
    ]
    np.testing.assert_allclose(mean_of_nearest(queries, keys, values, 5), expected, rtol=1e-6)


def test_of_nearest_neighbours_the_similarity_is_that_of_texts_and_of_photos_by_share():
    """Half and half: the cosine of a pair is the mean of both spaces' cosines."""
    train, other = related_pairs(40, 0), related_pairs(6, 1)
    found = {
        candidate.settings["text share"]: candidate.embed(other)
        for candidate in nearest.candidates(train)
        if candidate.settings["neighbours"] == 5
    }
    cosines = {share: images @ recipes.T for share, (images, recipes) in found.items()}
    np.testing.assert_allclose(cosines[0.5], (cosines[0.0] + cosines[1.0]) / 2, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_related_pairs_are_found_again_and_unrelated_ones_are_not(name):
    """Most of 50 new pairs by R@10 above chance of 10 / 50; with texts shuffled, near it."""
    train, val = related_pairs(200, 0), related_pairs(50, 1)
    chosen = chosen_on(val, candidates(name, train))
    order = np.random.default_rng(0).permutation(200)
    shuffled = Pairs(train.ids, train.images, train.texts[order])
    assert chosen.score > 1.5
    assert chosen_on(val, candidates(name, shuffled)).score < 0.8


@pytest.mark.parametrize("name", NAMES)
def test_embeddings_are_finite_unit_rows_or_zeros_whatever_the_numbers(name):
    """A column that never changes, a text of no known word, fewer pairs than dimensions.

    Zeros tie with everything, so they score chance.
    """
    train = related_pairs(4, 0)
    train.images[:, 0] = 3.0
    other = related_pairs(3, 1)
    other.texts[0] = 0.0
    for candidate in candidates(name, train):
        for rows in candidate.embed(other):
            assert rows.dtype == np.float32
            assert np.isfinite(rows).all()
            lengths = np.linalg.norm(rows, axis=1)
            assert np.all((lengths == 0) | (np.abs(lengths - 1) < 1e-5))


def test_val_decides_and_the_first_of_equal_candidates_wins():
    """Right pairs against pairs shifted by one."""
    pairs = related_pairs(10, 0)

    def right(some):
        return some.texts, some.texts

    def shifted(some):
        return np.roll(some.texts, 1, axis=0), some.texts

    found = [Candidate({"n": n}, way) for n, way in enumerate((shifted, right, right))]
    chosen = chosen_on(pairs, found)
    assert chosen.candidate.settings == {"n": 1}
    assert chosen.score == pytest.approx(2.4)
