"""Hosts of a network that lies within this machine: network namespaces, joined by a bridge.

Each host has an address of its own and a ``/tmp/ray`` of its own, where Ray's sessions lie, so
that what one reaches of another has crossed the network; mirrors lie in ``/tmp/ray/mirrors``, a
small disk of its own. Cables can be cut and slowed, disks filled. It needs root and Debian's
iproute2.
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
DISK = "256m"


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
    wire: str  # namespace of the bridge
    folder: Path

    @property
    def address(self) -> str:
        """Where others reach it."""
        return f"{SUBNET}.{self.number}"

    def words(self, *command: str) -> list[str]:
        """A command as it is run on this host: its network, its ``/tmp/ray``."""
        mounted = 'mount --rbind "$0" /tmp/ray && exec "$@"'
        ray = self.folder / "ray"
        within = ["unshare", "--mount", "sh", "-c", mounted, str(ray), *command]
        return ["ip", "netns", "exec", self.namespace, *within]

    @property
    def plug(self) -> str:
        """The bridge's end of its cable."""
        return f"p{self.number}"

    @property
    def disk(self) -> Path:
        """Its small disk, as this machine sees it."""
        return self.folder / "ray" / "mirrors"

    @contextmanager
    def full(self, room: int) -> Iterator[None]:
        """Leave no more than so many bytes on its disk."""
        filling = self.disk / ".filling"
        free = shutil.disk_usage(self.disk).free
        with filling.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free - room)
        try:
            yield
        finally:
            filling.unlink()

    def cut(self) -> None:
        """Pull its cable: what is sent to it or by it is lost, and nobody is told."""
        _ip("-n", self.wire, "link", "set", self.plug, "down")

    def mend(self) -> None:
        """Plug its cable in again."""
        _ip("-n", self.wire, "link", "set", self.plug, "up")

    @contextmanager
    def slowed(self, kbit: int) -> Iterator[None]:
        """Let no more than so many kbit a second through its cable, in each direction."""
        shape = ["root", "tbf", "rate", f"{kbit}kbit", "burst", "16kb", "latency", "400ms"]
        ends = [(self.namespace, "eth0"), (self.wire, self.plug)]
        for namespace, device in ends:
            _run("tc", "-n", namespace, "qdisc", "replace", "dev", device, *shape)
        try:
            yield
        finally:
            for namespace, device in ends:
                _run("tc", "-n", namespace, "qdisc", "delete", "dev", device, "root")

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
        Host(number, f"{os.getpid()}-host-{number}", wire, folder / f"host-{number}")
        for number in range(1, num_hosts + 1)
    ]
    made: list[str] = []
    try:
        _add(wire, made)
        _ip("-n", wire, "link", "add", "bridge", "type", "bridge")
        _ip("-n", wire, "link", "set", "bridge", "up")
        for host in hosts:
            host.disk.mkdir(parents=True)
            _run("mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(host.disk))
            _add(host.namespace, made)
            _plug(host)
        yield hosts
    finally:
        for host in hosts:
            if host.namespace in made:
                host.power_off()
            if host.disk.is_mount():
                _run("umount", "-l", str(host.disk))
        for namespace in reversed(made):
            _ip("netns", "delete", namespace)


def _add(namespace: str, made: list[str]) -> None:
    _ip("netns", "add", namespace)
    made.append(namespace)
    _ip("-n", namespace, "link", "set", "lo", "up")


def _plug(host: Host) -> None:
    """A cable from a host to the bridge."""
    ours, theirs = ["eth0", "netns", host.namespace], [host.plug, "netns", host.wire]
    _ip("link", "add", *ours, "type", "veth", "peer", "name", *theirs)
    _ip("-n", host.wire, "link", "set", host.plug, "master", "bridge", "up")
    _ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
    _ip("-n", host.namespace, "link", "set", "eth0", "up")


def _ip(*words: str) -> str:
    return _run("ip", *words)


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
