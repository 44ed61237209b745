"""What the loader of a training reads and how fast it is, beside a bare decode loop.

Run: ``python -m benchmarks.loader``. Both sides decode the same photos to the same crops, on the
same cores, and take turns; the better of each counts. The bare loop holds all photos in memory and
keeps nothing; the loader reads shards, draws, and makes batches with all else that a model takes.
``CPU`` compares the processor's seconds, which suffer less from what else the machine does.

Then the bytes that each of several workers reads in an epoch, as Linux counts them, beside those of
one worker. A window of eight shards, so that shards are read anew in each epoch.
"""

import io
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import torch
from PIL import Image

from seje_ray.artifact import read_shard, shard_name, write_table
from seje_ray.freed_memory import keep_freed_memory
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.schema import calibrated
from seje_ray.training.pairs import PairLoader
from seje_ray.workspace import Workspace

WORD_DIM, SENTENCE_DIM, NUM_SENTENCES = 300, 1024, 8
PHOTO_SIZE = (341, 256)  # width and height, as ingestion stores them
SPEC = PixelSpec(256, 224)
WINDOW = 8  # shards


@dataclass(frozen=True, slots=True)
class Blank(PixelSpec):
    """Gives a grey picture without a look at the photo: what is left is all but decoding."""

    def crop_of(self, jpeg: bytes, generator: np.random.Generator | None) -> np.ndarray:
        """A grey crop."""
        return np.full((self.crop, self.crop, 3), 128, np.uint8)


@click.command()
@click.option("--workspace", type=Path, help="Calibrated; made-up photos without it.")
@click.option("--recipes", default=4096, show_default=True, help="Of made-up ones.")
@click.option("--batch", default=100, show_default=True, help="Pairs of a batch.")
@click.option("--cores", "cores", multiple=True, default=(1, 2), type=int, show_default=True)
@click.option("--turns", default=3, show_default=True)
def main(
    workspace: Path | None, recipes: int, batch: int, cores: tuple[int, ...], turns: int
) -> None:
    """Print pairs per second, their ratio, and the Python time of a pair."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    keep_freed_memory()  # as every command and worker does
    with tempfile.TemporaryDirectory() as folder:
        if workspace is None:
            shards = made_up_shards(Path(folder), recipes)
        else:
            shards = Workspace(workspace).open_calibrated().shards("train")
        for number in cores:
            if number <= len(os.sched_getaffinity(0)):
                compare(shards, batch, number, turns)
        for world_size in (1, 2, 4):
            reading(shards, batch, world_size)


def compare(shards: list[Path], batch: int, num_cores: int, turns: int) -> None:
    """Print the rows of one number of cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:num_cores]))
    torch.set_num_threads(num_cores)
    try:
        loader = loader_of(shards, SPEC, batch, num_cores)
        blank = loader_of(shards, Blank(SPEC.resize, SPEC.crop), batch, num_cores)
        jpegs = photos_of(shards)[: loader.num_steps * batch]
        sides = [
            (
                timed(lambda: bare(jpegs, num_cores)),
                timed(lambda: walked(loader)),
                timed(lambda: walked(blank)),
            )
            for _ in range(turns)
        ]
        bares, ours, others = zip(*sides, strict=True)
    finally:
        os.sched_setaffinity(0, before)
    for n, what in enumerate(("wall", "CPU")):
        plain, own = (len(jpegs) / min(side[n] for side in found) for found in (bares, ours))
        print(
            f"{num_cores} cores, {what:<4}{own:>8.1f} /s  bare{plain:>8.1f} /s  x {own / plain:.2f}"
        )
    rest_us = 1e6 * min(cpu_s for _, cpu_s in others) / len(jpegs)
    print(
        f"{num_cores} cores, all but decoding: {rest_us:.0f} us of a processor a pair", flush=True
    )


