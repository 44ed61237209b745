"""Start, replace and end what ``seje-ray serve`` serves."""

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress

import click
from ray import serve
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ProxyStatus

from seje_ray.errors import ResourceError, SejeError
from seje_ray.log import event
from seje_ray.on_ray.capacity import Bundle, reserve_room
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.on_ray.ray_internals import listens_at
from seje_ray.on_ray.serve import (
    API,
    DRAIN_S,
    EMBED,
    QUIET,
    Serving,
    api_application,
    embed_application,
    model_name,
)
from seje_ray.pipeline.index.ready import ready_searcher
from seje_ray.pipeline.runs import open_run
from seje_ray.serving.embedder import weights_of
from seje_ray.serving.readiness import PAUSE_S, wait_until_ready
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.workspace import Workspace

KEEP_ALIVE_S = 30
READY_S = 600.0  # in which a server answers whose replicas all run
SHUTDOWN_TRIES = 4  # each waits for half a minute, or not at all if Serve has ended
PROCESSES = 4  # per replica while a model is replaced: two models and two APIs


class ServeError(SejeError):
    """Serve does not bring up what it is to serve; says why."""


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
        serving = settings(_ready(workspace, name))
        deploy(serving)
        wait_until_ready(host, port, serving.run, READY_S)
        tell(serving.run)

    renewed = threading.Event()
    with connected(PROCESSES * settings("").replicas):
        _reserve_room(settings(""))
        signal.signal(signal.SIGHUP, lambda number, frame: renewed.set())
        try:
            start(host, port)
            serve_newest()
            while True:
                while not renewed.wait(1.0):  # a wait without end would let no signal through
                    pass
                renewed.clear()
                try:
                    serve_newest()
                except SejeError as error:  # of the other training; the former one serves on
                    click.echo(f"not replaced: {error}", err=True)
        except KeyboardInterrupt:  # SIGTERM, too
            return
        finally:
            serve.shutdown()  # replicas answer what they have accepted


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
    """
    with connected(1, cluster, workspace):
        _reserve_room(settings(""))
        serving = settings(_ready(workspace, name, cluster))
        start(host, port)
        deploy(serving)
        _wait_for_a_proxy()
        return serving, *listens_at()


def stop_on(cluster: Cluster) -> bool:
    """End what a cluster serves of ours, once it has answered what it accepted.

    Where nothing else is served, Serve ends with it, and its port is free.

    Returns:
        Whether there was anything.
    """
    with connected(1, cluster):
        _quieten()
        names = list(serve.status().applications)
        ours = [name for name in names if name == API or name.startswith(EMBED)]
        for name in sorted(ours, key=lambda name: name != API):  # it needs a model to its end
            _end(name)
        if len(ours) == len(names):
            for _ in range(SHUTDOWN_TRIES):
                serve.shutdown()
        return bool(ours)


def deploy(serving: Serving) -> None:
    """Serve a training, in the place of the one that is served; returns when it answers.

    The model comes first, then the APIs that use it; when the former ones have answered, the
    former model goes. What was accepted is answered by the process that accepted it.

    Raises:
        ServeError: If a model or an API does not come up; what was served before goes on.
    """
    name = model_name(weights_of(serving.trained().best_checkpoint))
    is_new = name not in serve.status().applications
    try:
        _run(embed_application(serving), name, None)
        _run(api_application(serving), API, "/")
    except ServeError:
        if is_new:
            _end(name)
        raise
    _wait_for_former_apis()
    for other in serve.status().applications:
        if other.startswith(EMBED) and other != name:
            _end(other)
    event("serving", run=serving.run, model=name, replicas=serving.replicas)


def _run(application: serve.Application, name: str, route: str | None) -> None:
    """Run an application, in the place of one of this name; return when it runs.

    Raises:
        ServeError: If it does not come up, or another one has its route.
    """
    try:
        with suppress(TimeoutError):  # of proxies on a busy machine, which come later
            serve.run(application, name=name, route_prefix=route)
    except (RuntimeError, RayServeException) as error:
        cause = getattr(error, "cause", error)  # of the controller's
        lines = [line.strip(" .") for line in str(cause).splitlines() if line.strip()]
        raise ServeError(
            f"{name} cannot be served: {lines[-1] if lines else type(cause).__name__}; the "
            "replica's log, in serve/ among the session's logs of Ray, tells more"
        ) from error


def _end(name: str) -> None:
    """End an application once it has answered what it accepted."""
    with suppress(TimeoutError):  # of a minute; Serve goes on ending it
        serve.delete(name)


def _wait_for_former_apis() -> None:
    """Wait until APIs that were replaced have answered; what they accepted may need their model."""
    deadline = time.monotonic() + 2 * DRAIN_S
    while time.monotonic() < deadline:
        application = serve.status().applications.get(API)
        deployments = application.deployments.values() if application is not None else ()
        if all(set(one.replica_states) <= {"RUNNING"} for one in deployments):
            return
        time.sleep(PAUSE_S)


def _reserve_room(serving: Serving) -> None:
    """Refuse models that fit nowhere, for which Serve would wait for ever.

    Raises:
        ResourceError: With the figures.
    """
    model = Bundle(1.0, serving.gpus_per_replica)
    reserve_room(serving.replicas, model, "--replicas")


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


def start(host: str, port: int) -> None:
    """Start Serve where it does not run yet; its address cannot be changed later."""
    _quieten()
    with suppress(TimeoutError):  # after a minute on a busy machine; Serve goes on trying
        serve.start(
            proxy_location="EveryNode",
            http_options={"host": host, "port": port, "keep_alive_timeout_s": KEEP_ALIVE_S},
            logging_config=QUIET,
        )


def _quieten() -> None:
    """Keep Serve's lines, which are no part of ours, from the terminal."""
    logging.getLogger("ray.serve").setLevel(logging.ERROR)


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
