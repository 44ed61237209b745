"""One process at a time makes a file; whoever waited finds it made."""

import errno
import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from seje_ray.store.one_writer import one_writer

DIES = """
import os, sys
from pathlib import Path
from seje_ray.store.one_writer import one_writer
with one_writer(Path(sys.argv[1])) as file:
    file.write_text("half of it")
    os._exit(1)
"""


def make(path, text="whole"):
    """Whether this call made it."""
    with one_writer(path) as file:
        if path.exists():
            return False
        file.write_text(text)
        os.replace(file, path)
    return True


def test_one_of_many_makes_it(tmp_path):
    """Each thread locks a file that it opened, as processes do."""
    path = tmp_path / "shard"
    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(lambda _: make(path), range(64))) == 1
    assert path.read_text() == "whole"
    assert os.listdir(tmp_path) == ["shard"]


def test_what_fails_leaves_it_to_the_next(tmp_path):
    path = tmp_path / "shard"
    with suppress(ZeroDivisionError), one_writer(path) as file:
        file.write_text(str(1 / 0))
    assert os.listdir(tmp_path) == []
    assert make(path)


def test_a_process_that_died_is_waited_for_by_nobody(tmp_path):
    """What it wrote is not taken for the file, and not kept."""
    path = tmp_path / "shard"
    died = subprocess.run([sys.executable, "-c", DIES, str(path)], check=False)
    assert died.returncode == 1
    assert os.listdir(tmp_path) == [".shard.tmp"]
    assert make(path)
    assert os.listdir(tmp_path) == ["shard"]


def test_a_disk_without_locks_keeps_writers_apart(tmp_path, monkeypatch):
    """Each writes a file of its own, and the last one to rename it wins."""

    def refused(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    path = tmp_path / "shard"
    with one_writer(path) as first:
        first.write_text("first")
        with ThreadPoolExecutor(1) as other:
            assert other.submit(make, path, "second").result()
        os.replace(first, path)
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["shard"]