def reading(shards: list[Path], batch: int, world_size: int) -> None:
    """Print what each worker reads in an epoch, in MB and as a share of what one reads."""
    blank = Blank(SPEC.resize, SPEC.crop)
    read = []
    for rank, workers in [(0, 1), *((rank, world_size) for rank in range(world_size))]:
        loader = loader_of(shards, blank, batch, 1, rank=rank, world_size=workers)
        before = bytes_read()
        walked(loader)
        read.append(bytes_read() - before)
    alone, *own = read
    shares = "  ".join(f"{number / 1e6:.1f} MB x {number / alone:.3f}" for number in own)
    print(f"{world_size} workers read {shares}", flush=True)


def bytes_read() -> int:
    """That this process has read so far, from a disk or from memory."""
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def loader_of(
    shards: list[Path],
    spec: PixelSpec,
    batch: int,
    num_threads: int,
    *,
    rank: int = 0,
    world_size: int = 1,
) -> PairLoader:
    """The loader of a training."""
    return PairLoader(
        shards,
        spec,
        global_batch_size=batch,
        rank=rank,
        world_size=world_size,
        seed=0,
        shuffle_window=WINDOW,
        num_threads=num_threads,
    )


def walked(loader: PairLoader) -> None:
    """One epoch."""
    for _ in loader.epoch(0):
        pass


def bare(jpegs: list[bytes], num_threads: int) -> None:
    """Decode photos to the crops of a training, and keep none."""
    generator = np.random.default_rng(0)
    if num_threads == 1:
        for jpeg in jpegs:
            SPEC.crop_of(jpeg, generator)
        return
    with ThreadPoolExecutor(num_threads) as pool:
        for _ in pool.map(lambda jpeg: SPEC.crop_of(jpeg, generator), jpegs):
            pass


def photos_of(shards: list[Path]) -> list[bytes]:
    """The first photo of each recipe."""
    tables = [read_shard(path, ["images"]) for path in shards]
    return [row[0]["jpeg"] for table in tables for row in table.column("images").to_pylist()]


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the wall, and of processors."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def made_up_shards(folder: Path, num_recipes: int, *, rows_per_shard: int = 64) -> list[Path]:
    """Calibrated shards of recipes with two photos of noise that is as large as real ones."""
    generator, paths = np.random.default_rng(0), []
    for number in range(-(-num_recipes // rows_per_shard)):
        count = min(rows_per_shard, num_recipes - number * rows_per_shard)
        rows = [made_up_row(f"{number}-{row}", generator) for row in range(count)]
        paths.append(folder / shard_name("train", number))
        schema = calibrated(WORD_DIM, SENTENCE_DIM, None)
        write_table(paths[-1], pa.Table.from_pylist(rows, schema=schema))
    return paths


def made_up_row(
    recipe_id: str, generator: np.random.Generator, jpegs: Sequence[bytes] = ()
) -> dict[str, object]:
    """A calibrated recipe with two photos, of ``jpegs`` or else drawn."""
    photos = [
        jpegs[int(generator.integers(len(jpegs)))] if jpegs else made_up_jpeg(generator)
        for _ in range(2)
    ]
    row: dict[str, object] = dict.fromkeys(calibrated(WORD_DIM, SENTENCE_DIM, None).names)
    return row | {
        "id": recipe_id,
        "title": recipe_id,
        "images": [{"id": f"{recipe_id}/{n}", "jpeg": jpeg} for n, jpeg in enumerate(photos)],
        "key_term_vector": generator.normal(size=WORD_DIM).astype(np.float32),
        "category_id": 1,
        "sentence_vectors": list(
            generator.normal(size=(NUM_SENTENCES, SENTENCE_DIM)).astype(np.float32)
        ),
        "image_category_vectors": list(generator.normal(size=(2, WORD_DIM)).astype(np.float32)),
    }


def made_up_jpeg(generator: np.random.Generator) -> bytes:
    """Some 30 kB."""
    coarse = generator.integers(0, 255, (PHOTO_SIZE[1] // 4, PHOTO_SIZE[0] // 4, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize(PHOTO_SIZE, Image.Resampling.BICUBIC).save(
        buffer, "JPEG", quality=90
    )
    return buffer.getvalue()


if __name__ == "__main__":
    main()
