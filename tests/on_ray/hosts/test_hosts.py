"""Three hosts and an object store, joined by a network that fails: the pipeline over it.

The tests are one story, in this order: each goes on with what the one before has made.
"""

import time

import pytest

from seje_ray.pipeline.calibrate import Calibrated
from tests.on_ray.hosts.cluster import SECRET, HostCluster
from tests.on_ray.hosts.story import (
    HASH,
    HISTORY,
    TINY_OPTIONS,
    error_line,
    succeed,
    told,
)

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("own_ray")]
KBIT = 40_000  # a second, of a cable that is slow


@pytest.fixture
def uri(cluster: HostCluster) -> str:
    """The workspace."""
    return f"s3://{cluster.bucket}/one"


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


def test_a_training_whose_driver_and_node_are_lost_has_the_same_history(
    cluster: HostCluster, uri: str
) -> None:
    """The driver's end is one line; the node's is a note, and the training waits for another."""
    words = cluster.words("train", "--workers", "4", "--run", "stormy", "--workspace", uri)

    def num(event: str) -> int:
        """How often workers have said so, on all hosts."""
        logs = [log for host in cluster.nodes for log in host.disk.rglob("stormy/logs/w*.jsonl")]
        return sum(log.read_text().count(f'"event": "{event}"') for log in logs)

    with cluster.at_work(cluster.head, words) as running:
        running.wait_until(lambda: num("joined") >= 4)
        cluster.kill(cluster.head, "-m seje_ray train --address auto")
        assert "its process on the head node was killed (signal 9)" in error_line(running)

    lost = cluster.nodes[1]
    before = num("joined")
    with cluster.at_work(cluster.head, words) as running:
        running.wait_until(lambda: num("joined") >= before + 4)
        cluster.renew(lost)
        code, said = running.ended()
    assert code == 0, said
    assert told(cluster, lost, HISTORY, uri, "stormy") == told(cluster, lost, HISTORY, uri, "demo")


def test_credentials_that_expire_are_one_line(cluster: HostCluster, uri: str) -> None:
    """Of a job that has begun; and on no disk of a node is there a secret."""
    command = cluster.words("evaluate", "--workspace", uri, "--run", "demo")
    with cluster.at_work(cluster.head, command) as running:
        running.wait_until(lambda: "submitted" in running.errors.read_text())
        with cluster.refusing(400, "ExpiredToken"):
            assert "the credentials have expired; renew them" in error_line(running)
    kept = [path for host in cluster.nodes for path in host.disk.rglob("*") if path.is_file()]
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]
