"""The pool that tests of several workers share."""

import os
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from tests.unit.gloo import pool as pool_module
from tests.unit.gloo.pool import GlooPool, WorkersFailedError


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    pool = GlooPool(tmp_path_factory.mktemp("pool"), max_workers=3)
    yield pool
    pool.close()


def total_of_ranks(member, factor):
    total = torch.tensor([member.rank * factor])
    dist.all_reduce(total)
    os.write(1, b"no answer to a call\n")
    return {"total": total, "random": torch.rand(1), "pid": os.getpid()}


def fail(member):
    if member.rank == 0:
        os._exit(7)
    if member.rank == 1:
        raise RuntimeError("the soup is cold")
    dist.barrier()


def hang(member):
    time.sleep(60)


def test_a_group_of_any_size_uses_the_same_processes_and_random_numbers(pool):
    """0 + 1 = 1 times 5 on two workers, 0 + 1 + 2 = 3 times 2 on three."""
    two = pool.call(total_of_ranks, 2, 5)
    three = pool.call(total_of_ranks, 3, 2)

    assert [worker["total"].item() for worker in two] == [5, 5]
    assert [worker["total"].item() for worker in three] == [6, 6, 6]
    assert [worker["pid"] for worker in three] == pool.pids()
    assert pool.pids()[:2] == [worker["pid"] for worker in two]
    assert len({worker["random"].item() for worker in [*two, *three]}) == 1


def test_failures_are_told_each_with_what_is_known(pool):
    """An exit code of the first, tracebacks of the second and of the third, left alone."""
    with pytest.raises(WorkersFailedError) as error:
        pool.call(fail, 3)

    first, second, third = sorted(str(error.value).split("--- worker ")[1:])  # as they ended
    assert first.startswith("0 of 3: exit code 7")
    assert second.startswith("1 of 3: exit code 1")
    assert "soup is cold" in second
    assert "dist.barrier()" in third


def test_what_failed_is_replaced_and_what_hangs_is_ended_with_its_stack(pool, monkeypatch):
    before = pool.call(total_of_ranks, 2, 1)
    with monkeypatch.context() as patch:
        patch.setattr(pool_module, "PATIENCE_S", 0.5)
        with pytest.raises(WorkersFailedError, match=r"test_pool\.py.* in hang"):
            pool.call(hang, 2)

    after = pool.call(total_of_ranks, 2, 1)

    assert [worker["total"] for worker in after] == [worker["total"] for worker in before]
    assert not {worker["pid"] for worker in before} & {worker["pid"] for worker in after}


def test_closing_leaves_no_process(pool):
    pool.call(total_of_ranks, 2, 1)
    pids = pool.pids()

    pool.close()

    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize("num_workers", [1, 4])
def test_a_group_that_cannot_be_is_refused(pool, num_workers):
    with pytest.raises(ValueError, match=f"2 to 3 workers, not {num_workers}"):
        pool.call(total_of_ranks, num_workers, 1)
