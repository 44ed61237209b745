"""A head and two more nodes, on one machine: the same results, also when a node is lost."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster as Nodes

from seje_ray.submission.cluster import Cluster
from seje_ray.workspace import Workspace
from tests.on_ray.verbs import calibrate, train
from tests.tiny import tiny_run

pytestmark = [pytest.mark.ray, pytest.mark.slow]

PATIENCE_S = 300.0
MEMORY = {"object_store_memory": 150 * 2**20}
CORES = os.cpu_count() or 1


@pytest.fixture
def nodes(own_ray):
    """A head without CPUs, so that all work is elsewhere, and two nodes of half the cores each.

    Together they have what the local run has, so parts are fitted with as many threads.
    """
    head = {"num_cpus": 0, "include_dashboard": False, **MEMORY}
    found = Nodes(initialize_head=True, head_node_args=head)
    add_two(found, num_cpus=max(1, CORES // 2))
    yield found
    found.shutdown()


def add_two(nodes, num_cpus):
    for _ in range(2):
        nodes.add_node(num_cpus=num_cpus, **MEMORY)
    nodes.wait_for_nodes()


class LosesTheNodeOf:
    """Kills, as a power cut would, the node on which a process runs, once it has logged."""

    def __init__(self, nodes, log: Path, event: str):
        self._nodes, self._log, self._event = nodes, log, event
        self.is_lost = False
        self._thread = threading.Thread(target=self._lose, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(timeout=30)

    def _lose(self):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            lines = self._log.read_text().splitlines() if self._log.is_file() else []
            events = [json.loads(line) for line in lines if line.endswith("}")]
            if any(event["event"] == self._event for event in events):
                raylet = _parent(events[0]["pid"])
                [node] = [
                    node
                    for node in self._nodes.worker_nodes
                    if node.all_processes["raylet"][0].process.pid == raylet
                ]
                self._nodes.remove_node(node, allow_graceful=False)
                self.is_lost = True
                return
            time.sleep(0.02)


def _parent(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("PPid:")[1].split()[0])


def test_a_lost_node_changes_no_result(nodes, workspace, calibrated, tmp_path):
    """Once while a part is fitted, once after the first epoch of four workers.

    Calibrated are the bytes of a local run; the history is that of four workers here.
    """
    cluster = Cluster(nodes.address, shared_path=True)
    with LosesTheNodeOf(
        nodes, tmp_path / "logs" / "fit-image_categorizer-0.jsonl", "started"
    ) as cut:
        found = calibrate(tiny_run(), None, Workspace(tmp_path), cluster=cluster)
    assert cut.is_lost
    assert found.calibrated is not None
    assert found.calibrated.content_hash == calibrated.calibrated.content_hash

    nodes.remove_node(*nodes.worker_nodes)
    add_two(nodes, num_cpus=4)
    run = tiny_run("train.num_epochs=4")
    log = tmp_path / "runs" / "four" / "logs" / "worker-0.jsonl"
    with LosesTheNodeOf(nodes, log, "epoch") as cut:
        shared = train(run, Workspace(tmp_path), name="four", num_workers=4, cluster=cluster)
    assert cut.is_lost
    alone = train(run, workspace, name="four", num_workers=4)

    if CORES < 4:  # with more, workers of one node have other threads than of two: other last bits
        histories = [(one.folder / "history.jsonl").read_text() for one in (shared, alone)]
        assert histories[0] == histories[1]
    assert shared.metrics == pytest.approx(alone.metrics, rel=2e-2)
    starts = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert starts.count("joined") >= 2
