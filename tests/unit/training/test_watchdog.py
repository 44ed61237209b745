"""A watchdog that reports silence, again and again, and nothing else."""

import ctypes
import threading
import time

from seje_ray.training.guards import Watchdog

LONG_S = 20.0  # patience of the test, never waited for


class Told(list):
    """Lines, and a way to wait for the n-th."""

    def __init__(self):
        super().__init__()
        self._changed = threading.Condition()

    def __call__(self, line):
        with self._changed:
            self.append(line)
            self._changed.notify_all()

    def wait_for(self, num_lines):
        with self._changed:
            return self._changed.wait_for(lambda: len(self) >= num_lines, LONG_S)


def hangs_here(released):
    released.wait(LONG_S)


def test_silence_is_reported_with_all_stacks_again_and_again(tmp_path):
    """The place of the last sign of life, this thread and the one that hangs are in the file."""
    told, released = Told(), threading.Event()
    other = threading.Thread(target=hangs_here, args=(released,))
    other.start()
    path = tmp_path / "hang-3.txt"
    with Watchdog(path, 0.05, told) as dog:
        dog.beat("epoch 2, step 7")
        assert told.wait_for(2)
        wait_for_text(path, "hangs_here")
    released.set()
    other.join()

    assert all(line.startswith("no step has ended for 0.") for line in told)
    assert all(f"since epoch 2, step 7; stacks: {path}" in line for line in told)
    text = path.read_text()
    assert text.count("since epoch 2, step 7") == len(told)
    assert "in wait_for" in text


def wait_for_text(path, text):
    end = time.monotonic() + LONG_S
    while text not in path.read_text() and time.monotonic() < end:
        threading.Event().wait(0.01)
    assert text in path.read_text()


def test_stacks_are_written_while_something_holds_pythons_lock(tmp_path):
    """More than once within one call of C that never lets go of it."""
    path = tmp_path / "hang-0.txt"
    with Watchdog(path, 0.05, Told()):
        ctypes.PyDLL(None).usleep(900_000)
        text = path.read_text()

    assert text.count("in test_stacks_are_written_while_something_holds_pythons_lock") >= 2


def test_signs_of_life_keep_it_silent(tmp_path):
    """An interval that is never reached, with beats or without; it ends with its block."""
    told = Told()
    with Watchdog(tmp_path / "hang-0.txt", LONG_S, told) as dog:
        for step in range(100):
            dog.beat(f"step {step}")

    assert told == []
    assert not (tmp_path / "hang-0.txt").exists()
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}
