"""Start an embedded local Ray, or join the cluster that ``RAY_ADDRESS`` names.

The local one is given more logical CPUs than the machine has cores, so that a request for eight
workers on two cores shares them instead of waiting for ever (ray issue 44687).
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",  # ours say what a person needs
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # ends a training 4 s sooner
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its C++ core prints harmless ERROR lines to the terminal
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # tunes/NAME holds what people read
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # the end of a trial's function has no metric
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints boxes whatever it is told
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the command, not one part of it
    "TUNE_WARN_THRESHOLD_S": "60",  # a suggestion of TPE may take a second
    "RAY_DATA_USE_DATASOURCE_V2": "0",  # V2 packs small inputs into one block: one busy actor
}
for _name, _value in SETTINGS.items():  # Ray reads them at import, so before it
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402 (see above)
import ray.data  # noqa: E402
from ray.exceptions import RayError, RayTaskError  # noqa: E402

from seje_ray.errors import SejeError  # noqa: E402

NO_PROGRESS_TIMEOUT_S = 1800.0  # a shard of photos through a large CNN on one core takes minutes


@contextmanager
def connected(num_workers: int = 1) -> Iterator[None]:
    """Hold a connection to Ray; stop the embedded one at the end.

    Args:
        num_workers: Training processes that will run at once.

    Raises:
        SejeError: What a task raised for the user, without Ray's wrapping.
    """
    started = not ray.is_initialized()
    if started:
        _start(num_workers)
    _configure_data()
    try:
        yield
    except RayError as error:
        cause = user_error(error)
        if cause is None:
            raise
        raise cause from None
    finally:
        if started:
            ray.shutdown()


def user_error(error: BaseException) -> SejeError | None:
    """Return the ``SejeError`` somewhere in the causes of what Ray raised, or None."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, RayTaskError):
            seen = seen.cause
        if isinstance(seen, SejeError):
            return seen if type(seen).__module__ != "ray.exceptions" else SejeError(str(seen))
        seen = seen.__cause__ if seen is not None else None
    return None


def num_gpus() -> int:
    """GPUs of the cluster, logical ones included."""
    return int(ray.cluster_resources().get("GPU", 0))


def num_cpus() -> int:
    """Physical cores of a local machine, or the cluster's CPUs."""
    logical = int(ray.cluster_resources().get("CPU", 1))
    return logical if "RAY_ADDRESS" in os.environ else min(logical, os.cpu_count() or 1)


def cores_per_network() -> int:
    """Cores for each network of a pipeline: its share beside a GPU, one where there is none."""
    return max(1, num_cpus() // (num_gpus() or num_cpus()))


def _start(num_workers: int) -> None:
    if "RAY_ADDRESS" in os.environ:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
        return
    ray.init(
        num_cpus=(os.cpu_count() or 1) + num_workers + 2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=_object_store_bytes(),
    )


def _object_store_bytes() -> int:
    """A fifth of the memory within [512 MiB, 16 GiB]; Ray's own default takes a third."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(512 * 2**20, min(total // 5, 16 * 2**30))


def _configure_data() -> None:
    context = ray.data.DataContext.get_current()
    context.raise_original_map_exception = True
    context.execution_no_progress_timeout_s = NO_PROGRESS_TIMEOUT_S
    context.enable_progress_bars = False
    for handler in logging.getLogger("ray.data").handlers:
        if type(handler).__name__ == "PlainRayHandler":
            handler.setLevel(logging.ERROR)
