"""A training worker with one core: photos decoded by its threads, and by Ray tasks on other cores.

Run: ``python -m benchmarks.decoding``, on two cores or more. The first core has the loader of one
worker, all others Ray and its tasks; both sides read the same shards to the same batches, in turns,
and the better turn of each counts. ``CPU`` are seconds of the worker's own processor for a pair,
which suffer less from what else the machine does: what it has left is for the training step.
"""

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path

import click

from benchmarks.loader import SPEC, WINDOW, made_up_shards, timed, walked
from seje_ray.config.train import Augmentation
from seje_ray.freed_memory import environment, keep_freed_memory
from seje_ray.on_ray import EMBEDDED_SETTINGS
from seje_ray.on_ray.decoding import RayTasks, wait_for_a_cpu
from seje_ray.training import decoding
from seje_ray.training.pairs import PairLoader

NUM_THREADS = 2  # of a worker on one core


@click.command()
@click.option("--recipes", default=2048, show_default=True, help="Made-up ones.")
@click.option("--batch", default=100, show_default=True, help="Pairs of the worker in a batch.")
@click.option("--photos", "sizes", multiple=True, type=int, help="Of a task; the product's.")
@click.option("--augmentation", default="crop_flip", show_default=True)
@click.option("--turns", default=3, show_default=True)
def main(
    recipes: int, batch: int, sizes: tuple[int, ...], augmentation: Augmentation, turns: int
) -> None:
    """Print pairs per second of both sides, and what a pair costs the worker."""
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise click.ClickException("expected two cores or more, found one")
    import ray  # not before seje_ray.on_ray, which prepares the environment for it

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
    wait_for_a_cpu(print)

    def loader(shards: list[Path], elsewhere: Callable[[], Executor] | None) -> PairLoader:
        return PairLoader(
            shards, SPEC, global_batch_size=batch, rank=0, world_size=1, seed=0,
            shuffle_window=WINDOW, num_threads=NUM_THREADS, augmentation=augmentation,
            elsewhere=elsewhere,
        )  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        shards = made_up_shards(Path(folder), recipes)
        here, there = loader(shards, None), loader(shards, RayTasks)
        for size in sizes or (decoding.PHOTOS_PER_TASK,):
            decoding.PHOTOS_PER_TASK = size
            walked(there)  # its processes start
            own = [timed(lambda: walked(here)) for _ in range(turns)]
            other = [timed(lambda: walked(there)) for _ in range(turns)]
            report(size, here.num_steps * batch, own, other, len(others))
    ray.shutdown()


def report(
    size: int,
    pairs: int,
    own: list[tuple[float, float]],
    other: list[tuple[float, float]],
    cores: int,
) -> None:
    """Print one line for each side."""
    for name, found in (("worker", own), (f"cluster, {cores} cores, {size} photos a task", other)):
        wall, cpu = (min(turn[n] for turn in found) for n in range(2))
        print(f"{pairs / wall:8.0f} pairs/s  {1e6 * cpu / pairs:6.0f} us CPU a pair  {name}")


if __name__ == "__main__":
    main()
