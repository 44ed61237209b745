"""The lock in a store: one holder, whatever comes late, twice, or back from the dead."""

import dataclasses
import json

import pytest

from seje_ray.errors import LockLostError, WorkspaceError
from seje_ray.lock import locked
from seje_ray.lock_owner import Owner
from seje_ray.store import lock_files
from seje_ray.store.lock_files import make_lock_file, read_lock_file, remove_lock_file
from seje_ray.store.patience import TRIES


def _of_the_dead(folder, number):
    """A file that a process of this machine, which has ended, has left."""
    owner = dataclasses.replace(Owner.this_process(), process_start="long ago", token="f" * 32)
    return make_lock_file(folder, number, owner.token, json.dumps(dataclasses.asdict(owner)))


def test_a_second_command_is_refused_by_the_name_of_the_first(on_machine):
    """Also from another machine's mirror; afterwards nothing is left of the lock."""
    here, there = on_machine(1).folder / ".locks" / "a", on_machine(2).folder / ".locks" / "a"
    with locked(here, "a") as lease:
        assert lease.is_held()
        with (
            pytest.raises(WorkspaceError, match=r"a is being written by `.*` \(pid"),
            locked(there, "a"),
        ):
            pass
    assert lock_files.lock_files(there) == []
    with locked(there, "a") as lease:
        lease.require()


def test_a_dead_owner_is_followed(on_machine, capsys):
    """Its file goes, and its commits are refused from then on."""
    folder = on_machine(1).folder / ".locks" / "a"
    dead = _of_the_dead(folder, 1)
    with locked(folder, "a") as lease:
        assert lock_files.lock_files(folder) == [lease.file]
        assert lock_files.number_of(lease.file) == 2
    assert not lock_files.lock_files(folder)
    assert "has ended without a word" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError):
        read_lock_file(dead)


def test_a_late_beat_of_the_dead_gives_nothing_back(on_machine):
    """An object that comes back is of a lower number, and holds nothing."""
    folder = on_machine(1).folder / ".locks" / "a"
    with locked(folder, "a") as first:
        second = make_lock_file(folder, lock_files.number_of(first.file) + 1, "e" * 32, "{}")
        assert not first.is_held()
        with pytest.raises(LockLostError):
            first.require()
        remove_lock_file(second)


def test_of_two_at_one_moment_the_one_who_sees_the_other_withdraws(on_machine, monkeypatch):
    """A candidate that appears between list and write is no dead owner's: both are asked again."""
    folder = on_machine(1).folder / ".locks" / "a"
    real, rivals = lock_files.make_lock_file, []

    def with_a_rival(folder, number, token, text):
        if not rivals:
            rivals.append(_of_the_dead(folder, number))
        return real(folder, number, token, text)

    monkeypatch.setattr("seje_ray.lock.make_lock_file", with_a_rival)
    with locked(folder, "a") as lease:
        # The rival came first, so that this one withdrew, found it dead, and took a later number.
        assert lock_files.number_of(lease.file) == lock_files.number_of(rivals[0]) + 1
        assert lock_files.lock_files(folder) == [lease.file]


def test_a_store_that_is_gone_at_the_end_hides_no_error(on_machine, proxy):
    """What went wrong is told, and not once more that the store does not answer."""
    folder = on_machine(1).folder / ".locks" / "a"
    before: list[int] = []

    def work():
        before.append(len(proxy.requests))
        proxy.fault = lambda request: 503
        raise KeyError("first")

    with pytest.raises(KeyError, match="first"), locked(folder, "a"):
        work()
    assert len(proxy.requests) - before[0] < TRIES
    proxy.fault = lambda request: None
    assert len(lock_files.lock_files(folder)) == 1  # it goes stale
