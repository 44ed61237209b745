"""Ray on several hosts, and an S3-compatible store that all of them reach."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess, Popen

from tests.on_ray.hosts.network import PATIENCE_S, Host
from tests.on_ray.hosts.store import REFUSAL

BIN = Path(sys.executable).parent
GCS, DASHBOARD, STORE = 6379, 8265, 5000  # ports
TOKEN = "a-token-of-the-tests-with-more-than-32-characters"
SECRET = "a-secret-of-nobody"  # that the store wants
RAY = ("--disable-usage-stats", "--object-store-memory=150000000")
SOONER = {  # than Ray by itself, which takes a node that does not answer for lost after a minute
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "4",
}
ADD_BUCKET = """
import http.client
connection = http.client.HTTPConnection("{host}", {port})
connection.request("PUT", "/{bucket}")
assert connection.getresponse().status == 200
"""


@dataclass(frozen=True, slots=True)
class HostCluster:
    """Ray on all hosts but the last, which is the store; commands are given on the first."""

    hosts: list[Host]
    bucket: str
    num_cpus: int  # of each host of Ray but the head, which has none
    stores: list[Popen[str]] = field(default_factory=list)  # that were started

    @property
    def head(self) -> Host:
        """Where the GCS, the dashboard and the jobs' drivers are."""
        return self.hosts[0]

    @property
    def nodes(self) -> list[Host]:
        """Hosts of Ray, the head first."""
        return list(self.hosts[:-1])

    @property
    def store(self) -> Host:
        """The host of the object store."""
        return self.hosts[-1]

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the cluster, and of its users, is given."""
        return {
            **os.environ,
            **SOONER,
            "SEJE_RAY_CACHE": "/tmp/ray/mirrors",  # each host has its own under this name
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "AWS_ACCESS_KEY_ID": "an-id-of-nobody",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": f"http://{self.store.address}:{STORE}",
        }

    def run(self, host: Host, *words: str) -> CompletedProcess[str]:
        """A command on a host, to its end."""
        return subprocess.run(
            host.words(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def words(self, *words: str) -> list[str]:
        """A command of ours, submitted to the head."""
        address = f"http://{self.head.address}:{DASHBOARD}"
        return [sys.executable, "-m", "seje_ray", *words, "--address", address]

    def seje_ray(self, *words: str) -> CompletedProcess[str]:
        """A command of ours, submitted from the head."""
        return self.run(self.head, *self.words(*words))

    def start_node(self, host: Host) -> None:
        """Start Ray on a host, as head where it is the first."""
        num_cpus = 0 if host == self.head else self.num_cpus
        at = [f"--node-ip-address={host.address}", f"--num-cpus={num_cpus}", *RAY]
        if host == self.head:
            own = ["--head", f"--port={GCS}", f"--dashboard-host={host.address}"]
        else:
            own = [f"--address={self.head.address}:{GCS}"]
        done = self.run(host, str(BIN / "ray"), "start", *own, *at)
        assert done.returncode == 0, done.stderr

    def renew(self, host: Host) -> None:
        """Start Ray anew on a host that loses its power now, or that the head has lost."""
        host.power_off()
        self.start_node(host)

    def start_store(self) -> None:
        """Start the object store, with what it has had."""
        started = subprocess.Popen(
            self.store.words(
                sys.executable, "-m", "tests.on_ray.hosts.store", str(STORE), str(self.store.folder)
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a line per request
            text=True,
        )
        self.stores.append(started)
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"

    def stop_store(self) -> None:
        """End the object store; it keeps what it has."""
        for pid in self.store.pids():
            os.kill(pid, signal.SIGTERM)
        started = self.stores.pop()
        started.wait(PATIENCE_S)
        assert started.stdout is not None
        started.stdout.close()

    @contextmanager
    def hung_store(self) -> Iterator[None]:
        """Let the store take connections, and answer nothing."""
        pids = self.store.pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def refusing(self, status: int, code: str) -> Iterator[None]:
        """Let the store answer all requests so."""
        refusal = self.store.folder / REFUSAL
        refusal.write_text(f"{status} {code}")
        try:
            yield
        finally:
            refusal.unlink()

    def kill(self, host: Host, words: str) -> None:
        """SIGKILL the processes of a host that have such words in their command line."""
        for pid in host.pids():
            if words in command_line(pid):
                os.kill(pid, signal.SIGKILL)

    @contextmanager
    def at_work(self, host: Host, words: list[str]) -> Iterator["AtWork"]:
        """A command that runs on a host."""
        errors = host.folder / "errors"
        with errors.open("w") as stderr:
            process = subprocess.Popen(
                host.words(*words), env=self.environment, stdout=subprocess.PIPE, stderr=stderr,
                text=True,
            )  # fmt: skip
        try:
            yield AtWork(process, errors)
        finally:
            process.kill()
            process.communicate()


@dataclass(frozen=True, slots=True)
class AtWork:
    """A command that runs."""

    process: Popen[str]
    errors: Path  # where its stderr goes

    def wait_until(self, is_reached: Callable[[], object]) -> None:
        """Wait for a condition that must come true while the command runs."""
        started = time.monotonic()
        while not is_reached():
            assert self.process.poll() is None, f"it has ended: {self.errors.read_text()}"
            assert time.monotonic() - started < 5 * PATIENCE_S, "it never got so far"
            time.sleep(0.05)

    def ended(self) -> tuple[int, str]:
        """Exit code and stderr, once it has ended."""
        self.process.wait(5 * PATIENCE_S)
        return self.process.returncode, self.errors.read_text()


def command_line(pid: int) -> str:
    """What a process was started with, or calls itself; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@contextmanager
def host_cluster(made: list[Host], num_cpus: int) -> Iterator[HostCluster]:
    """Ray and a store on the hosts of a network; both end with it.

    Args:
        made: Of a network, at least three.
        num_cpus: Of each host of Ray but the head, whatever this machine has. The head has none,
            so that all work is elsewhere.
    """
    cluster = HostCluster(made, "bucket", num_cpus)
    try:
        cluster.start_store()
        add = ADD_BUCKET.format(host=cluster.store.address, port=STORE, bucket=cluster.bucket)
        done = cluster.run(cluster.head, sys.executable, "-c", add)
        assert done.returncode == 0, done.stderr
        for host in cluster.nodes:
            cluster.start_node(host)
        yield cluster
    finally:
        for host in made:
            host.power_off()
        for started in cluster.stores:
            started.wait(PATIENCE_S)
            assert started.stdout is not None
            started.stdout.close()
