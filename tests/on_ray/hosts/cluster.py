"""Ray on several hosts, and an S3-compatible store that all of them reach."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from tests.on_ray.hosts.network import PATIENCE_S, Host

BIN = Path(sys.executable).parent
GCS, DASHBOARD, STORE = 6379, 8265, 5000  # ports
TOKEN = "a-token-of-the-tests-with-more-than-32-characters"
RAY = ("--disable-usage-stats", "--object-store-memory=150000000")
START_STORE = """
import time
from moto.server import ThreadedMotoServer
ThreadedMotoServer(ip_address="0.0.0.0", port={port}, verbose=False).start()
print("ready", flush=True)
time.sleep(1e6)
"""
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
            "SEJE_RAY_CACHE": "/tmp/ray/mirrors",  # each host has its own under this name
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "AWS_ACCESS_KEY_ID": "an-id-of-nobody",
            "AWS_SECRET_ACCESS_KEY": "a-secret-of-nobody",
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

    def seje_ray(self, *words: str) -> CompletedProcess[str]:
        """A command of ours, submitted from the head."""
        address = f"http://{self.head.address}:{DASHBOARD}"
        return self.run(self.head, sys.executable, "-m", "seje_ray", *words, "--address", address)

    def start_node(self, host: Host, num_cpus: int) -> None:
        """Start Ray on a host, as head where it is the first."""
        at = [f"--node-ip-address={host.address}", f"--num-cpus={num_cpus}", *RAY]
        if host == self.head:
            own = ["--head", f"--port={GCS}", f"--dashboard-host={host.address}"]
        else:
            own = [f"--address={self.head.address}:{GCS}"]
        done = self.run(host, str(BIN / "ray"), "start", *own, *at)
        assert done.returncode == 0, done.stderr


@contextmanager
def host_cluster(made: list[Host], num_cpus: int) -> Iterator[HostCluster]:
    """Ray and a store on the hosts of a network; both end with it.

    Args:
        made: Of a network, at least three.
        num_cpus: Of each host of Ray but the head, whatever this machine has. The head has none,
            so that all work is elsewhere.
    """
    cluster = HostCluster(made, "bucket")
    store = subprocess.Popen(
        cluster.store.words(sys.executable, "-c", START_STORE.format(port=STORE)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a line per request
        text=True,
    )
    try:
        assert store.stdout is not None
        assert store.stdout.readline() == "ready\n"
        add = ADD_BUCKET.format(host=cluster.store.address, port=STORE, bucket=cluster.bucket)
        done = cluster.run(cluster.head, sys.executable, "-c", add)
        assert done.returncode == 0, done.stderr
        for host in cluster.nodes:
            cluster.start_node(host, 0 if host == cluster.head else num_cpus)
        yield cluster
    finally:
        for host in made:
            host.power_off()
        store.wait(PATIENCE_S)
        assert store.stdout is not None
        store.stdout.close()
