"""Start an embedded local Ray, or connect to the cluster that ``--address`` names.

The local one is given more logical CPUs than the machine has cores, so that a request for eight
workers on two cores shares them instead of waiting for ever (ray issue 44687).
"""

import logging
import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import ray
import ray.data
from ray.exceptions import AuthenticationError, RayError, RayTaskError

import seje_ray
from seje_ray import freed_memory
from seje_ray.errors import ResourceError, SejeError, first_line
from seje_ray.log import event
from seje_ray.on_ray import EMBEDDED_SETTINGS, TOKEN_FILE, guard_token
from seje_ray.on_ray.capacity import (
    Bundle,
    current_nodes,
    release_room,
    require_shared_path,
    reserve_room,
)
from seje_ray.on_ray.guardian import guarded
from seje_ray.on_ray.ray_internals import (
    IN_A_JOB,
    hand_printed_lines_to,
    has_autoscaler,
    is_embedded,
    quieten_ray_data,
    session_folder,
)
from seje_ray.on_ray.watch import end_command, starting, watched
from seje_ray.signals import sigterm_as_interrupt
from seje_ray.store import objects
from seje_ray.submission.cluster import EMBEDDED, Cluster, mode_of
from seje_ray.workspace import Workspace

NO_PROGRESS_TIMEOUT_S = 1800.0  # a shard of photos through a large CNN on one core takes minutes
REACH_TIMEOUT_S = 5.0
DROPPED_LINES = (  # of Ray's core, which nothing else silences
    b"Set ray log level from environment variable",
    b"gcs_client.cc",  # each second without an answer; the error at the end says it once
)


@contextmanager
def connected(
    num_workers: int = 1,
    cluster: Cluster = EMBEDDED,
    workspace: Workspace | None = None,
    paths: Sequence[Path] = (),
) -> Iterator[None]:
    """Hold a connection to Ray; stop the embedded one at the end.

    Args:
        num_workers: Training processes that will run at once.
        cluster: What to connect to.
        workspace: Folder that every node has to see, or has in a store.
        paths: Of the user's, beside it, that every node has to see, or has in a store.

    Raises:
        ResourceError: If the cluster cannot be reached, or does not see the workspace.
        SejeError: What a task raised for the user, without Ray's wrapping.
    """
    if ray.is_initialized():
        with _in_use(cluster, workspace, paths):
            yield
        return
    with ExitStack() as stack:
        stack.enter_context(sigterm_as_interrupt())
        with starting(end_command):
            _start(num_workers, cluster)
        if is_embedded():
            stack.enter_context(guarded(str(session_folder())))
        stack.callback(_stop, cluster)
        stack.enter_context(sigterm_as_interrupt())  # again: Ray has taken SIGTERM for itself
        stack.enter_context(watched(end_command))
        stack.enter_context(_in_use(cluster, workspace, paths))
        yield


@contextmanager
def _in_use(cluster: Cluster, workspace: Workspace | None, paths: Sequence[Path]) -> Iterator[None]:
    """Work with the Ray that runs; raises as ``connected`` does."""
    _configure_data()
    try:
        if workspace is not None and cluster.address is not None:
            can_grow = has_autoscaler()
            require_shared_path(workspace, cluster, current_nodes(), paths, can_grow=can_grow)
        if cluster.gpus:
            reserve_room(cluster.gpus, Bundle(0.0, 1.0), "--gpus")
        yield
    except RayError as error:
        cause = user_error(error)
        if cause is None:
            raise
        raise cause from None


def _stop(cluster: Cluster) -> None:
    """Give back what was reserved, and disconnect; the embedded Ray ends."""
    if cluster.address is not None:
        with suppress(RayError, RuntimeError):  # a cluster that is gone holds nothing
            release_room()
    ray.shutdown()


class ShardError(Exception):
    """Carries what a shard's task raised for the user.

    Ray Data appends to an error what it knows of retries (ray 2.60): five more lines of a text, and
    another file name of a system's error.
    """

    def __init__(self, cause: Exception, *_: object) -> None:
        super().__init__(cause)
        self.cause = cause


