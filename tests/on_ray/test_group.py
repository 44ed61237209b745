"""A group of processes in which one meets what the others do not."""

import os
from pathlib import Path

import pytest
import torch.distributed as dist

from seje_ray.errors import ArtifactError, OutageError, StoreError
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.group import GroupMember, run_group
from seje_ray.on_ray.progress import new_board

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]


def fail_on_one(config):
    """Rank 1 raises, at its first start; rank 0 waits for it."""
    rank, folder = GroupMember().rank, Path(config["folder"])
    started = len(list(folder.glob(f"{rank}-*")))
    (folder / f"{rank}-{os.getpid()}").touch()
    if rank == 1 and started == 0:
        raise config["error"]
    dist.barrier()
    return f"start {started + 1}"


@pytest.fixture
def run(tmp_path):
    """Runs such a group; what it gives, or raises. ``starts`` has a file for each of its starts."""
    (tmp_path / "starts").mkdir()

    def run(error):
        config = {"folder": str(tmp_path / "starts"), "error": error}
        with connected():
            return run_group(fail_on_one, config, tmp_path / "group", 2, new_board())

    return run


@pytest.mark.parametrize("kind", [StoreError, ArtifactError])
def test_what_one_worker_is_refused_ends_all(run, tmp_path, kind):
    """It is told as it is, and its work is not begun again: no start would mend it."""
    with pytest.raises(kind, match="no permission"):
        run(kind("no permission"))
    assert len(list((tmp_path / "starts").glob("1-*"))) == 1


def test_a_store_that_does_not_answer_one_worker_may_answer_the_next(run):
    """Ray starts the group again."""
    assert run(OutageError("no answer")) == "start 2"
