"""A head and two more nodes, on one machine: the same results, also when a node is lost."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster as Nodes

from seje_ray.errors import ResourceError
from seje_ray.on_ray import group
from seje_ray.pipeline.local import LocalExecutor
from seje_ray.pipeline.train import train as train_locally
from seje_ray.submission.cluster import Cluster
from seje_ray.training.history import read_history
from seje_ray.workspace import Workspace
from tests.on_ray.verbs import calibrate, train
from tests.tiny import tiny_run
from tests.trainings import assert_equal_weights, history_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]

PATIENCE_S = 300.0
MEMORY = {"object_store_memory": 150 * 2**20}
CORES = os.cpu_count() or 1
KEEPS_ON = (
    "train.schedule=plateau",
    "train.lr_drop_patience=1000",
    "train.stop_patience=1000",
    "train.learning_rate=1e-5",  # so that what is rounded otherwise stays small
)


@pytest.fixture
def nodes(own_ray):
    """A head without CPUs, so that all work is elsewhere, and two nodes of half the cores each.

    Together they have what the local run has, so parts are fitted with as many threads.
    """
    head = {"num_cpus": 0, "include_dashboard": False, **MEMORY}
    # Its hooks are of a main thread, and a test adds a node from another.
    found = Nodes(initialize_head=True, head_node_args=head, shutdown_at_exit=False)
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
            events = _events(self._log) if self._log.is_file() else []
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


class BringsANodeLater(LosesTheNodeOf):
    """Adds one once the training goes on without the lost one; Ctrl-C when it has both again."""

    def _lose(self):
        super()._lose()
        self._wait_for_epoch_of(1)
        self._nodes.add_node(num_cpus=1, **MEMORY)
        self._wait_for_epoch_of(2)
        os.kill(os.getpid(), signal.SIGINT)

    def _wait_for_epoch_of(self, num_workers):
        """Wait until the newest group is of so many, and has done an epoch."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            events = _events(self._log)
            joined = [n for n, event in enumerate(events) if event["event"] == "joined"][-1]
            done = [event for event in events[joined:] if event["event"] == "epoch"]
            if events[joined]["world_size"] == num_workers and done:
                return
            time.sleep(0.1)


def _events(log: Path):
    return [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]


def _parent(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("PPid:")[1].split()[0])


def test_photos_are_decoded_on_a_node_without_a_worker(nodes, workspace, trained, capfd):
    """The same numbers, bit by bit; where the workers hold every CPU, one line and no hang."""
    cluster, run = Cluster(nodes.address, shared_path=True), tiny_run("train.decode=cluster")
    holds_all = 2 * max(1, CORES // 2)
    match = (
        rf"decode cluster: expected a CPU beside the 1 CPU of each of {holds_all} workers, found"
    )
    with pytest.raises(ResourceError, match=match):
        train(run, workspace, name="crowded", num_workers=holds_all, cluster=cluster)

    found = train(run, workspace, name="elsewhere", num_workers=1, cluster=cluster)

    assert "decode cluster: all CPUs are of one machine" in capfd.readouterr().err
    assert history_of(found) == history_of(trained)
    assert_equal_weights(found, trained)


def test_a_node_lost_while_a_part_is_fitted_changes_no_byte(nodes, calibrated, tmp_path):
    """Of a training: hosts/test_hosts.py."""
    cluster = Cluster(nodes.address, shared_path=True)
    with LosesTheNodeOf(
        nodes, tmp_path / "logs" / "fit-image_categorizer-0.jsonl", "started"
    ) as cut:
        found = calibrate(tiny_run(), None, Workspace(tmp_path), cluster=cluster)
    assert cut.is_lost
    assert found.calibrated is not None
    assert found.calibrated.content_hash == calibrated.calibrated.content_hash


def test_a_training_goes_on_with_fewer_workers_and_with_more_again(
    nodes, workspace, calibrated, monkeypatch
):
    """A node is lost for good, another comes later: no new command, and one worker's numbers."""
    monkeypatch.setattr(group, "RESIZE_EVERY_S", 2.0)
    # Ray's answer to the loss is to wait for the lost node, by default for a minute.
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "10")
    for node in list(nodes.worker_nodes):
        nodes.remove_node(node)
    add_two(nodes, num_cpus=1)
    cluster = Cluster(nodes.address, shared_path=True)
    log = workspace.run("elastic") / "logs" / "worker-0.jsonl"
    run = tiny_run(*KEEPS_ON, "train.num_epochs=1000")
    with BringsANodeLater(nodes, log, "epoch") as cut, pytest.raises(KeyboardInterrupt):
        train(run, workspace, name="elastic", num_workers=2, min_workers=1, cluster=cluster)
    assert cut.is_lost
    joined = [event["world_size"] for event in _events(log) if event["event"] == "joined"]
    assert joined == [2, 1, 2]
    history = read_history(workspace.run("elastic"))
    run = tiny_run(*KEEPS_ON, f"train.num_epochs={len(history)}")
    alone = train_locally(run, workspace, LocalExecutor(num_threads=1), name="undisturbed")
    for here, there in zip(history, history_of(alone), strict=True):
        assert here["epoch"] == there["epoch"]
        assert here["train/loss"] == pytest.approx(there["train/loss"], rel=1e-3)
