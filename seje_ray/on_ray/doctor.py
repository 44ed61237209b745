"""Checks of this machine, or of every node of a cluster, with advice on each fault."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from seje_ray.console.tables import text_table
from seje_ray.errors import SejeError
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.node_facts import (
    GIB,
    NODE_TIMEOUT_S,
    STORE_TIMEOUT_S,
    NodeFacts,
    busy_ports,
    look_at_node,
    orphans,
)
from seje_ray.pipeline.checkup import check_workspace
from seje_ray.recipe1m.source import open_source
from seje_ray.store.mirror import is_object, sizes_of
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.workspace import Workspace

State = Literal["ok", "warning", "failed"]

MIN_DISK_GIB = 10.0
MIN_MEMORY_GIB = 4.0
MIN_STORE_GIB = 0.25
PORTS = {  # of a head node, and who wants it
    6379: "ray start --head",
    8265: "dashboard and jobs",
    10001: "Ray Client",
    52365: "dashboard agent, without which a cluster takes no job",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    check: str
    state: State
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings."""

    findings: tuple[Finding, ...]
    nodes: tuple[NodeFacts, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing failed."""
        return all(finding.state != "failed" for finding in self.findings)

    def as_text(self, width: int | None = None) -> str:
        """A line per finding, its advice below, on a terminal of ``width`` columns or in a file."""
        rows = [
            [one.state, one.check, one.text + (f"\n-> {one.advice}" if one.advice else "")]
            for one in self.findings
        ]
        return text_table(None, rows, left=(0, 1, 2), width=width)


def diagnose(workspace: Workspace, data: Path | None, cluster: Cluster = EMBEDDED) -> Diagnosis:
    """Check everything; nothing is left behind.

    Args:
        workspace: Folder of the artifacts, there or not yet.
        data: A data set, or None for the embedded cookbook.
        cluster: What to look at; this machine where it is embedded.
    """
    is_here = workspace.folder.is_dir() and not workspace.is_stored
    folder = workspace.folder if is_here else None
    marker = folder / f".doctor-{uuid.uuid4().hex}" if folder else None
    try:
        if marker is not None:
            marker.write_text("")
    except OSError:  # the nodes say it again, with the reason
        marker = None
    try:
        if cluster.address is None:
            nodes = [look_at_node(str(workspace.folder), str(marker or ""))]
        else:
            with connected(1, cluster):
                nodes = _all_nodes(workspace, marker)
    finally:
        if marker is not None:
            marker.unlink(missing_ok=True)
    findings = judge_nodes(nodes, workspace, expects_marker=marker is not None)
    if not workspace.is_stored:
        findings.append(judge_artifacts(workspace))
    findings.append(judge_data(data))
    if cluster.address is None:
        findings.append(judge_ports(busy_ports(PORTS)))
        findings.append(judge_orphans(orphans()))
    return Diagnosis(tuple(findings), tuple(nodes))


def _all_nodes(workspace: Workspace, marker: Path | None) -> list[NodeFacts]:
    look = ray.remote(num_cpus=0, max_retries=0)(look_at_node)
    asked = [
        look.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(
            str(workspace.folder),
            str(marker or ""),
            float(node["Resources"].get("object_store_memory", 0)) / GIB,
        )
        for node in ray.nodes()
        if node["Alive"]
    ]
    timeout_s = STORE_TIMEOUT_S if workspace.is_stored else NODE_TIMEOUT_S
    found: list[NodeFacts] = ray.get(asked, timeout=timeout_s)
    return found


def judge_nodes(
    nodes: Sequence[NodeFacts], workspace: Workspace, *, expects_marker: bool
) -> list[Finding]:
    """Findings from the facts of all nodes."""
    return [
        _judge_versions(nodes),
        _judge_gpus(nodes),
        _judge_least("free disk", MIN_DISK_GIB, {n.host: n.disk_gib for n in nodes},
                     "free some, or choose another --workspace"),
        _judge_least("memory", MIN_MEMORY_GIB, {n.host: n.memory_gib for n in nodes},
                     "close other programs, or lower --workers"),
        _judge_least("object store", MIN_STORE_GIB,
                     {n.host: n.store_gib for n in nodes if n.store_gib is not None},
                     "start Ray with a larger --object-store-memory; in a container, a larger "
                     "/dev/shm"),
        _judge_store(nodes, workspace) if workspace.is_stored
        else _judge_workspace(nodes, workspace, expects_marker),
    ]  # fmt: skip


def _judge_versions(nodes: Sequence[NodeFacts]) -> Finding:
    kinds: dict[str, list[str]] = {}
    for n in nodes:
        text = f"Python {n.python}, ray {n.ray}, torch {n.torch}, seje_ray {n.seje_ray}"
        kinds.setdefault(text, []).append(n.host)
    if len(kinds) == 1:
        number = f" on {len(nodes)} nodes" if len(nodes) > 1 else ""
        return Finding("versions", "ok", next(iter(kinds)) + number)
    shown = "; ".join(f"{', '.join(hosts)}: {text}" for text, hosts in kinds.items())
    return Finding("versions", "failed", shown, "install the same versions on every node")


def _judge_gpus(nodes: Sequence[NodeFacts]) -> Finding:
    total = sum(len(n.gpus) for n in nodes)
    if total == 0:
        return Finding(
            "GPUs", "warning", "none", "all works on CPUs; cluster/README.md says what a GPU saves"
        )
    blind = [n.host for n in nodes if n.gpus and not n.sees_cuda]
    if blind:
        return Finding(
            "GPUs", "failed", f"torch sees none of those of {', '.join(blind)}",
            "install a torch built for CUDA that the driver supports",
        )  # fmt: skip
    return Finding(
        "GPUs", "ok", "; ".join(f"{n.host}: {', '.join(n.gpus)}" for n in nodes if n.gpus)
    )


def _judge_least(check: str, least: float, values: dict[str, float], advice: str) -> Finding:
    """The node that has least of something, in GiB."""
    if not values:
        return Finding(check, "ok", "none yet; Ray makes one when it starts")
    host, value = min(values.items(), key=lambda item: item[1])
    text = f"{value:g} GiB at least ({host})"
    if value >= least:
        return Finding(check, "ok", text)
    return Finding(check, "warning", f"{text}, below {least:g} GiB", advice)


def _judge_store(nodes: Sequence[NodeFacts], workspace: Workspace) -> Finding:
    """Whether every node reaches a store, and may do there what commands do; a line per fault."""
    wrong = [f"{n.host}: {n.workspace_error}" for n in nodes if n.workspace_error]
    if wrong:
        text = f"{workspace} fails on {len(wrong)} of {len(nodes)} nodes"
        return Finding(
            "store", "failed", "\n".join([text, *wrong] if len(nodes) > 1 else wrong),
            "each node has the provider's own chain of credentials; see docs/storage.md",
        )  # fmt: skip
    number = f" on each of {len(nodes)} nodes" if len(nodes) > 1 else ""
    text = f"{workspace}: writes, lists, reads, copies and deletes there{number}"
    return Finding("store", "ok", text)


def _judge_workspace(
    nodes: Sequence[NodeFacts], workspace: Workspace, expects_marker: bool
) -> Finding:
    wrong = {n.host: n.workspace_error for n in nodes if n.workspace_error}
    if wrong:
        shown = "; ".join(f"{host}: {error}" for host, error in wrong.items())
        return Finding(
            "workspace", "failed", f"{workspace} cannot be written ({shown})",
            "change its rights, or choose another --workspace",
        )  # fmt: skip
    blind = [n.host for n in nodes if expects_marker and not n.sees_marker]
    if blind:
        return Finding(
            "workspace", "failed", f"{workspace} on {', '.join(blind)} is another folder",
            "mount one disk under the same path on every node",
        )  # fmt: skip
    several = len({n.host for n in nodes}) > 1
    if several and not expects_marker:
        return Finding(
            "workspace", "warning", f"{workspace} is not there yet",
            "make it, and ask again whether every node sees it",
        )  # fmt: skip
    state = "writable" + (" and the same on every node" if several else "")
    return Finding("workspace", "ok", f"{workspace}: {state}")


def judge_artifacts(workspace: Workspace) -> Finding:
    """Whether everything in the workspace is as it was written."""
    if not workspace.folder.is_dir():
        return Finding("artifacts", "ok", "none yet")
    found = check_workspace(workspace, workspace.verify)
    how = "sha256 and size" if workspace.verify == "full" else "size alone (--verify full: sha256)"
    text = f"{found}, compared by {how}"
    if found.unfinished:
        text += f"; unfinished, resumed by their command: {', '.join(found.unfinished)}"
    if not found.faults:
        return Finding("artifacts", "ok", text)
    return Finding("artifacts", "failed", text, "\n".join(found.faults))


def judge_data(data: Path | None) -> Finding:
    """Whether the data set can be opened."""
    if data is None:
        return Finding("data", "ok", "no --data: the embedded cookbook")
    try:
        if (stored := sizes_of(data)) is not None:
            return _judge_stored_data(data, stored)
        source = open_source(data, removed="none")
    except SejeError as error:
        return Finding("data", "failed", str(error), "see docs/data.md for what a data set holds")
    return Finding("data", "ok", source.describe())


def _judge_stored_data(data: Path, stored: Mapping[str, int]) -> Finding:
    """Whether a store has anything there; it is not brought for this."""
    if not stored and not is_object(data):
        return Finding("data", "failed", f"{data}: nothing is there", "mend the path")
    size = f", {len(stored):,} objects of {sum(stored.values()) / 1e9:,.1f} GB" if stored else ""
    return Finding("data", "ok", f"{data} is there{size}; calibrate says how it is read")


def judge_ports(busy: Iterable[int]) -> Finding:
    """A port that is taken is a cluster that runs, or in the way of one."""
    shown = ", ".join(f"{port} ({PORTS[port]})" for port in busy)
    if not shown:
        return Finding("ports", "ok", "a cluster could start here: its ports are free")
    return Finding(
        "ports", "warning", f"taken: {shown}",
        "fine if that is your cluster; a second Ray on this machine needs other ports, "
        "e.g. ray start --dashboard-agent-listen-port=0",
    )  # fmt: skip


def judge_orphans(found: Sequence[str]) -> Finding:
    """Left by a driver that was killed; they hold memory and ports."""
    if not found:
        return Finding("left processes", "ok", "none")
    pids = " ".join(one.split()[0] for one in found)
    return Finding(
        "left processes", "warning", f"of a Ray that has ended: {', '.join(found)}",
        f"if no `ray start` of yours runs here: kill {pids}",
    )  # fmt: skip


def as_data(diagnosis: Diagnosis) -> dict[str, object]:
    """For JSON."""
    return {"is_healthy": diagnosis.is_healthy, **asdict(diagnosis)}
