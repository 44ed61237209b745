"""What fits on which machines, by hand; no Ray is started."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.errors import ResourceError
from seje_ray.on_ray.capacity import (
    Bundle,
    Node,
    described,
    leaves_a_cpu,
    num_fitting,
    refusal,
    require_shared_path,
    worker_bundle,
)
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.workspace import Workspace

nodes_of = st.lists(
    st.builds(Node, st.integers(0, 9).map(float), st.integers(0, 4).map(float)), max_size=5
)


def test_a_bundle_never_spans_two_machines():
    """3 + 3 CPUs hold two bundles of 2 CPUs, not three; a tenth fits ten times in one CPU."""
    assert num_fitting(Bundle(2.0), [Node(3.0), Node(3.0)]) == 2
    assert num_fitting(Bundle(0.1), [Node(1.0)]) == 10
    assert num_fitting(Bundle(1.0, 1 / 3), [Node(16.0, 1.0)]) == 3
    assert num_fitting(Bundle(1.0, 1.0), [Node(8.0, 2.0), Node(8.0), Node(1.0, 4.0)]) == 2 + 0 + 1
    assert num_fitting(Bundle(1.0), []) == 0


def test_workers_share_cpus_where_there_are_few():
    """Eight on two cores: a quarter each. Four on 1 + 2 CPUs: halves, since 2 + 4 >= 4."""
    assert worker_bundle(8, [Node(2.0)], shares_gpus=False) == Bundle(0.25)
    assert worker_bundle(4, [Node(1.0), Node(2.0)], shares_gpus=False) == Bundle(0.5)
    assert worker_bundle(3, [Node(0.0), Node(4.0)], shares_gpus=False) == Bundle(1.0)


def test_gpus_are_shared_only_on_an_embedded_ray():
    """Eight workers and four GPUs: half of one each, or more than there is."""
    nodes = [Node(16.0, 2.0), Node(16.0, 2.0)]
    assert worker_bundle(8, nodes, shares_gpus=True) == Bundle(1.0, 0.5)
    assert worker_bundle(8, nodes, shares_gpus=False) == Bundle(1.0, 1.0)
    assert worker_bundle(4, [Node(2.0, 4.0)], shares_gpus=False) == Bundle(0.5, 1.0)


@pytest.mark.parametrize(
    ("num", "bundle", "nodes", "expected"),
    [
        (1, Bundle(1.0), [Node(1.0)], False),
        (1, Bundle(1.0), [Node(0.0), Node(1.0), Node(1.0)], True),
        (2, Bundle(1.0), [Node(1.0), Node(1.0)], False),
        (3, Bundle(0.5), [Node(2.0)], False),  # half a CPU is left
        (2, Bundle(0.5), [Node(2.0)], True),
        (2, Bundle(0.5), [Node(1.0), Node(1.0)], False),  # one on each is possible
        (8, Bundle(1.0, 1.0), [Node(8.0, 8.0)], False),
        (8, Bundle(0.125, 1.0), [Node(1.0, 8.0), Node(4.0)], True),  # no GPU, so no worker there
        (8, Bundle(1.0, 1.0), [Node(9.0, 8.0)], True),
        (1, Bundle(0.25), [Node(0.5)], False),
        (1, Bundle(1.0), [], False),
    ],
)
def test_a_cpu_is_left_wherever_workers_lie(num, bundle, nodes, expected):
    """By hand: the workers may lie in the way that leaves least."""
    assert leaves_a_cpu(num, bundle, nodes) == expected


def test_a_refusal_shows_the_figures():
    """Eight workers with a GPU each on four GPUs; nine GPUs on the same."""
    nodes = [Node(16.0, 2.0), Node(16.0, 2.0), Node(4.0)]
    bundle = worker_bundle(8, nodes, shares_gpus=False)
    assert str(refusal(8, bundle, nodes, "--workers")) == (
        "--workers 8: each needs 1 CPU and 1 GPU, and only 4 fit on 2 nodes of 16 CPUs and 2 "
        "GPUs, 1 node of 4 CPUs; lower --workers or add nodes"
    )
    assert "--gpus 9: each needs 1 GPU, and only 4 fit" in str(
        refusal(9, Bundle(0.0, 1.0), nodes, "--gpus")
    )
    none = refusal(1, worker_bundle(1, [], shares_gpus=False), [], "--workers")
    assert "each needs 0.0156 CPU, and only 0 fit on no node" in str(none)
    crowd = refusal(200, Bundle(1.0), [Node(2.0)], "--workers")  # 2 x 64 would fit
    assert "each needs 0.0156 CPU, and only 128 fit on 1 node of 2 CPUs" in str(crowd)


def test_equal_nodes_are_described_together():
    """The largest first."""
    assert described([Node(2.0), Node(8.0, 4.0), Node(2.0)]) == (
        "1 node of 8 CPUs and 4 GPUs, 2 nodes of 2 CPUs"
    )


@given(nodes=nodes_of, num_workers=st.integers(1, 40), shares=st.booleans())
def test_a_bundle_fits_wherever_any_share_would(nodes, num_workers, shares):
    """The largest of 1, 1/2, 1/4, ... that fits; a plain search over them agrees."""
    bundle = worker_bundle(num_workers, nodes, shares_gpus=shares)

    candidates = [Bundle(2.0**-k, bundle.gpus) for k in range(7)]
    fitting = [one for one in candidates if num_fitting(one, nodes) >= num_workers]
    if fitting:
        assert bundle == fitting[0]
    else:
        assert num_fitting(bundle, nodes) < num_workers
        assert bundle.cpus == 1.0


def test_a_local_path_needs_a_word_on_several_machines():
    """One machine sees its own folders; two nodes of one address are one machine."""
    workspace, cluster = Workspace(Path("/w")), Cluster("head:6379")
    apart = [Node(4.0, host="10.0.0.1"), Node(4.0, host="10.0.0.2"), Node(4.0, host="10.0.0.2")]
    with pytest.raises(ResourceError, match=r"/w: a local path, and the cluster has 2 machines"):
        require_shared_path(workspace, cluster, apart, can_grow=False)
    with pytest.raises(ResourceError, match="an autoscaler that adds machines"):
        require_shared_path(workspace, cluster, apart[1:], can_grow=True)
    require_shared_path(workspace, Cluster("head:6379", shared_path=True), apart, can_grow=True)
    require_shared_path(workspace, EMBEDDED, apart, can_grow=True)
    require_shared_path(workspace, cluster, apart[1:], can_grow=False)


def test_a_store_is_reached_from_every_machine():
    """A workspace in one needs no word, but data on a disk do."""
    workspace = Workspace.at("s3://bucket/w")
    cluster, apart = Cluster("head:6379"), [Node(4.0, host="10.0.0.1"), Node(4.0, host="10.0.0.2")]
    require_shared_path(workspace, cluster, apart, can_grow=True)
    with pytest.raises(ResourceError, match=r"/data: a local path, and the cluster has 2 machines"):
        require_shared_path(workspace, cluster, apart, [Path("/data")], can_grow=False)
