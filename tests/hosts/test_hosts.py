"""Three hosts and an object store, joined by a network alone: the whole pipeline over it."""

import sys
from collections.abc import Iterator

import pytest

from tests.hosts.cluster import HostCluster, host_cluster
from tests.hosts.network import network, why_not
from tests.tiny import TINY

MISSING = why_not() if sys.platform == "linux" else "needs Linux"
pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]
TINY_OPTIONS = [word for override in TINY for word in ("--set", override)]
NUM_CPUS = 1  # of each host that computes, whatever the machine has


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostCluster]:
    """A head, two hosts that compute, and the store's."""
    folder = tmp_path_factory.mktemp("hosts")
    with network(4, folder) as made, host_cluster(made, NUM_CPUS) as running:
        yield running


def succeed(cluster: HostCluster, *words: str) -> str:
    done = cluster.seje_ray(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_three_hosts_calibrate_and_train_over_a_store(cluster: HostCluster) -> None:
    """No two of them share a folder, and each has a mirror of its own.

    gloo has to be told the interface: the hosts' common name stands for loopback on each.
    """
    uri = f"s3://{cluster.bucket}/one"
    shown = succeed(cluster, "calibrate", "--workspace", uri, *TINY_OPTIONS)
    assert shown.startswith("recipes: ")
    shown = succeed(cluster, "train", "--workers", "4", "--workspace", uri)
    assert shown.startswith("best epoch ")

    mirrors = [host.folder / "ray" / "mirrors" for host in cluster.nodes[1:]]
    assert all(mirror.is_dir() for mirror in mirrors)
