"""What a cluster can hold: refuse what it never can, wait for what its autoscaler can bring."""

import math
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import ray
import ray.autoscaler.sdk

from seje_ray.errors import ResourceError
from seje_ray.on_ray.address import Cluster

SMALLEST_SHARE = 1 / 64  # of a CPU, that a worker gets where there are few
TELL_EVERY_S = 30.0
POLL_S = 2.0
UNLIMITED = 10_000  # nodes of a group without an upper limit


@dataclass(frozen=True, slots=True)
class Node:
    """What one machine offers."""

    cpus: float
    gpus: float = 0.0
    host: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one worker takes of one machine."""

    cpus: float
    gpus: float = 0.0

    def resources(self) -> dict[str, float]:
        """As Ray names them."""
        return {"CPU": self.cpus} | ({"GPU": self.gpus} if self.gpus else {})

    def __str__(self) -> str:
        return f"{self.cpus:g} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")


def num_fitting(bundle: Bundle, nodes: Iterable[Node]) -> int:
    """How many bundles ``nodes`` hold at once; a bundle never spans two machines."""
    return sum(
        min(
            math.floor(have / want + 1e-9)
            for have, want in ((node.cpus, bundle.cpus), (node.gpus, bundle.gpus))
            if want > 0
        )
        for node in nodes
    )


def worker_bundle(num_workers: int, nodes: Iterable[Node], *, shares_gpus: bool) -> Bundle:
    """What each of ``num_workers`` is to take.

    One CPU, and one GPU where the cluster has any. Where CPUs are too few, workers share them;
    GPUs are shared only on an embedded Ray (``shares_gpus``), since two processes of one
    training on a GPU are slower than one.
    """
    nodes = list(nodes)
    total = sum(node.gpus for node in nodes)
    gpus = 0.0
    if total:
        gpus = 1 / math.ceil(num_workers / total) if shares_gpus else 1.0
    bundle = Bundle(1.0, gpus)
    if gpus and num_fitting(Bundle(0.0, gpus), nodes) < num_workers:
        return bundle  # less of a CPU each would not help
    while num_fitting(bundle, nodes) < num_workers and bundle.cpus > SMALLEST_SHARE:
        bundle = Bundle(bundle.cpus / 2, gpus)
    return bundle


def require_fitting(num_workers: int, bundle: Bundle, nodes: Iterable[Node]) -> None:
    """Refuse what ``nodes``, all that there are or can ever be, do not hold.

    Raises:
        ResourceError: With the figures.
    """
    nodes = list(nodes)
    fitting = num_fitting(bundle, nodes)
    if fitting < num_workers:
        raise ResourceError(
            f"--workers {num_workers}: each needs {bundle}, and only {fitting} fit on "
            f"{described(nodes)}; lower --workers or add nodes"
        )


def described(nodes: Iterable[Node]) -> str:
    """Nodes in figures, equal ones together: ``2 nodes of 8 CPUs and 4 GPUs``."""
    kinds: dict[tuple[float, float], int] = {}
    for node in nodes:
        kinds[node.cpus, node.gpus] = kinds.get((node.cpus, node.gpus), 0) + 1
    parts = [
        f"{number} node{'s' if number > 1 else ''} of {cpus:g} CPUs"
        + (f" and {gpus:g} GPUs" if gpus else "")
        for (cpus, gpus), number in sorted(kinds.items(), reverse=True)
    ]
    return ", ".join(parts) or "no node"


def current_nodes() -> list[Node]:
    """The machines that are there."""
    return [_node(n["Resources"], n["NodeManagerAddress"]) for n in ray.nodes() if n["Alive"]]


def possible_nodes() -> list[Node]:
    """The machines that are there, or those that the autoscaler can bring where that is more."""
    now = current_nodes()
    config = ray._private.state.state.get_cluster_config()  # None without an autoscaler
    groups = list(config.node_group_configs) if config is not None else []
    later = [
        _node(group.resources, f"{group.name}-{number}")
        for group in groups
        for number in range(UNLIMITED if group.max_count < 0 else group.max_count)
    ]
    return later if _total(later) > _total(now) else now


def _total(nodes: Iterable[Node]) -> tuple[float, float]:
    nodes = list(nodes)
    return sum(n.gpus for n in nodes), sum(n.cpus for n in nodes)


def _node(resources: Mapping[str, Any], host: str) -> Node:
    return Node(float(resources.get("CPU", 0)), float(resources.get("GPU", 0)), host)


def require_shared_path(workspace: Path, cluster: Cluster, nodes: Iterable[Node]) -> None:
    """Refuse a folder of one machine where the work runs on several.

    Raises:
        ResourceError: If the nodes, all that there are or can ever be, have several hosts.
    """
    hosts = {node.host for node in nodes}
    if cluster.address is None or cluster.shared_path or len(hosts) < 2:
        return
    raise ResourceError(
        f"{workspace}: a local path, and the cluster has {len(hosts)} machines (or can get them); "
        "a machine writes what the others must read. Put --workspace and --data on a disk that "
        "all of them mount under the same path, e.g. NFS, and say so with --shared-path"
    )


def reserve_room(num_workers: int, bundle: Bundle) -> None:
    """Wait, with a word now and then, until the nodes are there that ``num_workers`` need.

    Raises:
        ResourceError: If they never can be.
    """
    require_fitting(num_workers, bundle, possible_nodes())
    if num_fitting(bundle, current_nodes()) >= num_workers:
        return
    ray.autoscaler.sdk.request_resources(bundles=[bundle.resources()] * num_workers)
    told = -math.inf
    while num_fitting(bundle, current_nodes()) < num_workers:
        if time.monotonic() - told >= TELL_EVERY_S:
            told = time.monotonic()
            click.echo(
                f"waiting for nodes: {num_workers} workers need {bundle} each, "
                f"{num_fitting(bundle, current_nodes())} fit on {described(current_nodes())}; "
                "the autoscaler was asked for more",
                file=sys.stderr,
            )
        time.sleep(POLL_S)
    ray.autoscaler.sdk.request_resources(bundles=[])  # the workers hold their nodes from here on
