"""Serve's applications of ours: started, put in each other's place, ended."""

import logging
import re
import time
from contextlib import suppress

import click
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from seje_ray.errors import SejeError
from seje_ray.log import event
from seje_ray.on_ray.capacity import TELL_EVERY_S
from seje_ray.on_ray.progress import repeated
from seje_ray.on_ray.serve import (
    API,
    API_DEPLOYMENT,
    DRAIN_S,
    EMBED,
    EMBED_DEPLOYMENT,
    QUIET,
    Serving,
    api_application,
    embed_application,
    model_name,
)
from seje_ray.serving.embedder import weights_of
from seje_ray.serving.readiness import PAUSE_S

KEEP_ALIVE_S = 30
FAULTY = ("DEPLOY_FAILED", "UNHEALTHY")  # states of a deployment
UNPLACED = "to be scheduled"  # in what Serve says of a deployment, after half a minute
SHUTDOWN_TRIES = 4  # each waits for half a minute, or not at all if Serve has ended


class ServeError(SejeError):
    """Serve does not bring up what it is to serve; says why."""


def start(host: str, port: int) -> None:
    """Start Serve where it does not run yet; its address cannot be changed later."""
    quieten()
    with suppress(TimeoutError):  # after a minute on a busy machine; Serve goes on trying
        serve.start(
            proxy_location="EveryNode",
            http_options={"host": host, "port": port, "keep_alive_timeout_s": KEEP_ALIVE_S},
            logging_config=QUIET,
        )


def quieten() -> None:
    """Keep Serve's lines, which are no part of ours, from the terminal."""
    logging.getLogger("ray.serve").setLevel(logging.ERROR)


def deploy(serving: Serving) -> None:
    """Serve a training, in the place of the one that is served; returns when it answers.

    The model comes first, then the APIs that use it; when the former ones have answered, the
    former model goes. What was accepted is answered by the process that accepted it.

    Raises:
        ServeError: If a model or an API does not come up, or another application has its name or
            its route; what was served before goes on.
    """
    name = model_name(weights_of(serving.trained().best_checkpoint))
    before = serve.status().applications
    _require_no_namesake(name, API)
    try:
        with repeated(lambda: _tell_what_waits(name, API), TELL_EVERY_S):
            _run(embed_application(serving), name, None)
            _run(api_application(serving), API, "/")
    except ServeError:
        for begun in {name, API} & set(serve.status().applications) - set(before):
            _end(begun)
        raise
    _wait_for_former_apis()
    for other in _ours():
        if other not in (API, name):
            _end(other)
    event("serving", run=serving.run, model=name, replicas=serving.replicas)


def _tell_what_waits(*names: str) -> None:
    """Say which processes of applications the cluster has no room for yet."""
    with suppress(RayError, RayServeException, TimeoutError):  # of a cluster that is lost
        for line in _waiting(*names):
            click.echo(f"note: {line}", err=True)


def _waiting(*names: str) -> list[str]:
    """A line for each deployment of applications that waits for room on the cluster."""
    found = serve.status().applications
    return [
        f"{own}: {one.replica_states.get('RUNNING', 0)} run, others wait for free CPUs or GPUs of "
        "the cluster (`ray status`)"
        for name in names
        if name in found
        for own, one in found[name].deployments.items()
        if UNPLACED in one.message
    ]


def end_all() -> bool:
    """End what is served of ours, once it has answered what it accepted.

    Where nothing else is served, Serve ends with it, and its port is free.

    Returns:
        Whether there was anything.
    """
    quieten()
    own = _ours()
    for name in sorted(own, key=lambda name: name != API):  # it needs a model to its end
        _end(name)
    shut_down_unless_shared()
    return bool(own)


def shut_down_unless_shared() -> None:
    """End Serve itself, unless it serves something that is none of ours."""
    if set(_ours()) == set(serve.status().applications):
        for _ in range(SHUTDOWN_TRIES):
            serve.shutdown()


def is_running() -> bool:
    """Whether Serve runs on the cluster, whatever it serves."""
    return bool(serve.status().proxies)


def _ours() -> list[str]:
    """Names of the applications that are served and ours."""
    return [name for name in serve.status().applications if _is_ours(name)]


def _is_ours(name: str) -> bool:
    """Whether an application of a name that we use is one of ours, by what it deploys."""
    deployed = set(serve.status().applications[name].deployments)
    if name == API:
        return deployed <= {API_DEPLOYMENT}
    return name.startswith(EMBED) and deployed <= {EMBED_DEPLOYMENT}


def _require_no_namesake(*names: str) -> None:
    """Refuse to take the place of an application that only has our name.

    Raises:
        ServeError: If there is one.
    """
    for name in names:
        if name in serve.status().applications and not _is_ours(name):
            raise ServeError(
                f"{name}: an application of this name is served that is none of ours, and goes "
                "on; end it, or serve it under another name"
            )


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
        raise ServeError(
            f"{name} cannot be served: {last_line(_fault_of(name)) or last_line(str(cause))}; the "
            "replica's log, in serve/ among the session's logs of Ray, tells more"
        ) from error


def _fault_of(name: str) -> str:
    """What Serve says of a deployment of an application that does not come up; else nothing."""
    application = serve.status().applications.get(name)
    deployments = application.deployments.values() if application is not None else ()
    return "".join(one.message for one in deployments if one.status in FAULTY)


def last_line(text: str) -> str:
    """The last line with words of a traceback, without the kind of an error of ours."""
    lines = [line.strip(" .") for line in text.splitlines() if line.strip()]
    return re.sub(r"^seje_ray[\w.]*: ", "", lines[-1]) if lines else ""


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
