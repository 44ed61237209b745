"""Three hosts and an object store, joined by a network that fails: the pipeline over it."""

import sys
import time

import pytest

from seje_ray.pipeline.calibrate import Calibrated
from tests.on_ray.hosts.cluster import HostCluster
from tests.on_ray.hosts.network import Host
from tests.tiny import TINY

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("own_ray")]
TINY_OPTIONS = [word for override in TINY for word in ("--set", override)]
KBIT = 40_000  # a second, of a cable that is slow
HASH = """
import sys
from seje_ray.workspace import Workspace
print(Workspace.at(sys.argv[1]).open_calibrated().content_hash)
"""


@pytest.fixture
def uri(cluster: HostCluster) -> str:
    """The workspace."""
    return f"s3://{cluster.bucket}/one"


def told(cluster: HostCluster, host: Host, program: str, *words: str) -> str:
    """What a program prints on a host."""
    done = cluster.run(host, sys.executable, "-c", program, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def succeed(cluster: HostCluster, *words: str) -> str:
    """What a command of ours prints."""
    done = cluster.seje_ray(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_three_hosts_calibrate_and_train_over_a_store(
    cluster: HostCluster, uri: str, calibrated: Calibrated
) -> None:
    """No two share a folder, each has a mirror, and what they calibrate are a local run's bytes.

    Meanwhile one host is slow, the other's cable is pulled for some seconds, and the store hangs
    and is then started again. gloo has to be told the interface: the hosts' common name stands for
    loopback on each.
    """
    slow, cut = cluster.nodes[1:]
    words = cluster.words("calibrate", "--workspace", uri, *TINY_OPTIONS)
    with slow.slowed(KBIT), cluster.at_work(cluster.head, words) as running:
        running.wait_until(lambda: "reading photos" in running.errors.read_text())
        with cluster.hung_store():
            time.sleep(4)
        cut.cut()
        time.sleep(4)
        cut.mend()
        cluster.stop_store()
        cluster.start_store()
        code, said = running.ended()
    assert code == 0, said
    shown = succeed(cluster, "train", "--workers", "4", "--workspace", uri)
    assert shown.startswith("best epoch ")

    assert all(any(host.disk.iterdir()) for host in cluster.nodes[1:])
    assert calibrated.calibrated is not None
    assert told(cluster, slow, HASH, uri) == calibrated.calibrated.content_hash
