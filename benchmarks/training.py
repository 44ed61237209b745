"""Speed of training as ratios, both sides in one run on this machine.

Run: ``python -m benchmarks.training --workspace W`` on a workspace calibrated with
``model.freeze_backbone=true``. Each number is pairs per second while training, the median over the
epochs after the first; both sides take turns, the better of two turns counts, but for trainings of
the image network. By Ray these are what a user's run writes into ``timings.jsonl``.
"""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import click
import torch

from benchmarks.bare_loop import BareLoop
from seje_ray.cli.options import workspace_option
from seje_ray.config import RunConfig, load_run
from seje_ray.features.model import FeatureDims
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.pipeline.train import train
from seje_ray.training.pairs import PairLoader
from seje_ray.training.timing import read_timings
from seje_ray.workspace import Workspace

COMMON = (
    "train.schedule=plateau",
    "train.max_val_pairs=2",
    "train.picture_epochs=null",
)
SIZES = {  # name -> settings over the workspace's
    "workspace's sizes": (),
    "paper's sizes": (
        "model.embedding_dim=1024",
        "model.lstm_dim=1024",
        "train.global_batch_size=100",
    ),
}
THROUGH_PHOTOS = (
    "model.freeze_backbone=false",
    "model.backbone.name=torchvision/resnet50",
    "model.backbone.weights=null",
    "model.backbone.resize=256",
    "model.backbone.crop=224",
    "train.num_epochs=1",
    "train.checkpoint_steps=null",
)
NUM_TURNS = 2
PARTS = ("bare", "workers", "photos")


@click.command()
@workspace_option
@click.option("--epochs", default=4, show_default=True, help="Of each training.")
@click.option("--part", "parts", multiple=True, default=PARTS, type=click.Choice(PARTS))
@click.option("--alone", is_flag=True, hidden=True, help="Print the bare loop's pairs per second.")
@click.option("--size", default="paper's sizes", hidden=True)
def main(workspace: Workspace, epochs: int, parts: tuple[str, ...], alone: bool, size: str) -> None:
    """Print pairs per second and their ratios."""
    if alone:
        print(_bare(workspace, _run(workspace, epochs, *SIZES[size])))
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}, ray {version('ray')}\n"
    )
    with connected(2):
        if "bare" in parts:
            for name in SIZES:
                _compare_with_bare(workspace, name, epochs)
        if "workers" in parts:
            for name in SIZES:
                _compare_workers(workspace, name, epochs)
        if "photos" in parts:
            _compare_with_photos(workspace)


def _compare_with_bare(workspace: Workspace, name: str, epochs: int) -> None:
    command = [sys.executable, "-m", "benchmarks.training", "--workspace", str(workspace)]
    command += ["--epochs", str(epochs), "--alone", "--size", name]

    def bare() -> float:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return float(done.stdout.split()[-1])

    run = _run(workspace, epochs, *SIZES[name])
    ours, plain = _in_turns(lambda: _by_ray(workspace, run, 1), bare)
    _print(f"step through Ray / bare loop, {name}", ours, plain)


def _compare_workers(workspace: Workspace, name: str, epochs: int) -> None:
    run = _run(workspace, epochs, *SIZES[name])
    two, one = _in_turns(lambda: _by_ray(workspace, run, 2), lambda: _by_ray(workspace, run, 1))
    _print(f"2 workers x 1 core / 1 x 2, {name}", two, one)


def _compare_with_photos(workspace: Workspace) -> None:
    """Once each: a step takes some twenty seconds, in which what else the machine does drowns."""
    stored = _run(workspace, 2, *SIZES["paper's sizes"])
    through = _run(workspace, 1, *SIZES["paper's sizes"], *THROUGH_PHOTOS)
    two, one = _by_ray(workspace, through, 2), _by_ray(workspace, through, 1)
    _print("2 workers x 1 core / 1 x 2, through ResNet-50, 224 px", two, one)
    frozen = _by_ray(workspace, stored, 1)
    _print("stored features / through ResNet-50, 224 px", frozen, one)


def _in_turns(ours: Callable[[], float], other: Callable[[], float]) -> tuple[float, float]:
    """Both in turn, so that what else the machine does hits both; the better of each."""
    turns = [(ours(), other()) for _ in range(NUM_TURNS)]
    return max(t[0] for t in turns), max(t[1] for t in turns)


def _run(workspace: Workspace, epochs: int, *settings: str) -> RunConfig:
    path = workspace.calibrated_run
    return load_run(path, (*COMMON, f"train.num_epochs={epochs}", *settings))


def _by_ray(workspace: Workspace, run: RunConfig, num_workers: int) -> float:
    """Pairs per second of a training on Ray, as it wrote them itself."""
    name = f"speed-{num_workers}-{time.time_ns()}"
    folder = train(
        run, workspace, RayExecutor(workspace), name=name, num_workers=num_workers
    ).folder
    found = [entry["pairs_per_s"] for entry in read_timings(folder)]
    shutil.rmtree(folder)
    return statistics.median(found[1:] or found)


def _bare(workspace: Workspace, run: RunConfig) -> float:
    """Pairs per second of the same model and losses in a plain loop over tensors in memory."""
    torch.set_num_threads(os.cpu_count() or 1)
    calibrated = workspace.open_calibrated()
    loader = PairLoader(
        calibrated.shards("train"),
        None,
        global_batch_size=run.train.global_batch_size,
        rank=0,
        world_size=1,
        seed=run.seed,
        shuffle_window=run.train.shuffle_window,
    )
    loop = BareLoop(run, FeatureDims.of(calibrated.manifest.facts), torch.device("cpu"))
    seconds = []
    for epoch in range(run.train.num_epochs):
        batches = list(loader.epoch(epoch))
        started = time.perf_counter()
        for step, batch in enumerate(batches):
            loop.step(batch, epoch, step)
        seconds.append(time.perf_counter() - started)
    num_pairs = len(batches) * run.train.global_batch_size
    return statistics.median(num_pairs / s for s in seconds[1:] or seconds)


def _print(what: str, ours: float, other: float) -> None:
    print(f"{what:<60}{ours:>9.1f} /s{other:>9.1f} /s  x {ours / other:.2f}", flush=True)


if __name__ == "__main__":
    main()
