"""A training worker with one core: photos decoded by its threads, on its device, and by Ray tasks.

Run: ``python -m benchmarks.decoding``, on two cores or more. The first core has the loader of one
worker, all others Ray and its tasks; all read the same shards to the same batches and take
turns, and the best of each number counts. Seconds of processors suffer less from what else the
machine does: those of the worker, which the training step would have otherwise, and those of all
processes of Ray.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
import psutil
import torch

from benchmarks.loader import SPEC, WINDOW, made_up_shards, walked
from seje_ray.freed_memory import environment, keep_freed_memory
from seje_ray.on_ray import EMBEDDED_SETTINGS
from seje_ray.on_ray.decoding import RayTasks, wait_for_a_cpu
from seje_ray.training import decoding
from seje_ray.training.pairs import PairLoader

NUM_THREADS = 2  # of a worker on one core


@click.command()
@click.option("--recipes", default=1024, show_default=True, help="Made-up ones.")
@click.option("--batch", default=100, show_default=True, help="Pairs of the worker in a batch.")
@click.option("--photos", "sizes", multiple=True, type=int, help="Of a task; the product's.")
@click.option("--turns", default=3, show_default=True)
def main(recipes: int, batch: int, sizes: tuple[int, ...], turns: int) -> None:
    """Print pairs per second of each side, and the processor time of a pair."""
    num_cores = begin_ray()
    wait_for_a_cpu(print)
    with tempfile.TemporaryDirectory() as folder:
        shards = made_up_shards(Path(folder), recipes)
        here, device, there = (
            PairLoader(
                shards, SPEC, global_batch_size=batch, rank=0, world_size=1, seed=0,
                shuffle_window=WINDOW, num_threads=NUM_THREADS, **who,
            )
            for who in ({}, {"device": torch.device("cpu")}, {"elsewhere": RayTasks})
        )  # fmt: skip
        pairs = here.num_steps * batch
        walked(device)  # its libraries are loaded
        for size in sizes or (decoding.PHOTOS_PER_TASK,):
            decoding.PHOTOS_PER_TASK = size
            walked(there)  # its processes start
            sides = (here, device, there)
            found = [[timed(side) for side in sides] for _ in range(turns)]
            own, on_device, other = zip(*found, strict=True)
            report("worker", own, pairs)
            report("device, the CPU", on_device, pairs)
            report(f"cluster: {num_cores} cores, {size} photos a task", other, pairs)


def begin_ray() -> int:
    """Start Ray on all cores but the first, and stay on that; return their number."""
    import ray  # not before seje_ray.on_ray, which prepares the environment for it

    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise click.ClickException("expected two cores or more, found one")
    os.environ.update(EMBEDDED_SETTINGS | environment())
    keep_freed_memory()
    os.sched_setaffinity(0, set(others))  # of all that Ray starts
    ray.init(
        address="local", num_cpus=len(others), include_dashboard=False, log_to_driver=False,
        logging_level="ERROR", object_store_memory=2**29,
    )  # fmt: skip
    for thread in os.listdir("/proc/self/task"):
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(thread), {first})
    return len(others)


def timed(loader: PairLoader) -> tuple[float, float, float]:
    """Seconds of an epoch: on the wall, of this process's processor, of those of Ray's."""
    wall, own, rays = time.perf_counter(), time.process_time(), of_children()
    walked(loader)
    return time.perf_counter() - wall, time.process_time() - own, of_children() - rays


def of_children() -> float:
    """Processor seconds of all processes below this one."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(found.user + found.system for found in times)


def report(name: str, turns: Sequence[tuple[float, float, float]], pairs: int) -> None:
    """Print the best of each number."""
    wall, own, rays = (min(column) for column in zip(*turns, strict=True))
    print(
        f"{pairs / wall:6.0f} pairs/s, us of a processor a pair: {1e6 * own / pairs:5.0f} worker, "
        f"{1e6 * rays / pairs:5.0f} Ray  {name}",
        flush=True,
    )


if __name__ == "__main__":
    main()
