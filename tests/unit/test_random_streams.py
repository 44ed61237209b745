"""Streams: what the same call gives, what another gives, and in another process."""

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from seje_ray.random_streams import Stream, generator, torch_seed

CALLS = [
    *((stream, 0) for stream in Stream),
    (Stream.LOSS, 1),
    (Stream.LOSS, 0, 0),
    (Stream.LOSS, 0, 1),
    (Stream.LOSS, 0, 0, 0),
    (Stream.LOSS, 0, 1, 0),
    (Stream.LOSS, 0, 0, 1),
    (Stream.LOSS, 2**40, 2**35),
]


def draws(*call):
    return generator(*call).integers(2**62, size=4).tolist()


def test_the_same_call_gives_the_same_numbers():
    for call in CALLS:
        assert draws(*call) == draws(*call)
        assert torch_seed(*call) == torch_seed(*call)


def test_every_other_call_gives_others():
    """Another stream, seed, key, number of keys or order of keys; of both libraries."""
    for one, other in combinations(CALLS, 2):
        assert draws(*one) != draws(*other), (one, other)
        assert torch_seed(*one) != torch_seed(*other), (one, other)


def test_numbers_are_those_that_numpy_promises():
    """SeedSequence is part of NumPy's interface: its numbers outlive versions and platforms."""
    sequence = np.random.SeedSequence(entropy=3, spawn_key=(6, 1, 2))

    expected = np.random.Generator(np.random.PCG64(sequence)).random(3)
    assert np.array_equal(generator(Stream.LOSS, 3, 1, 2).random(3), expected)
    assert torch_seed(Stream.LOSS, 3, 1, 2) == int(sequence.generate_state(1, np.uint64)[0]) // 2


def test_seeds_suit_torch():
    seeds = [torch_seed(Stream.HEAD_DROPOUT, 0, step) for step in range(1000)]

    assert len(set(seeds)) == 1000
    assert min(seeds) >= 0
    assert 2**62 < max(seeds) < 2**63


@pytest.mark.parametrize("keys", [(-1,), (0, -1)])
def test_negative_numbers_are_refused(keys):
    with pytest.raises(ValueError, match=r"non-negative|>= 0|negative"):
        torch_seed(Stream.LOSS, *keys)


def test_another_hash_seed_changes_nothing():
    """Python's own hash of a text differs from process to process; nothing hangs on it."""
    code = (
        "from seje_ray.random_streams import Stream, generator, torch_seed;"
        "print(hash('x'), torch_seed(Stream.LOSS, 5, 1), generator(Stream.LOSS, 5, 1).random())"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]

    assert told[0][0] != told[1][0]
    assert told[0][1:] == told[1][1:]


def test_no_other_place_makes_a_stream_of_its_own():
    """No builtin hash decides a number, and no tuple with a stream's number seeds a generator."""
    package = Path(__file__).parents[2] / "seje_ray"
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert " hash(" not in text, path
        assert "(hash(" not in text, path
        if path.parts[-2] != "cookbook":
            assert "default_rng((seed, self" not in text, path
            for digit in range(10):
                assert f"seed, {digit}" not in text, path
