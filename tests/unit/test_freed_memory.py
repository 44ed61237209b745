"""Memory that is kept for the next array."""

import os
import subprocess
import sys

import pytest

from seje_ray.freed_memory import ENVIRONMENT, environment

FAULTS = """
import resource, sys, threading
import numpy as np
from seje_ray.freed_memory import keep_freed_memory
if "keep" in sys.argv:
    assert keep_freed_memory()
def fill():
    for _ in range(20):
        np.ones(100 * 2**20, np.uint8)
def measured():
    fill()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    fill()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
thread = threading.Thread(target=measured)
thread.start()
thread.join()
"""
FEW = 100  # 20 arrays of 100 MiB are 512,000 pages of 4 KiB, or 1,000 huge ones
is_glibc = "glibc" in os.confstr("CS_GNU_LIBC_VERSION") if sys.platform == "linux" else False
pytestmark = pytest.mark.skipif(not is_glibc, reason="needs glibc")


def _faults(*arguments: str, **environment: str) -> int:
    """Pages that a thread is given for arrays that it had before, in a process of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", FAULTS, *arguments]
    told = subprocess.run(command, check=True, capture_output=True, env=own | environment)
    return int(told.stdout)


def test_an_array_takes_the_place_of_the_one_before() -> None:
    """With it hardly any page is given anew, in threads that start later neither."""
    assert _faults("keep") < FEW
    assert _faults(**ENVIRONMENT) < FEW


def test_a_users_own_settings_stay() -> None:
    """Who has set one of them is not overruled: an array of its own is asked for each time."""
    told = subprocess.run(
        [sys.executable, "-c", "from seje_ray.freed_memory import *; print(keep_freed_memory())"],
        check=True,
        capture_output=True,
        env=os.environ | {"MALLOC_ARENA_MAX": "3"},
    )
    assert told.stdout.split() == [b"False"]


def test_what_this_process_has_given_to_ray_is_no_users_setting(monkeypatch):
    """A process that has started Ray keeps its own memory, too; of a user's settings none is."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert environment() == ENVIRONMENT
    monkeypatch.setenv("MALLOC_ARENA_MAX", "3")
    assert environment() == {}
