"""Categories of recipes whose title names none."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seje_ray.calibration.category_backoff import (
    CategoryBackoff,
    categories_of_classes,
    fit_category_backoff,
    image_votes,
    lowest_threshold,
)

NO_TERM = [0.0, 0.0]
MEANS = np.asarray([NO_TERM, [1, 0], [0, 2], NO_TERM])  # background, 1 east, 2 north, 3 no member


def test_the_nearest_category_by_hand():
    """Cosines with east and north: (0.6, 0.8), (1, 0), (-0.7, -0.7), none, and 0.8 again."""
    backoff = CategoryBackoff(MEANS, 0.8)
    vectors = np.asarray([[3, 4], [0.1, 0], [-1, -1], NO_TERM, [4, 3]])

    ids, sources = backoff.assign(vectors)

    assert ids.tolist() == [2, 1, 0, 0, 1]
    assert sources == ["nearest", "nearest", "background", "background", "nearest"]
    assert ids.dtype == np.int32


def test_photos_vote_where_the_text_is_not_near_enough():
    """Row 0 is near; 1 and 2 are voted; 3 has no majority; 4 no photo; 5 sees background."""
    backoff = CategoryBackoff(MEANS, 0.9, min_vote=0.6)
    vectors = np.asarray([[1, 0], [1, 1], NO_TERM, [1, 1], [1, 1], [1, 1]])
    votes = np.asarray(
        [[0, 0, 1, 0], [0, 0, 0.7, 0.3], [0, 0.4, 0, 0.6], [0, 0.5, 0.5, 0], [0] * 4, [1, 0, 0, 0]]
    )

    ids, sources = backoff.assign(vectors, votes)

    assert ids.tolist() == [1, 2, 3, 0, 0, 0]
    assert sources == ["nearest", "image_vote", "image_vote", *["background"] * 3]


def test_categories_from_titles_stay():
    backoff = CategoryBackoff(MEANS, 0.5)
    ids = np.asarray([3, 0, 2, 0], np.int32)
    sources = ["food101", "background", "bigram", "background"]
    vectors = np.asarray([[1, 0], [1, 0], [1, 0], NO_TERM])
    votes = np.eye(4)[[1, 2, 1, 2]]

    filled, told = backoff.fill(ids, sources, vectors, votes)

    assert filled.tolist() == [3, 1, 2, 2]
    assert told == ["food101", "nearest", "bigram", "image_vote"]
    assert ids.tolist() == [3, 0, 2, 0]
    assert backoff.fill(ids, sources, vectors)[1][3] == "background"


def test_rows_do_not_depend_on_the_others_of_their_shard():
    generator = np.random.default_rng(0)
    backoff = CategoryBackoff(generator.normal(size=(9, 5)), 0.4)
    vectors, votes = generator.normal(size=(30, 5)), generator.dirichlet(np.ones(9), 30)

    ids, sources = backoff.assign(vectors, votes)

    one_by_one = [backoff.assign(vectors[i : i + 1], votes[i : i + 1]) for i in range(30)]
    assert ids.tolist() == [int(found[0]) for found, _ in one_by_one]
    assert sources == [source for _, (source,) in one_by_one]


def plain_left_out(vectors, ids, num_categories):
    """(cosine, right) of each labelled row by three loops."""
    found = []
    for i, (vector, id_) in enumerate(zip(vectors, ids, strict=True)):
        best = (-math.inf, 0)
        for category in range(1, num_categories):
            others = [v for j, v in enumerate(vectors) if ids[j] == category and j != i]
            mean = np.mean(others, axis=0) if others else np.zeros(vectors.shape[1])
            lengths = np.linalg.norm(mean) * np.linalg.norm(vector)
            if lengths > 0:
                best = max(best, (float(mean @ vector / lengths), -category))
        if id_ > 0:
            found.append((best[0], -best[1] == id_))
    return found


@given(data=st.data())
def test_the_fit_equals_a_plain_leave_one_out(data):
    """Threshold: the lowest cosine of a right share of at least the precision, by trying all."""
    num_rows = data.draw(st.integers(0, 14))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    vectors = generator.normal(size=(num_rows, 3)) + 1
    vectors[data.draw(hnp.arrays(np.bool_, num_rows))] = 0  # recipes without a known term
    ids = data.draw(hnp.arrays(np.int64, num_rows, elements=st.integers(0, 3)))
    precision = data.draw(st.sampled_from([0.3, 0.5, 0.8, 1.0]))
    cut = data.draw(st.integers(0, num_rows))

    backoff = fit_category_backoff(
        [(vectors[:cut], ids[:cut]), (vectors[cut:], ids[cut:])], 4, precision=precision
    )

    plain = plain_left_out(vectors, ids, 4)
    right = {}
    for cosine, _ in plain:
        taken = [is_right for other, is_right in plain if other >= cosine - 1e-9]
        right[cosine] = sum(taken) / len(taken)
    possible = [c for c, share in right.items() if share >= precision and c > -math.inf]
    expected = min(possible, default=math.inf) if len(set(ids) - {0}) > 1 else math.inf
    assert backoff.threshold == pytest.approx(expected, abs=1e-9)
    assert backoff.facts["num_labelled"] == len(plain)
    for category in range(1, 4):
        members = vectors[ids == category]
        mean = members.mean(axis=0) if len(members) else np.zeros(3)
        np.testing.assert_allclose(backoff.means[category], mean, rtol=1e-6)
    assert not backoff.means[0].any()


def test_the_threshold_by_hand():
    """Right shares from the top: 1, 1/2 and 2/3 (a tie goes together: 2/3), 3/4, 3/5."""
    values, is_right = np.asarray([0.9, 0.8, 0.8, 0.7, 0.1]), np.asarray([1, 0, 1, 1, 0], bool)
    assert lowest_threshold(values, is_right, 0.7) == 0.7
    assert lowest_threshold(values, is_right, 0.8) == 0.9
    assert lowest_threshold(values, is_right, 0.6) == 0.1
    assert lowest_threshold(values[1:], is_right[1:], 1.0) == math.inf
    assert lowest_threshold(np.zeros(0), np.zeros(0, bool), 0.5) == math.inf


@pytest.mark.parametrize(
    "ids",
    [[0, 0, 0, 0], [1, 1, 1, 1], [0, 2, 2, 0], [1, 2, 3, 0], []],
    ids=["no class", "one class", "one class and background", "one member each", "no recipe"],
)
def test_where_nothing_can_be_learned_all_stay_background(ids):
    vectors = np.asarray([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])[: len(ids)]

    backoff = fit_category_backoff([(vectors, np.asarray(ids, np.int64))], 4)

    assert backoff.threshold == math.inf
    if len(ids):
        assert backoff.assign(vectors)[0].tolist() == [0] * len(ids)


def test_background_alone_has_nothing_to_assign(tmp_path):
    backoff = fit_category_backoff([], 1)
    backoff.save(tmp_path)
    assert CategoryBackoff.load(tmp_path).assign(np.ones((2, 3)), np.ones((2, 1)))[1] == [
        "background", "background",
    ]  # fmt: skip
    assert backoff.assign(np.zeros((0, 3)))[0].tolist() == []


def test_rows_that_can_be_read_only_once_are_refused():
    rows = [(np.eye(2), np.asarray([1, 2]))]
    with pytest.raises(ValueError, match="readable twice"):
        fit_category_backoff(iter(rows), 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_raise(bad):
    vectors = np.asarray([[bad, 0.0]])
    with pytest.raises(ValueError, match="not finite"):
        fit_category_backoff([(vectors, np.asarray([1]))], 2)
    with pytest.raises(ValueError, match="not finite"):
        CategoryBackoff(MEANS, 0.5).assign(vectors)
    with pytest.raises(ValueError, match="not finite"):
        CategoryBackoff(MEANS, 0.5).assign(np.ones((1, 2)), np.full((1, 4), bad))


def test_it_survives_the_disk(tmp_path):
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(40, 6)) + np.repeat(np.eye(6)[:4] * 3, 10, axis=0)
    rows = [(vectors, np.repeat([1, 2, 3, 4], 10))]
    backoff = fit_category_backoff(rows, 5, precision=0.9, min_vote=0.25)
    backoff.save(tmp_path)

    loaded = CategoryBackoff.load(tmp_path)

    assert (loaded.threshold, loaded.min_vote) == (backoff.threshold, 0.25)
    assert loaded.facts == backoff.facts
    assert backoff.facts["share_right"] > 0.9
    assert loaded.means.tobytes() == backoff.means.tobytes()
    assert math.isfinite(loaded.threshold)


def test_votes_of_photos_by_hand():
    """Classes a, b, c; b is category 3, c category 1, a none. Recipe 1 has no photo."""
    of_class = categories_of_classes(["background", "a", "b", "c"], ["background", "c", "x", "b"])
    assert of_class.tolist() == [0, 0, 3, 1]
    probabilities = np.asarray([[0, 0.5, 0.5, 0], [0, 0, 0.25, 0.75], [0, 1, 0, 0]])

    votes = image_votes(probabilities, np.asarray([2, 0, 1]), of_class, 4)

    assert votes.tolist() == [[0, 0.375, 0, 0.375], [0] * 4, [0] * 4]
    assert votes.dtype == np.float32
    assert image_votes(np.zeros((0, 4)), np.asarray([0]), of_class, 4).tolist() == [[0] * 4]


@pytest.mark.parametrize("value", [0.0, 1.1])
def test_shares_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match="precision"):
        fit_category_backoff([], 2, precision=value)
    with pytest.raises(ValueError, match="min_vote"):
        CategoryBackoff(MEANS, 0.5, min_vote=value)
