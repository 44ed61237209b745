"""A disk that fills up under ``index``: a line with the file's name, and the next one goes on."""

import errno
import os

import numpy as np
import pytest

from seje_ray.cli.faults import line_of
from seje_ray.pipeline.index.build import build_index
from seje_ray.pipeline.index.steps import put_together
from seje_ray.pipeline.runs import TrainedRun
from tests.unit.pipeline.locally import EXECUTOR, copied

ROOM = 80 << 10  # bytes that are given where no more was left


def test_vectors_that_have_no_room_are_an_error_and_no_end_of_the_process(disk_of, tmp_path):
    """They were written through a map of their file, which a full disk answers by SIGBUS."""
    disk = disk_of("64k")
    np.save(tmp_path / "part.npy", np.ones((9000, 4), np.float32))
    with pytest.raises(OSError, match="No space left") as caught:
        put_together(disk / "vectors.npy", [tmp_path / "part.npy"])
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, f"{disk}/vectors.npy")
    assert os.listdir(disk) == []


def test_an_index_goes_on_each_time_that_there_is_a_little_more_room(
    cookbook, trained, indexed, disk_of
):
    """Nothing that is finished is made again; in the end there is the index of a larger disk."""
    disk = disk_of("64m")
    workspace = copied(cookbook, disk / "w", "recipes", "calibrator", "calibrated", "runs")
    own = TrainedRun.read(workspace.run(trained.folder.name))
    taken, known, told = disk / "taken", {}, []
    with taken.open("wb") as file:
        file.truncate(0)
        os.posix_fallocate(file.fileno(), 0, os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize)
    while True:
        try:
            made = build_index(own, workspace, EXECUTOR, method="hnsw")
        except OSError as error:
            told.append(line_of(error, "w"))
            assert told[-1].startswith(f"{disk}/w/"), told
            assert "the disk is full; make room" in told[-1]
            folder = workspace.folder / "index"
            now = {path.name: path.stat().st_mtime_ns for path in folder.rglob("*-*.parquet")}
            assert {name: now[name] for name in known} == known
            known = now
            os.truncate(taken, taken.stat().st_size - ROOM)
        else:
            break
    assert len(told) > 3
    assert known
    for one, other in zip(made, indexed, strict=True):
        for name in ("vectors.npy", *(path.name for path in other.folder.glob("*.parquet"))):
            assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()
