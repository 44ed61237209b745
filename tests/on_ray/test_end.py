"""However Ray or a command ends: one line, the right exit code, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from ray.cluster_utils import Cluster as Nodes

from seje_ray.on_ray.guardian import processes_of

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("own_ray")]
COMMAND = """
import sys, click, ray
from seje_ray.cli.main import SejeGroup
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.ray_internals import session_folder
from seje_ray.submission.cluster import Cluster

cluster = Cluster(*sys.argv[1:])

@click.group(cls=SejeGroup)
def cli(): pass

@ray.remote
def never():
    import time
    time.sleep(10**6)

def work():
    with connected(cluster=cluster):
        waited = never.remote()
        print(session_folder(), flush=True)
        ray.wait([waited])

SejeGroup.get_command = lambda self, ctx, name: click.Command("work", callback=work)
cli(["work"])
"""
OTHERS = """
from pathlib import Path
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.ray_internals import dead_parts, session_folder
import os, ray

first = connected()
first.__enter__()
watched = session_folder()
ray.shutdown()
ray.init(address="local", num_cpus=1, include_dashboard=False, logging_level="ERROR")
(raylet,) = ray._private.worker._global_node.all_processes["raylet"]
raylet.process.kill()
raylet.process.wait()
print(dead_parts(watched), len(dead_parts(session_folder())), flush=True)
os._exit(0)
"""
LIMIT_S = 60
PATIENCE_S = 300


@contextmanager
def at_work(*address: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command that waits for Ray for ever, embedded or at an address; its session's folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    session = process.stdout.readline().strip()
    if not session:
        pytest.skip(f"no Ray came up: {process.communicate()[1]}")
    try:
        yield process, session
    finally:
        process.kill()
        process.communicate()


def nothing_is_left(session: str) -> bool:
    deadline = time.monotonic() + LIMIT_S
    while processes_of(session) and time.monotonic() < deadline:
        time.sleep(0.1)
    return processes_of(session) == []


@pytest.mark.parametrize("part", ["raylet", "gcs_server"])
def test_a_part_of_ray_that_dies_is_one_error_line(part):
    """P01d, P03a, P11b: also where the command waits in Ray's core for what never comes."""
    with at_work() as (process, session):
        started = psutil.Process(process.pid).children(recursive=True)
        next(child for child in started if child.name() == part).kill()
        _, errors = process.communicate(timeout=LIMIT_S)

        assert process.returncode == 1
        (line,) = [line for line in errors.splitlines() if line.startswith("Error:")]
        assert f"Ray ended in the middle of the work: its {part} (pid" in line
        assert "signal 9" in line
        assert "repeat the command to resume" in line
        assert str(Path(session) / "logs") in line
        assert "Traceback" not in errors
        assert nothing_is_left(session)
        _, left = psutil.wait_procs(started, timeout=LIMIT_S)  # agents tell no session
        assert left == []


@pytest.fixture
def head():
    """The head node of a cluster."""
    size = {"num_cpus": 1, "object_store_memory": 150 * 2**20}
    nodes = Nodes(initialize_head=True, head_node_args={"include_dashboard": False, **size})
    yield nodes.head_node
    nodes.shutdown()


@pytest.mark.parametrize("part", ["raylet", "gcs_server"])
def test_a_head_that_is_lost_under_a_command_is_one_error_line(head, part):
    """The raylet is seen on this machine; the store of the cluster's state has to be asked."""
    with at_work(head.gcs_address) as (process, _):
        (lost,) = head.all_processes[part]
        lost.process.kill()
        _, errors = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 1
    (line,) = [line for line in errors.splitlines() if line.startswith("Error:")]
    if part == "raylet":
        assert f"the raylet of this machine (pid {lost.process.pid}) is gone" in line
    else:
        assert f"the head of the Ray cluster ({head.gcs_address}) has not answered for" in line
    assert "repeat the command to resume" in line
    assert "Traceback" not in errors


def test_the_watch_of_one_ray_says_nothing_of_the_next():
    """A Ray that is shut down under its watch, and another that ends: no end of the command."""
    done = subprocess.run(
        [sys.executable, "-c", OTHERS], capture_output=True, text=True, timeout=2 * LIMIT_S
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[] 1"), done.stderr


def test_sigterm_ends_as_ctrl_c_does():
    """P04: without frames of C++ stacks."""
    with at_work() as (process, session):
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT_S)

        assert process.returncode == 130, errors
        told = [line for line in errors.splitlines() if line and not line.startswith("note:")]
        assert len(told) == 1, errors  # beside the note of a slow start
        assert told[0].endswith("repeat the command to resume.")
        assert nothing_is_left(session)


def test_a_killed_command_leaves_nothing():
    """P01e: agents of Ray's dashboard and runtime environments stayed before."""
    with at_work() as (process, session):
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert nothing_is_left(session)
