"""Start, replace and end what ``seje-ray serve`` serves."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import click
from ray import serve
from ray.serve.schema import ProxyStatus

from seje_ray.errors import ResourceError, SejeError
from seje_ray.on_ray.capacity import Bundle, Node, current_nodes, reserve_room, worker_bundle
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.on_ray.ray_internals import has_autoscaler, listens_at
from seje_ray.on_ray.serve import Serving
from seje_ray.on_ray.serve_deploy import (
    ServeError,
    deploy,
    end_all,
    is_running,
    shut_down_unless_shared,
    start,
)
from seje_ray.pipeline.index.ready import ready_searcher
from seje_ray.pipeline.runs import open_run
from seje_ray.serving.readiness import PAUSE_S, wait_until_ready
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.workspace import Workspace

READY_S = 600.0  # in which a server answers whose replicas all run
PROCESSES = 4  # per replica while a model is replaced: two models and two APIs


def serve_here(
    workspace: Workspace,
    name: str | None,
    settings: Callable[[str], Serving],
    host: str,
    port: int,
    tell: Callable[[str], None],
) -> None:
    """Serve on a Ray of our own until SIGINT or SIGTERM; SIGHUP serves the newest anew.

    Args:
        workspace: Whose recipes are searched; where a small one has no index it is made.
        name: The training; None for the newest, which a SIGHUP looks for again.
        settings: Of a training's name.
        host: Address that is listened at.
        port: Likewise.
        tell: Is told what is served, each time.

    Raises:
        ResourceError: If the port is taken, or there are too few GPUs.
        ArtifactError: If there is no such training, or no index of a large collection.
        ServeError: If a model or an API does not come up.
    """
    _require_free(host, port)
    open_run(workspace, name)  # what is not there is said before anything starts

    def serve_newest() -> None:
        serving = replace(room, run=_ready(workspace, name))
        deploy(serving)
        wait_until_ready(host, port, serving.run, READY_S)
        tell(serving.run)

    renewed = threading.Event()
    with connected(PROCESSES * settings("").replicas):
        room = _with_room(settings(""))
        signal.signal(signal.SIGHUP, lambda number, frame: renewed.set())
        try:
            start(host, port)
            serve_newest()
            with suppress(KeyboardInterrupt):  # SIGTERM, too; before, it is no end that was meant
                _serve_on_each(renewed, serve_newest)
        finally:
            serve.shutdown()  # replicas answer what they have accepted


def _serve_on_each(renewed: threading.Event, serve_newest: Callable[[], None]) -> None:
    """Serve the newest training again each time that it is asked for, until an interrupt."""
    while True:
        while not renewed.wait(1.0):  # a wait without end would let no signal through
            pass
        renewed.clear()
        try:
            serve_newest()
        except SejeError as error:  # of the other training; the former one serves on
            click.echo(f"not replaced: {error}", err=True)


def serve_on(
    cluster: Cluster,
    workspace: Workspace,
    name: str | None,
    settings: Callable[[str], Serving],
    host: str,
    port: int,
) -> tuple[Serving, str, int]:
    """Serve on a cluster that stays when the command ends, in the place of what it serves.

    Returns:
        What is served, and the address and port at which the nodes listen; others than are asked
        for where Serve ran before.

    Raises:
        ResourceError: If the cluster cannot be reached, or does not see the workspace.
        ArtifactError: If there is no such training, or no index of a large collection.
        ServeError: If a model or an API does not come up.
        KeyboardInterrupt: Of a user, with what goes on, and what ends it.
    """
    with connected(1, cluster, workspace):
        room = _with_room(settings(""))
        serving = replace(room, run=_ready(workspace, name, cluster))
        with _told_what_stays(cluster):
            start(host, port)
            deploy(serving)
            _wait_for_a_proxy()
        return serving, *listens_at()


@contextmanager
def _told_what_stays(cluster: Cluster) -> Iterator[None]:
    """Leave no Serve behind that was started for nothing; say what an interrupt leaves."""
    has_served = is_running()
    try:
        yield
    except ServeError:
        if not has_served:
            shut_down_unless_shared()
        raise
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(
            "Interrupted; what the cluster serves goes on, and what was begun comes up: repeat the "
            f"command to finish it, or end all with seje-ray serve --stop --address "
            f"{cluster.address}"
        ) from error


def stop_on(cluster: Cluster) -> bool:
    """End what a cluster serves of ours, once it has answered what it accepted.

    Where nothing else is served, Serve ends with it, and its port is free.

    Returns:
        Whether there was anything.
    """
    with connected(1, cluster):
        return end_all()


def _with_room(serving: Serving) -> Serving:
    """Its share of the cluster's CPUs; refuse models that fit nowhere: Serve would wait for ever.

    Where CPUs are too few, all processes share them, those of a model that replaces it, too.

    Raises:
        ResourceError: With the figures.
    """
    cpus = 1.0
    if not has_autoscaler():
        nodes = [Node(node.cpus) for node in current_nodes()]
        cpus = worker_bundle(PROCESSES * serving.replicas, nodes, shares_gpus=False).cpus
    reserve_room(serving.replicas, Bundle(cpus, serving.gpus_per_replica), "--replicas")
    return replace(serving, cpus_per_process=cpus)


def _wait_for_a_proxy() -> None:
    """Wait until some node of the cluster takes requests; its address need not be reached here.

    Raises:
        ResourceError: If none does.
    """
    deadline = time.monotonic() + READY_S
    while ProxyStatus.HEALTHY not in serve.status().proxies.values():
        if time.monotonic() > deadline:
            raise ResourceError(
                f"no node of the cluster takes requests after {READY_S:.0f} s; is the port free "
                "on its nodes? `serve status` on one of them says what Serve knows"
            )
        time.sleep(PAUSE_S)


def _ready(workspace: Workspace, name: str | None, cluster: Cluster | None = None) -> str:
    """Name of the training, whose index is there, or made now."""
    trained = open_run(workspace, name)
    ready_searcher(trained, workspace, lambda: RayExecutor(workspace, cluster or EMBEDDED))
    return trained.folder.name


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ResourceError(
                f"{host}:{port}: cannot be listened at ({error.strerror}); give another --port, "
                "or end what uses it"
            ) from error
