"""Start, replace and end what ``seje-ray serve`` serves."""

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress

from ray import serve
from ray.serve.schema import ProxyStatus

from seje_ray.errors import ResourceError
from seje_ray.log import event
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.on_ray.serve import (
    API,
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
        ResourceError: If the port is taken.
        ArtifactError: If there is no such training, or no index of a large collection.
    """
    _require_free(host, port)
    open_run(workspace, name)  # what is not there is said before anything starts
    renewed = threading.Event()
    with connected(PROCESSES * settings("").replicas):
        signal.signal(signal.SIGHUP, lambda number, frame: renewed.set())
        try:
            start(host, port)
            while True:
                serving = settings(_ready(workspace, name))
                deploy(serving)
                wait_until_ready(host, port, serving.run, READY_S)
                tell(serving.run)
                while not renewed.wait(1.0):  # a wait without end would let no signal through
                    pass
                renewed.clear()
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
) -> Serving:
    """Serve on a cluster that stays when the command ends, in the place of what it serves.

    Raises:
        ResourceError: If the cluster cannot be reached, or does not see the workspace.
        ArtifactError: If there is no such training, or no index of a large collection.
    """
    with connected(1, cluster, workspace):
        start(host, port)
        serving = settings(_ready(workspace, name, cluster))
        deploy(serving)
        _wait_for_a_proxy()
        return serving


def stop_on(cluster: Cluster) -> None:
    """End what a cluster serves, once it has answered what it accepted."""
    with connected(1, cluster):
        for name in serve.status().applications:
            if name == API or name.startswith(EMBED):
                serve.delete(name)


def deploy(serving: Serving) -> None:
    """Serve a training, in the place of the one that is served; returns when it answers.

    The model comes first, then the APIs that use it, then the former model goes. What was
    accepted is answered by the process that accepted it.
    """
    name = model_name(weights_of(serving.trained().best_checkpoint))
    serve.run(embed_application(serving), name=name, route_prefix=None)
    serve.run(api_application(serving), name=API, route_prefix="/")
    for other in serve.status().applications:
        if other.startswith(EMBED) and other != name:
            serve.delete(other)
    event("serving", run=serving.run, model=name, replicas=serving.replicas)


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
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # its lines are no part of ours
    with suppress(TimeoutError):  # after a minute on a busy machine; Serve goes on trying
        serve.start(
            proxy_location="EveryNode",
            http_options={"host": host, "port": port, "keep_alive_timeout_s": KEEP_ALIVE_S},
            logging_config=QUIET,
        )


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
