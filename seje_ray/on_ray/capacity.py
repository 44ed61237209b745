"""Capacity of a cluster: refuse what never fits, wait for what its autoscaler can bring."""

import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import ray
import ray.autoscaler.sdk

from seje_ray.errors import ResourceError
from seje_ray.on_ray.ray_internals import has_autoscaler
from seje_ray.store.mirror import is_mirrored
from seje_ray.submission.cluster import Cluster
from seje_ray.workspace import Workspace

SMALLEST_SHARE = 1 / 64  # of a CPU, that a worker gets where there are few
TELL_EVERY_S = 30.0
POLL_S = 2.0
PATIENCE_S = 1800.0  # with an autoscaler that brings no node


@dataclass(frozen=True, slots=True)
class Node:
    """Resources of one machine."""

    cpus: float
    gpus: float = 0.0
    host: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Resources that one worker takes of one machine."""

    cpus: float
    gpus: float = 0.0

    def resources(self) -> dict[str, float]:
        """As Ray names them."""
        return {k: v for k, v in (("CPU", self.cpus), ("GPU", self.gpus)) if v}

    def __str__(self) -> str:
        return " and ".join(f"{number:.3g} {name}" for name, number in self.resources().items())


def num_fitting(bundle: Bundle, nodes: Iterable[Node]) -> int:
    """Number of bundles that fit on ``nodes`` at once; a bundle never spans two machines."""
    return sum(
        min(
            math.floor(have / want + 1e-9)
            for have, want in ((node.cpus, bundle.cpus), (node.gpus, bundle.gpus))
            if want > 0
        )
        for node in nodes
    )


def worker_bundle(num_workers: int, nodes: Iterable[Node], *, shares_gpus: bool) -> Bundle:
    """Bundle of each of ``num_workers``.

    One CPU, and one GPU where the cluster has any. Where CPUs are too few, workers share them;
    GPUs are shared only on an embedded Ray (``shares_gpus``), since two processes of one
    training on a GPU are slower than one.
    """
    nodes = list(nodes)
    total = sum(node.gpus for node in nodes)
    gpus = 0.0
    if total:
        gpus = 1 / math.ceil(num_workers / total) if shares_gpus else 1.0
    whole = Bundle(1.0, gpus)
    bundle = whole
    while num_fitting(bundle, nodes) < num_workers:
        bundle = Bundle(bundle.cpus / 2, gpus)
        if bundle.cpus < SMALLEST_SHARE:
            return whole  # less of a CPU each would not help either
    return bundle


def leaves_a_cpu(num: int, bundle: Bundle, nodes: Iterable[Node]) -> bool:
    """Whether some node has a whole CPU left, wherever ``num`` bundles come to lie."""
    needed = 0  # to leave less on every node
    for node in nodes:
        if node.cpus >= 1:
            filling = math.floor((node.cpus - 1) / bundle.cpus + 1e-9) + 1
            if filling > num_fitting(bundle, [node]):
                return True
            needed += filling
    return needed > num


def refusal(num: int, bundle: Bundle, nodes: Iterable[Node], asked: str) -> ResourceError:
    """The error that says in figures why ``nodes`` do not hold what was asked for."""
    nodes = list(nodes)
    if not bundle.gpus:
        bundle = Bundle(SMALLEST_SHARE)  # what would suffice
    return ResourceError(
        f"{asked} {num}: each needs {bundle}, and only {num_fitting(bundle, nodes)} fit on "
        f"{described(nodes)}; lower {asked} or add nodes"
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


def _node(resources: Mapping[str, Any], host: str) -> Node:
    return Node(float(resources.get("CPU", 0)), float(resources.get("GPU", 0)), host)


def require_shared_path(
    workspace: Workspace,
    cluster: Cluster,
    nodes: Iterable[Node],
    paths: Sequence[Path] = (),
    *,
    can_grow: bool,
) -> None:
    """Refuse a folder of one machine where the work runs on several.

    Args:
        workspace: Of the command; one in a store is reached from everywhere.
        cluster: Where the work runs.
        nodes: That are there.
        paths: Of the user's, beside it, that tasks read or write; such in a store likewise.
        can_grow: Whether an autoscaler can bring more.

    Raises:
        ResourceError: If the nodes have several hosts, or an autoscaler can bring more.
    """
    hosts = {node.host for node in nodes}
    if cluster.address is None or cluster.shared_path or (len(hosts) < 2 and not can_grow):
        return
    local = [path for path in (workspace.folder, *paths) if not is_mirrored(path)]
    if not local:
        return
    number = f"{len(hosts)} machines" if len(hosts) > 1 else "an autoscaler that adds machines"
    raise ResourceError(
        f"{local[0]}: a local path, and the cluster has {number}; what one machine writes the "
        "others must read. Put --workspace and --data on a disk that all of them mount under the "
        "same path, e.g. NFS, and say so with --shared-path"
    )


def reserve_room(num: int, bundle: Bundle, asked: str = "--workers") -> None:
    """Wait, with an occasional message, until ``num`` bundles fit, which may be never.

    Raises:
        ResourceError: With the figures; at once without an autoscaler, otherwise when it has
            brought no node for long.
    """
    nodes = current_nodes()
    if num_fitting(bundle, nodes) >= num:
        return
    if not has_autoscaler():
        raise refusal(num, bundle, nodes, asked)
    ray.autoscaler.sdk.request_resources(bundles=[bundle.resources()] * num)
    told, grew = -math.inf, time.monotonic()
    while num_fitting(bundle, nodes) < num:
        if time.monotonic() - grew > PATIENCE_S:
            ray.autoscaler.sdk.request_resources(bundles=[])
            raise refusal(num, bundle, nodes, asked)
        if time.monotonic() - told >= TELL_EVERY_S:
            told = time.monotonic()
            click.echo(
                f"waiting for nodes: {asked} {num} needs {num} x {bundle}, "
                f"{num_fitting(bundle, nodes)} fit on {described(nodes)}; the autoscaler was "
                "asked for more",
                file=sys.stderr,
            )
        time.sleep(POLL_S)
        before, nodes = len(nodes), current_nodes()
        grew = time.monotonic() if len(nodes) > before else grew


def release_room() -> None:
    """Let the autoscaler take away unused nodes."""
    ray.autoscaler.sdk.request_resources(bundles=[])
