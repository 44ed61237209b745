"""Reading raw data: its files are hashed once."""

import os

from seje_ray.artifact import file_hash
from seje_ray.pipeline.ingest import _raw_hash


def test_a_raw_file_is_hashed_once_until_it_changes(tmp_path):
    """Other bytes under the same size and time are not looked at; another time or size is."""
    path = tmp_path / "layer1.json"
    path.write_text("one")
    os.utime(path, ns=(1, 1))
    first = file_hash(path)
    assert _raw_hash(path) == first

    path.write_text("two")
    os.utime(path, ns=(1, 1))
    assert _raw_hash(path) == first
    os.utime(path, ns=(2, 2))
    assert _raw_hash(path) == file_hash(path) != first
    path.write_text("three")
    os.utime(path, ns=(2, 2))
    assert _raw_hash(path) == file_hash(path)
