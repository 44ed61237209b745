"""Facts about one machine; gathered there, judged by ``doctor``."""

import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import ray

from seje_ray import __version__
from seje_ray.errors import StoreError
from seje_ray.store.probe import probe

GIB = 2**30
NODE_TIMEOUT_S = 60.0
STORE_TIMEOUT_S = 300.0  # of a node that tries again and again to reach a store
RAY_PROCESSES = ("raylet", "gcs_server", "ray::")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Facts about one machine."""

    host: str
    python: str
    ray: str
    torch: str
    seje_ray: str
    cores: int
    gpus: tuple[str, ...]  # name, driver and memory of each, as nvidia-smi gives them
    sees_cuda: bool
    disk_gib: float  # free where the workspace is, or would be
    memory_gib: float  # available
    store_gib: float | None  # object store; None before one is there
    workspace_error: str  # empty if it can be written, and what is in a store used
    sees_marker: bool  # the driver's file in the workspace


def look_at_node(workspace: str, marker: str, store_gib: float | None = None) -> NodeFacts:
    """Gather the facts of the machine that this runs on."""
    import psutil
    import torch  # takes seconds, and only nodes need it

    folder = Path(workspace)
    gpus = _gpus()
    return NodeFacts(
        host=socket.gethostname(),
        python=platform.python_version(),
        ray=importlib.metadata.version("ray"),
        torch=importlib.metadata.version("torch"),
        seje_ray=__version__,
        cores=os.cpu_count() or 1,
        gpus=gpus,
        sees_cuda=torch.cuda.is_available(),
        disk_gib=round(shutil.disk_usage(_existing(folder)).free / GIB, 1),
        memory_gib=round(psutil.virtual_memory().available / GIB, 1),
        store_gib=None if store_gib is None else round(store_gib, 2),
        workspace_error=_write_error(folder) or _store_error(folder),
        sees_marker=bool(marker) and Path(marker).is_file(),
    )


def _gpus() -> tuple[str, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    asked = subprocess.run(
        [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        timeout=NODE_TIMEOUT_S,
    )
    return tuple(asked.stdout.strip().splitlines()) if asked.returncode == 0 else ()


def _existing(folder: Path) -> Path:
    """``folder``, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _write_error(folder: Path) -> str:
    """Why nothing can be written in ``folder``, or where it would be made; empty if it can."""
    probe = _existing(folder) / f".doctor-{uuid.uuid4().hex}"
    try:
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _store_error(folder: Path) -> str:
    """What a store refuses this machine of what commands do there; empty if nothing."""
    try:
        probe(folder)
    except StoreError as error:
        return str(error)
    return ""


def busy_ports(ports: Iterable[int]) -> list[int]:
    """Those of ``ports`` of this machine that something listens on."""
    host, busy = ray.util.get_node_ip_address(), []
    for port in ports:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((host, port)) == 0:
                busy.append(port)
    return busy


def orphans() -> list[str]:
    """Processes of a local Ray that has no driver or head any more, as ``pid name``."""
    import psutil

    found = []
    for process in psutil.process_iter(["pid", "ppid", "cmdline", "name"]):
        words = process.info["cmdline"] or [process.info["name"] or ""]
        name = os.path.basename(words[0]) if words else ""
        if process.info["ppid"] == 1 and name.startswith(RAY_PROCESSES):
            found.append(f"{process.info['pid']} {name}")
    return found
