"""Photos that look alike: two 64-bit difference hashes, compared by bands of their bits.

Letters: U different hashes.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from PIL import Image

MAX_DISTANCE = 4  # bits of 64, of each of the two hashes
"""Measured on 452 real photos of dishes (docs/data.md): copies at half, a third, a quarter and
twice the size, JPEG at quality 30 and 50, WebP, PNG and GIF differ by at most 4 bits in either
hash; of 101,926 pairs of different photos the nearest differ by 12 in one of the two."""

BLOCK = 1 << 20  # comparisons made at once
_COLUMN_WEIGHTS = np.uint64(1) << np.arange(64, dtype=np.uint64)


def difference_hashes(image: Image.Image) -> tuple[int, int]:
    """Bits of an 8 x 8 grid: whether brightness rises to the right, and downwards.

    Returns:
        (rows, columns), 64 bits each. They depend on the picture, hardly on its size or format.
    """
    grey = image.convert("L")
    wide = np.asarray(grey.resize((9, 8), Image.Resampling.BICUBIC))
    tall = np.asarray(grey.resize((8, 9), Image.Resampling.BICUBIC))
    return _bits(wide[:, 1:] > wide[:, :-1]), _bits(tall[1:] > tall[:-1])


def _bits(flags: np.ndarray) -> int:
    return int(_COLUMN_WEIGHTS[flags.ravel()].sum(dtype=np.uint64))


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Bits in which two arrays of 64-bit hashes differ; they broadcast."""
    x = first ^ second
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    with np.errstate(over="ignore"):
        bits: np.ndarray = (x * np.uint64(0x0101010101010101)) >> np.uint64(56)
    return bits.astype(np.int64)


def near_pairs(
    rows: np.ndarray, columns: np.ndarray, max_distance: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pairs whose both hashes differ by at most ``max_distance`` bits, each pair once.

    Two hashes that differ in d bits agree in one of d + 1 bands of bits, so only hashes with an
    equal band are compared: for 900,000 hashes some 10^8 comparisons in the place of 4 * 10^11.

    Args:
        rows: uint64 (U,), searched by bands.
        columns: uint64 (U,), compared where ``rows`` are near.
        max_distance: In [0, 62].

    Yields:
        Positions i and j, and the larger of both distances, as arrays; no pair twice.
    """
    masks = _band_masks(max_distance + 1)
    for number, mask in enumerate(masks):
        keys = rows & mask
        order = np.argsort(keys, kind="stable")
        bounds = np.flatnonzero(np.diff(keys[order])) + 1
        ends = np.concatenate([bounds, [len(order)]])
        starts = np.concatenate([[0], bounds])
        is_shared = ends - starts > 1
        for start, end in zip(starts[is_shared], ends[is_shared], strict=True):
            for i, j in _pairs_of(order[start:end]):
                found = _near_of(rows, columns, i, j, max_distance, masks[:number])
                if len(found[0]):
                    yield found


def _band_masks(num_bands: int) -> list[np.uint64]:
    edges = [64 * band // num_bands for band in range(num_bands + 1)]
    return [np.uint64(((1 << end) - 1) ^ ((1 << start) - 1)) for start, end in pairwise(edges)]


def _pairs_of(members: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pairs of a bucket in blocks."""
    height = max(1, BLOCK // len(members))
    for top in range(0, len(members), height):
        block = members[top : top + height]
        first, second = np.triu_indices(len(block), 1, len(members) - top)
        yield block[first], members[top:][second]


def _near_of(
    rows: np.ndarray,
    columns: np.ndarray,
    i: np.ndarray,
    j: np.ndarray,
    max_distance: int,
    earlier: list[np.uint64],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those of the pairs that are near, and were not met in an earlier band."""
    apart = distances(rows[i], rows[j])
    kept = np.flatnonzero(apart <= max_distance)
    i, j, apart = i[kept], j[kept], apart[kept]
    is_new = np.ones(len(i), bool)
    for mask in earlier:
        is_new &= ((rows[i] ^ rows[j]) & mask) != 0
    apart = np.maximum(apart, distances(columns[i], columns[j]))
    kept = np.flatnonzero(is_new & (apart <= max_distance))
    return i[kept], j[kept], apart[kept]
