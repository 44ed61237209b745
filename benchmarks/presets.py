"""Every preset on one calibrated workspace, over several seeds: the table of ``docs/results.md``.

Run: ``python -m benchmarks.presets --workspace W --seeds 3 --out TABLE.md``. Trainings that are
finished are not repeated, so an interrupted run resumes.
"""

import json
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import click
import torch

from seje_ray.cli.options import workspace_option
from seje_ray.cli.run_files import read_run
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.train import train
from seje_ray.report.evaluation import DIRECTIONS, METRICS, GalleryLines, evaluate
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.workspace import Workspace

OWN = "seje"  # the workspace's own run, with SEJE's loss
PRESETS = (OWN, "msje", "acme", "adamine", "vse++", "im2recipe", "clip")
KEYS = [f"{metric}/{direction}" for direction in DIRECTIONS for metric in METRICS]


@click.command()
@workspace_option
@click.option("--seeds", default=3, show_default=True, help="Trainings of each preset.")
@click.option("--preset", "presets", multiple=True, default=PRESETS, help="Only these.")
@click.option("--partition", default="test", show_default=True)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Of all of them.")
@click.option("--prefix", default="", help="Before the name of each training.")
@click.option("--out", type=click.Path(path_type=Path), help="File for the table.")
def main(
    workspace: Workspace,
    seeds: int,
    presets: tuple[str, ...],
    partition: str,
    overrides: tuple[str, ...],
    prefix: str,
    out: Path | None,
) -> None:
    """Train and measure; print the table as Markdown."""
    started, measured = time.monotonic(), {}
    galleries = None
    with connected(1):
        for preset in presets:
            measured[preset] = []
            for seed in range(seeds):
                name = f"{prefix}{preset}-{seed}"
                galleries, seconds = _measure(
                    workspace, preset, name, (*overrides, f"seed={seed}"), partition
                )
                measured[preset].append(_means(galleries, "model"))
                print(name, f"{seconds:.0f} s", json.dumps(measured[preset][-1]), flush=True)
    assert galleries is not None
    head = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch "
        f"{torch.__version__}, ray {version('ray')}; {time.monotonic() - started:.0f} s; "
        f"{galleries.gallery_size} pairs of {partition}, seeds 0 to {seeds - 1}; "
        f"--set {' --set '.join(overrides) or 'nothing'}"
    )
    text = f"{head}\n\n{_table(measured, galleries)}\n"
    print(f"\n{text}")
    if out is not None:
        out.write_text(text, encoding="utf-8")


def _measure(
    workspace: Workspace, preset: str, name: str, overrides: tuple[str, ...], partition: str
) -> tuple[GalleryLines, float]:
    """Train one preset; its largest gallery, and the seconds that training took."""
    run = read_run(None if preset == OWN else preset, overrides, workspace)
    started = time.monotonic()
    trained = train(run, workspace, RayExecutor(workspace), name=name, num_workers=1)
    seconds = time.monotonic() - started
    embedded = embed_partition(trained, workspace, RayExecutor(workspace), partition)
    found = evaluate(
        load_embeddings(embedded.shards(partition)),
        gallery_sizes=run.evaluate.gallery_sizes,
        num_repeats=run.evaluate.num_repeats,
        seed=0,
    )
    return found[-1], seconds


def _means(galleries: GalleryLines, name: str) -> dict[str, float]:
    (line,) = (line for line in galleries.lines if line.name == name)
    return {key: line.means[key] for key in KEYS}


def _table(measured: dict[str, list[dict[str, float]]], galleries: GalleryLines) -> str:
    """Mean and standard deviation over the seeds; the controls below."""
    names = " | ".join(list(METRICS.values()) * len(DIRECTIONS))
    gaps = " |" * (len(METRICS) - 1)
    directions = " | ".join(f"{text}{gaps}" for text in DIRECTIONS.values())
    lines = [f"| | {names} |", f"|{'---|' * (len(KEYS) + 1)}", f"| | {directions} |"]
    for preset, runs in measured.items():
        lines.append(_row(preset, [[run[key] for run in runs] for key in KEYS]))
    for control in ("category oracle", "chance"):
        means = _means(galleries, control)
        lines.append(_row(control, [[means[key]] for key in KEYS]))
    return "\n".join(lines)


def _row(name: str, columns: list[list[float]]) -> str:
    cells = []
    for key, values in zip(KEYS, columns, strict=True):
        factor = 1 if key.startswith("median") else 100
        text = f"{factor * statistics.mean(values):.1f}"
        if len(values) > 1:
            text += f" ± {factor * statistics.stdev(values):.1f}"
        cells.append(text)
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
