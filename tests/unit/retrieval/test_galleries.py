"""How galleries are drawn: our own draw, and those of released codes."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.retrieval.galleries import draw_galleries, num_left_out, preset_counts

RELEASED = ("im2recipe", "im2recipe-pytorch")


@given(num_pairs=st.integers(1, 20), size=st.integers(1, 25), repeats=st.integers(1, 4))
def test_galleries_hold_different_pairs_and_no_more_than_there_are(num_pairs, size, repeats):
    ids = [f"r{n}" for n in range(num_pairs)]

    galleries = draw_galleries(ids, gallery_size=size, num_repeats=repeats, seed=5)

    assert len(galleries) == (repeats if size < num_pairs else 1)
    for rows in galleries:
        assert len(set(rows.tolist())) == len(rows) == min(size, num_pairs)
        assert set(rows.tolist()) <= set(range(num_pairs))


def test_galleries_depend_on_seed_and_repeat():
    ids = [f"{n:03d}" for n in range(200)]

    def drawn(num_repeats, seed):
        galleries = draw_galleries(ids, gallery_size=20, num_repeats=num_repeats, seed=seed)
        return [rows.tolist() for rows in galleries]

    assert drawn(3, 0) == drawn(3, 0)
    assert drawn(3, 0)[:2] == drawn(2, 0)
    assert drawn(1, 0) != drawn(1, 1)
    assert drawn(2, 0)[0] != drawn(2, 0)[1]


def test_every_pair_is_drawn_in_the_long_run():
    ids = [f"{n}" for n in range(12)]
    galleries = draw_galleries(ids, gallery_size=4, num_repeats=60, seed=0)

    assert {int(row) for rows in galleries for row in rows} == set(range(12))


def released_rank_py(ids, size, *, are_rows_sorted):
    """The galleries of im2recipe's rank.py, as sets of ids, written down from its text."""
    random.seed(1234)
    order = np.argsort(ids)
    rows = np.array(ids)[order] if are_rows_sorted else np.array(ids)
    return [set(rows[random.sample(range(len(ids)), size)]) for _ in range(10)]


@pytest.mark.parametrize("draw", RELEASED)
def test_released_galleries_hold_the_same_pairs(draw):
    """im2recipe sorts names and vectors; its successors sort the names, but not the vectors."""
    ids = [f"{n:x}" for n in np.random.default_rng(0).permutation(300)]
    expected = released_rank_py(ids, 20, are_rows_sorted=draw == "im2recipe")

    found = draw_galleries(ids, gallery_size=20, num_repeats=10, seed=1234, draw=draw)

    assert [{ids[row] for row in rows} for rows in found] == expected


@pytest.mark.parametrize("draw", ["seeded", *RELEASED, "consecutive"])
def test_every_draw_gives_different_pairs_in_the_order_of_their_ids(draw):
    ids = [f"{n:03d}" for n in np.random.default_rng(0).permutation(100)]

    for rows in draw_galleries(ids, gallery_size=30, num_repeats=3, seed=0, draw=draw):
        drawn = [ids[row] for row in rows]
        assert drawn == sorted(set(drawn))
        assert len(drawn) == 30


@pytest.mark.parametrize("draw", ["seeded", "im2recipe"])
def test_draws_over_sorted_ids_do_not_depend_on_the_order_of_rows(draw):
    ids = [f"{n:03d}" for n in range(100)]
    moved = ids[50:] + ids[:50]
    options = {"gallery_size": 10, "num_repeats": 2, "seed": 1, "draw": draw}

    drawn, again = draw_galleries(ids, **options), draw_galleries(moved, **options)

    assert [[ids[r] for r in rows] for rows in drawn] == [
        [moved[r] for r in rows] for rows in again
    ]


def test_consecutive_galleries_are_disjoint_and_as_many_as_there_are():
    """Of 11 rows in reverse order, galleries of 4 are rows 0-3 and 4-7; 3 are left out."""
    ids = [f"{n:02d}" for n in reversed(range(11))]

    galleries = draw_galleries(ids, gallery_size=4, num_repeats=10, seed=0, draw="consecutive")

    assert [sorted(rows.tolist()) for rows in galleries] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert num_left_out(galleries, 11) == 3


def test_presets_by_hand():
    """51,304 pairs are the usual number of Recipe1M's test pairs."""
    assert preset_counts("seje", 51_304) == ((1000, 10), (10_000, 10))
    assert (
        preset_counts("adamine", 51_304) == preset_counts("tfood", 9) == ((1000, 10), (10_000, 5))
    )
    assert preset_counts("full", 51_304) == ((51_304, 1),)
    assert preset_counts("curve", 51_304) == (
        (1000, 10), (2000, 10), (5000, 10), (10_000, 5), (20_000, 2), (30_000, 1), (40_000, 1),
        (50_000, 1),
    )  # fmt: skip
    assert preset_counts("curve", 380) == ((100, 3), (200, 1), (380, 1))
    assert preset_counts("curve", 7) == ((7, 1),)
