"""What `docs/reliability.md` says of servers, of tunings and of heads on three hosts.

A quarter of an hour more than ``test_hosts.py``, so only where ``SEJE_RAY_RARER_FAULTS`` is set:
``SEJE_RAY_RARER_FAULTS=1 python -m pytest tests/on_ray/hosts/test_rarer_faults.py``. The tests are
one story, in this order.
"""

import json
import os
import time

import pytest

from tests.on_ray.hosts.cluster import AtWork, HostCluster, command_line
from tests.on_ray.hosts.network import Host
from tests.on_ray.hosts.story import (
    HISTORY,
    STATES,
    TINY_OPTIONS,
    equal_trials,
    error_line,
    succeed,
    told,
)

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.usefixtures("own_ray"),
    pytest.mark.skipif(
        not os.environ.get("SEJE_RAY_RARER_FAULTS"),
        reason="takes a quarter of an hour: SEJE_RAY_RARER_FAULTS=1",
    ),
]
ASKED = """
import http.client, json, sys, time
JSON = {"Content-Type": "application/json"}
end = time.monotonic() + float(sys.argv[1])
for address in sys.argv[2:]:
    while True:
        try:
            server = http.client.HTTPConnection(address, 8000, timeout=30)
            server.request("POST", "/v1/search/text", json.dumps({"text": "tomato"}), JSON)
            status = server.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        if status == 200 or time.monotonic() > end:
            break
        time.sleep(0.5)
    print(status)
"""
ALIVE = """
import ray
ray.init("auto", log_to_driver=False)
print(*[node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]])
"""
SERVED = ("serve", "--run", "demo", "--host", "0.0.0.0", "--client-rate", "0")


@pytest.fixture(scope="module")
def uri(cluster: HostCluster) -> str:
    """A workspace that is calibrated and trained."""
    uri = f"s3://{cluster.bucket}/rarer"
    succeed(cluster, "calibrate", "--workspace", uri, *TINY_OPTIONS)
    succeed(cluster, "train", "--workers", "2", "--workspace", uri)
    return uri


def answers(cluster: HostCluster, hosts: list[Host], *, patience_s: float = 0.0) -> set[str]:
    """Statuses of a request to each of some hosts, sent from the last.

    Asked once; with patience again, until it is 200: a node may listen later than others.
    """
    addresses = [host.address for host in hosts]
    return set(told(cluster, hosts[-1], ASKED, str(patience_s), *addresses).split("\n"))


def test_a_server_outlives_a_node_and_the_store(cluster: HostCluster, uri: str) -> None:
    """Two hosts hold two models and two APIs; without one, and without the store, all answer."""
    lost, stays = cluster.nodes[1:]
    succeed(cluster, *SERVED, "--workspace", uri, "--replicas", "2")
    try:
        assert answers(cluster, cluster.nodes, patience_s=60) == {"200"}
        lost.power_off()
        assert answers(cluster, [cluster.head, stays] * 10) == {"200"}
        cluster.stop_store()
        assert answers(cluster, [cluster.head, stays] * 10) == {"200"}
        cluster.start_store()
        cluster.renew(lost)
    finally:
        assert succeed(cluster, "serve", "--stop") == "ended\n"


def test_a_server_comes_up_on_another_node(cluster: HostCluster, uri: str) -> None:
    """The cable of the one that holds its only model is pulled."""
    succeed(cluster, *SERVED, "--workspace", uri)
    first, second = cluster.nodes[1:]
    holder, other = (first, second) if holds_model(first) else (second, first)
    try:
        assert (holds_model(holder), holds_model(other)) == (True, False)
        assert answers(cluster, cluster.nodes, patience_s=60) == {"200"}
        holder.cut()
        assert answers(cluster, [cluster.head, other], patience_s=300) == {"200"}
        assert holds_model(other)
    finally:
        holder.mend()
        assert succeed(cluster, "serve", "--stop") == "ended\n"
    cluster.renew(holder)


def holds_model(host: Host) -> bool:
    """Whether a replica of a model is on a host."""
    return any("ServeReplica:seje-ray-model" in command_line(pid) for pid in host.pids())


def test_a_trial_whose_node_loses_its_power_ends_with_the_scores_of_its_equal(
    cluster: HostCluster, uri: str
) -> None:
    """Two trials of the same settings and seed."""
    lost = cluster.nodes[1]
    with equal_trials(cluster, uri, lost, "dark") as running:
        cluster.renew(lost)
        require_equal_scores(cluster, uri, running, "dark")


def test_a_trial_whose_node_is_lost_to_all_others_ends_with_the_scores_of_its_equal(
    cluster: HostCluster, uri: str
) -> None:
    """Its cable is pulled for 20 s, so that Ray takes it for lost while its processes run."""
    cut = cluster.nodes[1]
    with equal_trials(cluster, uri, cut, "cut") as running:
        cut.cut()
        time.sleep(20)
        assert cut.address not in told(cluster, cluster.head, ALIVE).split()
        cut.mend()
        cluster.renew(cut)
        require_equal_scores(cluster, uri, running, "cut")


def require_equal_scores(cluster: HostCluster, uri: str, running: AtWork, name: str) -> None:
    """Of a tuning by ``equal_trials``, once it has ended."""
    code, said = running.ended()
    assert code == 0, said
    assert "its process died; it goes on when the others have ended" in said
    (state, scores), other = json.loads(told(cluster, cluster.head, STATES, uri, name))
    assert (state, len(scores)) == ("done", 20)
    assert [state, scores] == other


def test_a_clock_that_is_wrong_is_one_line(cluster: HostCluster, uri: str) -> None:
    """As the store says, of a job that has begun."""
    command = cluster.words("evaluate", "--workspace", uri, "--run", "demo")
    with cluster.at_work(cluster.head, command) as running:
        running.wait_until(lambda: "submitted" in running.errors.read_text())
        with cluster.refusing(403, "RequestTimeTooSkewed"):
            assert "clock" in error_line(running)


def test_a_training_whose_head_loses_its_power_goes_on_with_a_new_head(
    cluster: HostCluster, uri: str
) -> None:
    """Who follows it from elsewhere is told in one line; repeated, it has the same history."""
    words = ("train", "--workers", "2", "--workspace", uri, "--run", "headless")
    follower = cluster.nodes[1]
    with cluster.at_work(follower, cluster.words(*words)) as running:
        disks = [host.disk for host in cluster.nodes]
        running.wait_until(lambda: any(any(d.rglob("headless/checkpoint-*")) for d in disks))
        cluster.head.power_off()
        assert "does not answer" in error_line(running)
    for host in cluster.nodes[1:]:
        host.power_off()
    for host in cluster.nodes:
        cluster.start_node(host)
    succeed(cluster, *words)
    histories = [told(cluster, follower, HISTORY, uri, name) for name in ("headless", "demo")]
    assert histories[0] == histories[1]
