"""Pairs across and within partitions, counted by hand and against a double loop."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.audit.overlaps import Items, equal_items, similar_items
from seje_ray.recipe1m.records import PARTITIONS

ACROSS_AND_WITHIN = [(0, 1), (0, 2), (1, 2), (0, 0), (1, 1), (2, 2)]


def counts(found):
    """(pairs, concerned) by the names of the partitions, where there is something."""
    return {(o.first, o.second): (o.pairs, o.concerned) for o in found.overlaps if o.pairs}


def test_equal_items_by_hand():
    """Key 7: two in train, one in test; key 8: two photos of one recipe; key 9: alone."""
    items = Items(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 2, 2, 3, 4]))
    keys = np.array([7, 7, 8, 8, 7, 9], np.uint64)

    found = equal_items(items, keys, num_examples=1)

    assert counts(found) == {("train", "test"): (2, 1), ("train", "train"): (1, None)}
    assert found.same_recipe == 1
    assert found.examples == [(0, 0, 4), (0, 0, 1)]


def test_similar_items_by_hand():
    """0 and 3 differ by two bits, 3 and 7 by one: with one bit allowed only these are alike."""
    items = Items(np.array([0, 1, 2]), np.array([0, 1, 2]))
    rows, columns = np.array([0, 3, 7], np.uint64), np.zeros(3, np.uint64)

    strict = similar_items(items, rows, columns, 1, num_examples=2)
    loose = similar_items(items, rows, columns, 2, num_examples=2)

    assert counts(strict) == {("val", "test"): (1, 1)}
    assert strict.examples == [(1, 1, 2)]
    assert counts(loose) == {("train", "val"): (1, 1), ("val", "test"): (1, 1)}


def test_nothing_to_compare_is_no_pair():
    """No photo at all, and one."""
    for number in (0, 1):
        none = np.zeros(number, np.int64)
        hashes = np.zeros(number, np.uint64)
        assert counts(equal_items(Items(none, none), hashes, num_examples=2)) == {}
        found = similar_items(Items(none, none), hashes, hashes, 4, num_examples=2)
        assert (counts(found), found.same_recipe, found.examples) == ({}, 0, [])


photo = st.tuples(st.integers(0, 4), st.sampled_from([0, 1, 3, 7, 255]), st.sampled_from([0, 1]))


@given(photos=st.lists(photo, max_size=14), where=st.lists(st.integers(0, 2), min_size=5))
def test_counts_equal_a_double_loop(photos, where):
    """Five recipes in any partition, any number of photos of few looks, at most two bits apart."""
    photos = sorted(photos)
    recipes = np.array([recipe for recipe, _, _ in photos], np.int64)
    rows = np.array([row for _, row, _ in photos], np.uint64)
    columns = np.array([column for _, _, column in photos], np.uint64)
    partitions = np.array([where[recipe] for recipe in recipes], np.int64)
    near = [
        (i, j)
        for i, j in itertools.combinations(range(len(photos)), 2)
        if int(rows[i] ^ rows[j]).bit_count() <= 2 and int(columns[i] ^ columns[j]) <= 2
    ]

    found = similar_items(Items(partitions, recipes), rows, columns, 2, num_examples=3)

    assert found.same_recipe == sum(recipes[i] == recipes[j] for i, j in near)
    others = [(i, j) for i, j in near if recipes[i] != recipes[j]]
    for overlap, (p, q) in zip(found.overlaps, ACROSS_AND_WITHIN, strict=True):
        assert (overlap.first, overlap.second) == (PARTITIONS[p], PARTITIONS[q])
        pairs = [pair for pair in others if sorted(partitions[list(pair)]) == [p, q]]
        assert overlap.pairs == len(pairs)
        if p != q:
            concerned = {item for pair in pairs for item in pair if partitions[item] == q}
            assert overlap.concerned == len(concerned)
    shown = {tuple(sorted((i, j))) for _, i, j in found.examples}
    assert shown <= set(others)
    assert len(shown) == len(found.examples)
