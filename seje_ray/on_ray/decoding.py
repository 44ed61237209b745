"""Photos of a training, decoded by Ray tasks on CPUs that no worker of it holds."""

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from functools import cache, partial
from typing import Any, TypeVar

import ray

from seje_ray.errors import ResourceError
from seje_ray.on_ray.capacity import (
    PATIENCE_S,
    TELL_EVERY_S,
    Bundle,
    current_nodes,
    described,
    leaves_a_cpu,
)
from seje_ray.on_ray.connect import user_error
from seje_ray.on_ray.ray_internals import has_autoscaler
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.training.decoding import decoded

Result = TypeVar("Result")
ADVICE = "lower --workers, add nodes, or train with --set train.decode=worker"


class RayTasks(Executor):
    """Runs each function as a Ray task, on one CPU anywhere in the cluster.

    A task that is lost with its node runs again elsewhere: Ray sees to that.
    """

    def __init__(self) -> None:
        self._begun: set[Future[Any]] = set()

    def submit(
        self, function: Callable[..., Result], /, *args: Any, **named: Any
    ) -> Future[Result]:
        """Begin a task; each argument below 100 kB travels within it.

        The future raises what the task raised for the user as that itself.
        """
        future: Future[Result] = Future()
        self._begun.add(future)
        future.add_done_callback(self._begun.discard)
        task = _task(function).remote(*args, **named)
        task.future().add_done_callback(partial(_hand_on, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As of any executor; what is cancelled may still run, and nobody takes what it gives."""
        if cancel_futures:
            for future in list(self._begun):
                future.cancel()  # and so leaves the set
        if wait:
            wait_for(list(self._begun))


@cache
def _task(function: Callable[..., Any]) -> Any:
    """Spread, so that no placement group captures it and no node is filled before the next."""
    return ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(function)


def _hand_on(future: Future[Any], done: Future[Any]) -> None:
    """Give ``future`` what a task's own has, unless nobody waits for it any more."""
    if not future.set_running_or_notify_cancel():
        return
    error = done.exception()
    if error is not None:
        future.set_exception(user_error(error) or error)
    else:
        future.set_result(done.result())


def require_decoders(num_workers: int, bundle: Bundle, warn: Callable[[str], object]) -> None:
    """Look, before a training begins, whether tasks can ever decode beside its workers.

    Raises:
        ResourceError: If the workers may hold every CPU, and nobody brings nodes.
    """
    if has_autoscaler():
        return
    nodes = current_nodes()
    if not leaves_a_cpu(num_workers, bundle, nodes):
        raise ResourceError(
            f"train.decode cluster: expected a CPU beside the {bundle} of each of {num_workers} "
            f"workers, found {described(nodes)}; {ADVICE}"
        )
    if len({node.host for node in nodes}) == 1:
        warn(
            "train.decode cluster: all CPUs are of one machine, where threads of the workers "
            "decode with less effort (train.decode worker)"
        )


def wait_for_a_cpu(warn: Callable[[str], object], patience_s: float = PATIENCE_S) -> None:
    """Wait, with a warning, until a task can decode: others may hold the CPUs, or nodes come.

    Raises:
        ResourceError: If none could for long.
    """
    first, began = _task(decoded).remote(PixelSpec(1, 1), "crop_flip"), time.monotonic()
    is_told = False
    while not ray.wait([first], timeout=min(TELL_EVERY_S, patience_s))[0]:
        seconds = time.monotonic() - began
        if seconds >= patience_s:
            raise ResourceError(
                f"train.decode cluster: expected a CPU that nobody holds within {seconds:.0f} s, "
                f"found none on {described(current_nodes())}; {ADVICE}"
            )
        if not is_told:
            warn("train.decode cluster: waiting for a CPU that nobody holds")
            is_told = True
    ray.get(first)
