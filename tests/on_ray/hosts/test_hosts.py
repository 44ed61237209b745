"""Three hosts and an object store, joined by a network alone: the whole pipeline over it."""

import os
import sys
from collections.abc import Iterator

import pytest

from seje_ray.pipeline.calibrate import Calibrated
from tests.on_ray.hosts.cluster import HostCluster, host_cluster
from tests.on_ray.hosts.network import network, why_not
from tests.tiny import TINY

MISSING = why_not() if sys.platform == "linux" else "needs Linux"
pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.usefixtures("own_ray"),
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]
TINY_OPTIONS = [word for override in TINY for word in ("--set", override)]
# Together the two hosts that compute have what the local run has, so parts are fitted with as many
# threads, and get the same last bits.
NUM_CPUS = max(1, (os.cpu_count() or 1) // 2)
HASH = """
import sys
from seje_ray.workspace import Workspace
print(Workspace.at(sys.argv[1]).open_calibrated().content_hash)
"""


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


def test_three_hosts_calibrate_and_train_over_a_store(
    cluster: HostCluster, calibrated: Calibrated
) -> None:
    """No two share a folder, each has a mirror, and what they calibrate are a local run's bytes.

    gloo has to be told the interface: the hosts' common name stands for loopback on each.
    """
    uri = f"s3://{cluster.bucket}/one"
    shown = succeed(cluster, "calibrate", "--workspace", uri, *TINY_OPTIONS)
    assert shown.startswith("recipes: ")
    shown = succeed(cluster, "train", "--workers", "4", "--workspace", uri)
    assert shown.startswith("best epoch ")

    mirrors = [host.folder / "ray" / "mirrors" for host in cluster.nodes[1:]]
    assert all(mirror.is_dir() for mirror in mirrors)
    found = cluster.run(cluster.nodes[1], sys.executable, "-c", HASH, uri)
    assert found.returncode == 0, found.stderr
    assert calibrated.calibrated is not None
    assert found.stdout.strip() == calibrated.calibrated.content_hash
