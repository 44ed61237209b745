"""Hosts of a network that lies within this machine: network namespaces, joined by a bridge.

Each host has an address of its own and a ``/tmp/ray`` of its own, where Ray's sessions lie and
where the tests let mirrors lie, so that what one reaches of another has crossed the network. It
needs root and Debian's iproute2.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUBNET = "10.77.0"
PATIENCE_S = 120.0


def why_not() -> str | None:
    """What is missing to make hosts, or None."""
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        return "needs ip and unshare (Debian: iproute2, util-linux)"
    probe = f"{os.getpid()}-probe"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        return "may not make network namespaces here"
    _ip("netns", "delete", probe)
    return None


@dataclass(frozen=True, slots=True)
class Host:
    """One host: a namespace, an address, a folder for what is its own."""

    number: int
    namespace: str
    folder: Path

    @property
    def address(self) -> str:
        """Where others reach it."""
        return f"{SUBNET}.{self.number}"

    def words(self, *command: str) -> list[str]:
        """A command as it is run on this host: its network, its ``/tmp/ray``."""
        mounted = 'mount --bind "$0" /tmp/ray && exec "$@"'
        ray = self.folder / "ray"
        within = ["unshare", "--mount", "sh", "-c", mounted, str(ray), *command]
        return ["ip", "netns", "exec", self.namespace, *within]

    def pids(self) -> list[int]:
        """Processes that run on it."""
        return [int(word) for word in _ip("netns", "pids", self.namespace).split()]

    def power_off(self) -> None:
        """End all its processes at once, as a power cut does."""
        deadline = time.monotonic() + PATIENCE_S
        while pids := self.pids():
            if time.monotonic() > deadline:
                raise TimeoutError(f"processes {pids} of {self.namespace} do not end")
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.05)


@contextmanager
def network(num_hosts: int, folder: Path) -> Iterator[list[Host]]:
    """Hosts 1 to ``num_hosts``; all that runs on them ends with the context.

    Args:
        num_hosts: Fewer than 200.
        folder: Of their own folders.
    """
    Path("/tmp/ray").mkdir(exist_ok=True)  # a place to mount to
    wire = f"{os.getpid()}-wire"
    hosts = [
        Host(number, f"{os.getpid()}-host-{number}", folder / f"host-{number}")
        for number in range(1, num_hosts + 1)
    ]
    made: list[str] = []
    try:
        _add(wire, made)
        _ip("-n", wire, "link", "add", "bridge", "type", "bridge")
        _ip("-n", wire, "link", "set", "bridge", "up")
        for host in hosts:
            (host.folder / "ray").mkdir(parents=True)
            _add(host.namespace, made)
            _plug(host, wire)
        yield hosts
    finally:
        for host in hosts:
            if host.namespace in made:
                host.power_off()
        for namespace in reversed(made):
            _ip("netns", "delete", namespace)


def _add(namespace: str, made: list[str]) -> None:
    _ip("netns", "add", namespace)
    made.append(namespace)
    _ip("-n", namespace, "link", "set", "lo", "up")


def _plug(host: Host, wire: str) -> None:
    """A cable from a host to the bridge."""
    ours, theirs = ["eth0", "netns", host.namespace], [f"p{host.number}", "netns", wire]
    _ip("link", "add", *ours, "type", "veth", "peer", "name", *theirs)
    _ip("-n", wire, "link", "set", f"p{host.number}", "master", "bridge", "up")
    _ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
    _ip("-n", host.namespace, "link", "set", "eth0", "up")


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
