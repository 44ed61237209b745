"""Photos that look alike: hashes that survive a copy, and a search that misses no pair."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seje_ray.audit.near import (
    MAX_DISTANCE,
    difference_hashes,
    distances,
    near_pairs,
)
from seje_ray.recipe1m.images import decode, to_jpeg

MASK = 2**64 - 1


def ramp(*, descending=False, vertical=False):
    """A grey picture that gets lighter, or darker, in one direction."""
    row = np.linspace(250, 5, 64) if descending else np.linspace(5, 250, 64)
    picture = np.tile(row, (64, 1)).astype(np.uint8)
    return Image.fromarray(picture.T if vertical else picture)


def test_hashes_of_ramps_are_known():
    """Lighter to the right: every row bit is set, no column bit; and so for each direction."""
    assert difference_hashes(ramp()) == (MASK, 0)
    assert difference_hashes(ramp(descending=True)) == (0, 0)
    assert difference_hashes(ramp(vertical=True)) == (0, MASK)
    assert difference_hashes(Image.new("RGB", (40, 30), "white")) == (0, 0)


def test_distances_count_bits():
    """By hand: none, one, two, all."""
    first = np.array([0, 1, 0b101, 0], np.uint64)
    second = np.array([0, 0, 0b000, MASK], np.uint64)
    assert distances(first, second).tolist() == [0, 1, 2, 64]


flips = st.integers(0, 63).map(lambda bit: 1 << bit)
near_hashes = st.lists(flips, max_size=6).map(lambda bits: sum(set(bits)))


@given(
    rows=st.lists(st.one_of(near_hashes, st.integers(0, MASK)), max_size=30),
    columns=st.lists(near_hashes, min_size=30, max_size=30),
    max_distance=st.integers(0, 8),
)
def test_near_pairs_equal_a_comparison_of_all(rows, columns, max_distance):
    """The same pairs as a double loop, each once, with the larger of both distances."""
    expected = {
        (i, j): apart
        for i, j in itertools.combinations(range(len(rows)), 2)
        if (apart := max((rows[i] ^ rows[j]).bit_count(), (columns[i] ^ columns[j]).bit_count()))
        <= max_distance
    }

    hashes = np.array(rows, np.uint64), np.array(columns[: len(rows)], np.uint64)
    found = [
        (min(i, j), max(i, j), d)
        for block in near_pairs(*hashes, max_distance)
        for i, j, d in zip(*(a.tolist() for a in block), strict=True)
    ]

    assert len(found) == len(expected)
    assert {(i, j): d for i, j, d in found} == expected


def copies(picture):
    """A photo as other sites store it."""
    width, height = picture.size
    for factor in (1 / 2, 1 / 3, 1 / 4, 2):
        small = picture.resize((round(width * factor), round(height * factor)))
        yield f"x {factor:.2f}", small, "JPEG", {"quality": 75}
    for quality in (30, 50):
        yield f"quality {quality}", picture, "JPEG", {"quality": quality}
    yield "webp", picture, "WEBP", {"quality": 50}
    yield "png", picture, "PNG", {}


def hashes_of(picture, kind, options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return difference_hashes(decode(to_jpeg(buffer.getvalue(), shorter_side=256)))


@pytest.fixture(scope="module")
def pictures(shared_data):
    """Every fifth of the real photos."""
    paths = sorted((shared_data / "cookbook" / "images").rglob("*.jpg"))[::5]
    return [Image.open(path).convert("RGB") for path in paths]


def test_copies_of_real_photos_are_found_and_others_are_not(pictures):
    """Resized and re-encoded copies stay within the threshold; different photos are apart."""
    originals = [hashes_of(picture, "JPEG", {"quality": 90}) for picture in pictures]
    for picture, original in zip(pictures[::6], originals[::6], strict=True):
        for name, *copy in copies(picture):
            apart = [(a ^ b).bit_count() for a, b in zip(original, hashes_of(*copy), strict=True)]
            assert max(apart) <= MAX_DISTANCE, name
    rows, columns = (np.array(column, np.uint64) for column in zip(*originals, strict=True))
    assert list(near_pairs(rows, columns, 2 * MAX_DISTANCE)) == []
