"""One cluster on hosts of a network, for all tests here."""

import os
import sys
from collections.abc import Iterator

import pytest

from tests.on_ray.hosts.cluster import HostCluster, host_cluster
from tests.on_ray.hosts.network import network, why_not

# Together the two hosts that compute have what the local run has, so parts are fitted with as many
# threads, and get the same last bits.
NUM_CPUS = max(1, (os.cpu_count() or 1) // 2)


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostCluster]:
    """A head, two hosts that compute, and the store's."""
    missing = why_not() if sys.platform == "linux" else "needs Linux"
    if missing is not None:
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("hosts")
    with network(4, folder) as made, host_cluster(made, NUM_CPUS) as running:
        yield running
