"""A Ray that does not come up is said, and given up; a head that is gone is noticed."""

import os
import socket
import subprocess
import sys
import threading

from seje_ray.on_ray import watch
from seje_ray.on_ray.watch import _answers, _how, is_running, process_with, starting


def test_a_slow_start_is_said_and_a_hopeless_one_given_up(monkeypatch, capfd):
    """P08c: in this order, whatever stderr is by then; neither where Ray starts in time."""
    monkeypatch.setattr(watch, "SLOW_START_S", 0.01)
    monkeypatch.setattr(watch, "NO_START_S", 0.02)
    given_up, said = threading.Event(), []

    def give_up(reason: str, stderr: int) -> None:
        said.append(reason)
        os.write(stderr, b"given up")
        given_up.set()

    with starting(give_up):
        given_up.wait()
    note, last = capfd.readouterr().err.splitlines()
    assert note == "note: Ray has not started for 0 s; waiting up to 0 s"
    assert last == "given up"
    assert said == ["Ray did not start within 0 s; see `seje-ray doctor`"]
    monkeypatch.setattr(watch, "SLOW_START_S", 60.0)
    with starting(give_up):
        pass
    assert capfd.readouterr().err == ""


def test_a_port_answers_or_not():
    """A head that listens, and one that is gone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert _answers(address)
    assert not _answers(address)


def test_how_a_process_ended_is_said_as_the_system_has_it():
    """Popen gives signals as negative numbers."""
    assert _how(-9) == "signal 9"
    assert _how(1) == "exit code 1"


def test_a_process_is_found_by_one_of_its_words_and_its_end_is_seen():
    """The raylet of this machine; one that ended is gone also before anybody has waited for it."""
    word = "--raylet_socket_name=/tmp/of-this-test"
    assert process_with(word) is None
    waiting = [sys.executable, "-c", "import sys; sys.stdin.read()", word]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE) as process:
        found = process_with(word)
        assert found is not None
        assert found.pid == process.pid
        assert is_running(found)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and left as it is
        assert not is_running(found)
    assert not is_running(found)
