"""A head node of a Ray cluster as a child process, on free ports of this machine."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError

PATIENCE_S = 180.0


@contextmanager
def ray_head(num_cpus: int, log: Path) -> Iterator[str]:
    """Start ``ray start --head --block``; give the address of its job server; end it."""
    ports = _free_ports(4)
    folder = tempfile.mkdtemp(prefix="seje-", dir="/tmp")  # short: sockets lie in it
    options = {
        "port": ports[0],
        "dashboard-port": ports[1],
        "dashboard-agent-listen-port": ports[2],  # another Ray here may hold the usual one
        "ray-client-server-port": ports[3],
        "dashboard-host": "127.0.0.1",
        "num-cpus": num_cpus,
        "temp-dir": folder,  # a job finds its cluster by what lies there
        "object-store-memory": 300_000_000,
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    with log.open("w") as output:
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), "start", "--head", "--block",
             "--disable-usage-stats", *words],
            stdout=output, stderr=subprocess.STDOUT, cwd=log.parent,
        )  # fmt: skip
    address = f"http://127.0.0.1:{ports[1]}"
    try:
        _wait_for(f"{address}/api/version", head)
        yield address
    finally:
        head.send_signal(signal.SIGTERM)  # takes down all that it started, and nothing else
        head.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(number: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for(url: str, head: subprocess.Popen) -> None:
    request = urllib.request.Request(url)
    token = os.environ.get("RAY_AUTH_TOKEN")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert head.poll() is None, "the head node ended"
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except (URLError, OSError):
            time.sleep(0.3)
        else:
            return
    raise AssertionError(f"{url} never answered")
