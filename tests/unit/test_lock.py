"""One writer at a time: refused, waited for, taken over, and fenced off once it is late."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pytest

from seje_ray import lock
from seje_ray.artifact import Plan, shard_name, write_table
from seje_ray.building import begin, build_manifest, finish
from seje_ray.errors import LockLostError, WorkspaceError
from seje_ray.lock import Lease, locked
from seje_ray.lock_owner import Owner
from seje_ray.pipeline.stage import lease_of, leased
from seje_ray.training.checkpoints import begin_checkpoint, commit_checkpoint, newest_checkpoint
from seje_ray.workspace import Workspace

PLAN = Plan(kind="recipes", section={"shorter_side": 48}, inputs={}, seed=0)
HOLDS = """
import sys
from pathlib import Path
from seje_ray.lock import locked
with locked(Path(sys.argv[1]), "recipes"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Seconds become milliseconds."""
    monkeypatch.setattr(lock, "POLL_S", 0.001)
    monkeypatch.setattr(lock, "HEARTBEAT_S", 0.01)


@contextmanager
def another_command(folder: Path):
    """A process that holds the lock until its stdin is closed."""
    command = [sys.executable, "-c", HOLDS, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process


def owned_elsewhere(folder: Path, **changed) -> Path:
    """The lock file of an owner whose process cannot be seen from here."""
    folder.mkdir(parents=True)
    owner = replace(Owner.this_process(), machine="another", host="node-7", **changed)
    file = folder / "000003.lock"
    file.write_text(json.dumps(asdict(owner)))
    return file


def test_a_second_command_is_refused_with_the_name_of_the_first(tmp_path):
    """Its command, process, host and start; and once it has ended, nothing is left of the lock."""
    folder = tmp_path / ".locks" / "recipes"
    with another_command(folder) as first:
        with (
            pytest.raises(
                WorkspaceError, match=rf"recipes is being written by `-c .*pid {first.pid} on"
            ),
            locked(folder, "recipes"),
        ):
            raise AssertionError
        first.communicate("")

    with locked(folder, "recipes") as lease:
        assert lease.is_held()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_owners_lock_is_taken_over_and_that_is_said(tmp_path, capsys):
    """On one machine at once, since its process is not there any more."""
    folder = tmp_path / "lock"
    with another_command(folder) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        with locked(folder, "recipes"):
            pass
    said = capsys.readouterr().err
    assert f"pid {first.pid}" in said
    assert "has ended without a word; this command takes its place" in said
    assert list(tmp_path.iterdir()) == []


def test_a_process_of_the_same_number_is_not_the_owner(tmp_path, capsys):
    """Numbers come round again; the time at which a process began does not."""
    folder = tmp_path / "lock"
    folder.mkdir()
    owner = replace(Owner.this_process(), process_start="1")
    (folder / "000001.lock").write_text(json.dumps(asdict(owner)))

    with locked(folder, "recipes") as lease:
        assert lease.file.name == "000002.lock"
        assert [file.name for file in folder.iterdir()] == ["000002.lock"]
    assert "ended without a word" in capsys.readouterr().err


def test_an_owner_elsewhere_that_gives_no_sign_is_dead(tmp_path, capsys, monkeypatch):
    """Its clock and its processes are not ours: only beats count, also where it is unreadable."""
    monkeypatch.setattr(lock, "STALE_S", 0.05)
    owned_elsewhere(tmp_path / "a")
    with locked(tmp_path / "a", "recipes") as lease:
        assert lease.is_held()
    said = capsys.readouterr().err
    assert "looking up to 0 s for a sign of life of" in said
    assert "on node-7" in said
    owned_elsewhere(tmp_path / "b").write_text("")  # killed between making and writing it
    with locked(tmp_path / "b", "recipes") as lease:
        assert lease.is_held()
    assert "the owner of" in capsys.readouterr().err


def test_an_owner_elsewhere_that_beats_is_alive(tmp_path):
    """A second machine is refused as soon as it sees a beat."""
    file = owned_elsewhere(tmp_path / "lock")
    ended = threading.Event()

    def beat() -> None:
        for moment in range(10**6):
            os.utime(file, ns=(moment, moment))
            if ended.wait(0.001):
                return

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(WorkspaceError, match="on node-7"), locked(tmp_path / "lock", "recipes"):
            raise AssertionError
    finally:
        ended.set()
        thread.join()


def test_a_lock_that_has_no_room_on_the_disk_is_none(disk_of):
    """It has no owner, whom the next command would wait for until it is taken for dead."""
    disk = disk_of("16k")
    (disk / "taken").write_bytes(bytes(16 << 10))
    with pytest.raises(OSError, match="No space left") as caught, locked(disk / "lock", "it"):
        pass
    assert caught.value.filename == str(disk / "lock" / "000001.lock")
    assert os.listdir(disk / "lock") == []
    (disk / "taken").unlink()
    with locked(disk / "lock", "it") as lease:
        assert lease.is_held()


def test_who_waits_comes_next(tmp_path, capsys):
    """Parts that several commands need are waited for, with a word."""
    folder = tmp_path / "lock"
    with another_command(folder) as first:
        threading.Timer(0.2, first.stdin.close).start()
        with locked(folder, "embeddings", waits=True) as lease:
            assert lease.is_held()
        first.wait()
        first.stdin = None
    assert "which is writing embeddings" in capsys.readouterr().err


def test_of_many_that_wait_one_at_a_time_is_in(tmp_path):
    """Four threads that each read, then write a number, lose no step."""
    number = tmp_path / "number"
    number.write_text("0")

    def step() -> None:
        for _ in range(5):
            with locked(tmp_path / "lock", "the number", waits=True):
                before = int(number.read_text())
                number.write_text(str(before + 1))

    threads = [threading.Thread(target=step) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert number.read_text() == "20"
    assert not (tmp_path / "lock").exists()


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["heeded", "nohup"])
def ctrl_c(request):
    """What the shell that started a command has made of interrupts."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_a_command_whose_lock_is_taken_ends_with_the_reason(tmp_path):
    """Its heart sees it and interrupts, whatever the shell says; the new owner's file stays."""
    term = signal.getsignal(signal.SIGTERM)
    lost = pytest.raises(LockLostError, match="another command has taken this lock over")
    with lost, locked(tmp_path / "lock", "recipes") as lease:
        (tmp_path / "lock" / "000002.lock").write_text("{}")
        lease.file.unlink()
        threading.Event().wait()
    assert [file.name for file in (tmp_path / "lock").iterdir()] == ["000002.lock"]
    assert signal.getsignal(signal.SIGTERM) == term


def test_an_interrupted_command_is_interrupted_and_not_robbed(tmp_path):
    """Ctrl-C keeps its meaning where the lock is held."""
    with pytest.raises(KeyboardInterrupt), locked(tmp_path / "lock", "recipes"):
        raise KeyboardInterrupt
    assert not (tmp_path / "lock").exists()


def test_a_lease_is_lost_with_its_file_or_its_token(tmp_path):
    """Another owner may have made a file of the same number."""
    with locked(tmp_path / "lock", "recipes") as lease:
        lease.require()
        assert not Lease(lease.file, "another").is_held()
        assert lease_of(leased(lease)) == lease
    assert lease_of(leased(None)) is None
    with pytest.raises(LockLostError, match="nothing more is written"):
        lease.require()


def test_tasks_of_a_driver_that_lost_its_lock_commit_nothing(tmp_path):
    """The mixture of R02: 48 px and 64 px under one manifest; now each shard is of one plan."""
    folder = tmp_path / "recipes"
    old = Lease(tmp_path / "1.lock", "old")
    with locked(tmp_path / "lock", "recipes") as new:
        building = begin(folder, replace(PLAN, section={"shorter_side": 64}), lease=new)
        late = building / shard_name("train", 0)
        with pytest.raises(LockLostError):
            write_table(late, pa.table({"side": [48]}), old)
        assert not list(building.glob("*.parquet"))
        assert not list(building.glob(".*"))
        write_table(late, pa.table({"side": [64]}), new)
        with pytest.raises(LockLostError):
            begin(folder, PLAN, lease=old)
        with pytest.raises(LockLostError):
            finish(folder, PLAN, build_manifest(PLAN, building), old)
        made = finish(folder, PLAN, build_manifest(PLAN, building), new)
    assert [path.name for path in folder.iterdir() if path != made.folder / "manifest.json"] == [
        "train-000000.parquet"
    ]


def test_a_late_task_whose_folder_was_begun_anew_finds_nothing_to_rename(tmp_path):
    """It asked for its lease before that: its file went with the folder."""
    folder = tmp_path / "recipes"
    target = begin(folder, PLAN) / shard_name("train", 0)

    class Late(Lease):
        """Loses the lock right after it was asked."""

        def require(self) -> None:
            begin(folder, replace(PLAN, section={"shorter_side": 64}))

    with pytest.raises(FileNotFoundError):
        write_table(target, pa.table({"side": [48]}), Late(tmp_path, ""))
    assert not target.exists()


def test_a_training_that_lost_its_lock_keeps_no_checkpoint(tmp_path):
    """R04: of two trainings of one name, the late one leaves the other's folder alone."""
    partial = begin_checkpoint(tmp_path, "checkpoint-00001")
    with pytest.raises(LockLostError):
        commit_checkpoint(partial, "checkpoint-00001", Lease(tmp_path / "1.lock", "old"))
    assert newest_checkpoint(tmp_path) is None


def test_parts_of_a_workspace_have_a_lock_each(tmp_path):
    """Two trainings of different names run at once; one of them twice does not."""
    workspace = Workspace(tmp_path)
    with workspace.writing(workspace.run("a")) as a, workspace.writing(workspace.run("b")) as b:
        assert a == b == workspace
        assert a.lease is not None
        assert a.lease != b.lease
        refused = pytest.raises(WorkspaceError, match=r"runs/a is being written by")
        with refused, workspace.writing(workspace.run("a")):
            raise AssertionError
    assert list(tmp_path.iterdir()) == []