def user_error(error: BaseException) -> SejeError | None:
    """Return the ``SejeError`` somewhere in the causes of what Ray raised, or None."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, RayTaskError):
            seen = seen.cause
        if isinstance(seen, ShardError):
            seen = seen.cause
        if isinstance(seen, SejeError):
            return seen if type(seen).__module__ != "ray.exceptions" else SejeError(str(seen))
        seen = seen.__cause__ if seen is not None else None
    return None


def num_gpus() -> int:
    """GPUs of the cluster, logical ones included."""
    return int(ray.cluster_resources().get("GPU", 0))


def num_cpus() -> int:
    """CPUs of the cluster; of a single machine, at most its cores."""
    logical = int(ray.cluster_resources().get("CPU", 1))
    is_single = sum(node["Alive"] for node in ray.nodes()) == 1
    return min(logical, os.cpu_count() or 1) if is_single else logical


def cores_per_network() -> int:
    """Cores for a network on this node: its share beside a GPU, one if there is none."""
    here = ray.get_runtime_context().get_node_id()
    gpus = sum(int(n["Resources"].get("GPU", 0)) for n in ray.nodes() if n["NodeID"] == here)
    return max(1, (os.cpu_count() or 1) // gpus) if gpus else 1


def runtime_env() -> dict[str, Any]:
    """What a cluster's processes need of us: the folder of this package, run files included."""
    package = str(Path(seje_ray.__file__).parent)
    return {
        "py_modules": [package],
        "excludes": ["__pycache__"],
        "env_vars": {**freed_memory.environment(), **objects.environment()},
    }


def auth_advice(address: str) -> str:
    """Advice for a cluster that refuses a request without its token, or with ours."""
    mode = os.environ.get("RAY_AUTH_MODE", "unset")
    return (
        f"{address}: the cluster wants its token, and RAY_AUTH_MODE is {mode} here; export "
        "RAY_AUTH_MODE=token, and put what `ray get-auth-token` prints on the head node into "
        f"{TOKEN_FILE} or into RAY_AUTH_TOKEN"
    )


def _note(told: dict[str, Any], ignore_prefix: bool) -> None:
    """Log what Ray's own processes report to a driver."""
    event("ray", text="\n".join(told["lines"]))


def _start(num_workers: int, cluster: Cluster) -> None:
    hand_printed_lines_to(_note)
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if mode_of(cluster.address) == "embedded":
        # Ray reads them from now on.
        for name, value in (EMBEDDED_SETTINGS | freed_memory.environment()).items():
            os.environ.setdefault(name, value)
        try:
            with without_core_lines():
                ray.init(
                    address="local",  # not a cluster that somebody else has started here
                    num_cpus=(os.cpu_count() or 1) + num_workers + 2,
                    include_dashboard=False,
                    object_store_memory=_object_store_bytes(),
                    **settings,
                )
        except OSError:  # of the disk
            raise
        except Exception as error:  # Ray raises this very class where a part does not come up
            raise ResourceError(
                f"Ray did not start on this machine ({first_line(error)}); it may be too busy, or "
                "lack memory (ulimit -v), processes or files (ulimit -u, -n); see `seje-ray doctor`"
            ) from error
        guard_token()
        return
    assert cluster.address is not None
    _require_reachable(cluster.address)
    if IN_A_JOB not in os.environ:  # a job brought the package already
        settings["runtime_env"] = runtime_env()
    try:
        with without_core_lines():
            ray.init(address=cluster.address, **settings)
        _require_own_cluster()
    except AuthenticationError as error:
        raise ResourceError(auth_advice(cluster.address)) from error
    except (ConnectionError, RuntimeError) as error:
        raise ResourceError(
            f"{cluster.address}: cannot connect to Ray from here ({first_line(error)}); run the "
            "command on a node of the cluster, or submit it with --address http://HEAD:8265. "
            f"If the cluster is there: {auth_advice(cluster.address)}"
        ) from error


def _require_own_cluster() -> None:
    """A job is told to connect to whichever Ray of the machine was started last (ray 2.60)."""
    own = re.match(r"(.*/session_[^/]+)/runtime_resources/", seje_ray.__file__)
    found = session_folder()
    if own is not None and Path(own[1]) != found:
        ray.shutdown()
        raise ResourceError(
            f"this job belongs to the Ray of {own[1]} and was led to that of {found}; two clusters "
            "on one machine need a --temp-dir each in `ray start`"
        )


def _require_reachable(address: str) -> None:
    """Ray itself tries for 80 s and then exits the interpreter."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_TIMEOUT_S).close()
    except OSError as error:
        raise ResourceError(
            f"{address}: no Ray answers ({error}); expected the address of a head node, as "
            "`ray start --head` prints it, reachable from this machine"
        ) from error


@contextmanager
def without_core_lines() -> Iterator[None]:
    """Keep what is written to stderr meanwhile; at the end give it back, but ``DROPPED_LINES``."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            kept.seek(0)
            for line in kept:
                if not any(part in line for part in DROPPED_LINES):
                    os.write(terminal, line)
            os.close(terminal)


def _object_store_bytes() -> int:
    """A fifth of the memory within [512 MiB, 16 GiB]; Ray's own default takes a third."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(512 * 2**20, min(total // 5, 16 * 2**30))


def _configure_data() -> None:
    context = ray.data.DataContext.get_current()
    context.raise_original_map_exception = True
    context.execution_no_progress_timeout_s = NO_PROGRESS_TIMEOUT_S
    context.enable_progress_bars = False
    quieten_ray_data()
