"""What a command started ends with it, however it ends."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from seje_ray.on_ray import guardian
from seje_ray.on_ray.guardian import end_session, guarded, processes_of

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc"), reason="processes are told by /proc")
PATIENCE_S = 60.0
DRIVER = """
import subprocess, sys, time
sys.path.insert(0, "")
from seje_ray.on_ray.guardian import guarded
with guarded(sys.argv[1]):
    subprocess.Popen(["sleep", "1000"], stdout=open(sys.argv[1] + "/out", "w"),
                     start_new_session=True)
    print("ready", flush=True)
    time.sleep(1000)
"""


def wait_for_none(session: str) -> None:
    """Up to twice the time that the guardian takes at most."""
    deadline = time.monotonic() + 2 * (guardian.END_S + guardian.GRACE_S)
    while processes_of(session) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(session) == []


def test_a_session_is_told_by_its_words_and_its_outputs(tmp_path):
    """Others, and this process itself, are none of it."""
    session = str(tmp_path / "session_1")
    os.mkdir(session)
    with open(f"{session}/out", "w") as out:
        written = subprocess.Popen(["sleep", "1000"], stdout=out)
    words = [sys.executable, "-c", "input()", session]
    named = subprocess.Popen([*words, "/packages/ray/agent.py"], stdin=subprocess.PIPE)
    reader = subprocess.Popen(words, stdin=subprocess.PIPE)  # of its logs, say
    other = subprocess.Popen(["sleep", "1000"])
    try:
        assert sorted(processes_of(session)) == sorted([written.pid, named.pid])
        end_session(session, grace_s=0.0)
        assert written.wait() == named.wait() == -signal.SIGKILL
        assert other.poll() is reader.poll() is None
    finally:
        for process in (written, named, reader, other):
            process.kill()
            process.communicate()


def test_what_they_have_started_ends_with_them(tmp_path):
    """A process that neither its words nor its output tell, as Ray's agents are."""
    session = str(tmp_path / "session_1")
    code = (
        "import subprocess; child = subprocess.Popen(['sleep', '1000'], stdout=subprocess.PIPE, "
        "start_new_session=True); print(child.pid, flush=True); input()"
    )
    named = subprocess.Popen(
        [sys.executable, "-c", code, session, "/packages/ray/raylet"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert named.stdout is not None
    child = psutil.Process(int(named.stdout.readline()))
    try:
        assert processes_of(session) == [named.pid]
        end_session(session, grace_s=0.0)
        assert named.wait() == -signal.SIGKILL
        gone, _ = psutil.wait_procs([child], timeout=PATIENCE_S)
        assert gone == [child]
    finally:
        named.kill()
        named.communicate()


@pytest.mark.parametrize("session", ["", "/", "session_1"])
def test_what_is_no_session_ends_nothing(session):
    """The name of a session that never began would be in the words of everybody."""
    with pytest.raises(ValueError, match="expected the folder of a session"):
        end_session(session)


def test_processes_of_a_killed_driver_are_ended(tmp_path):
    """P01e: SIGKILL leaves nobody who could clean up, but the guardian."""
    session = str(tmp_path)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, session], stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == "ready\n"
    (child,) = [pid for pid in processes_of(session) if pid != driver.pid]
    driver.kill()
    driver.communicate()

    wait_for_none(session)
    assert not os.path.isdir(f"/proc/{child}/fd") or child not in processes_of(session)


def test_a_block_that_ends_leaves_nothing(tmp_path, monkeypatch):
    """What ended by itself is not waited for; the guardian has ended, too."""
    started = []
    real = subprocess.Popen
    monkeypatch.setattr(
        guardian.subprocess, "Popen", lambda *a, **k: started.append(real(*a, **k)) or started[-1]
    )
    with guarded(str(tmp_path)):
        assert started[0].poll() is None
    assert started[0].returncode == 0
