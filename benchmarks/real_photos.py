"""Every row of a table of ``docs/results.md`` on one calibrated workspace, and learning curves.

Run: ``python -m benchmarks.real_photos --workspace W --rows ROWS.yaml --out FOLDER [--pairs 100
--pairs 300 ... --plot curve.png]``. ROWS.yaml is a list of rows: ``{name: ridge, baseline: ridge}``
or ``{name: clip, config: clip, set: [train.num_epochs=20]}``, both keys optional. What is finished
is kept in FOLDER as JSON, and every training under its row's name in the workspace, so that an
interrupted run resumes. Val chooses epochs and settings; test is looked at once for each row and
seed.
"""

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np
import scipy.stats
import torch
import yaml

from benchmarks.curve_plot import draw_curve
from seje_ray import __version__
from seje_ray.artifact import write_json
from seje_ray.cli.options import workspace_option
from seje_ray.cli.run_files import read_run
from seje_ray.config import RunConfig, run_to_dict, with_settings
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.pipeline.baseline import measure_baselines
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.gallery_choice import GalleryChoice
from seje_ray.pipeline.train import train
from seje_ray.report.evaluation import DIRECTIONS, METRICS, GalleryLines, evaluate
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.workspace import Workspace

KEYS = [f"{metric}/{direction}" for direction in DIRECTIONS for metric in METRICS]
CONTROLS = ("category oracle", "chance")
OF_ALL_TRAIN = (
    "Fewer train pairs are fewer for what is trained or fitted here; the texts of all train "
    "recipes made the lexicon, the word vectors, the categories and TF-IDF."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One method: a baseline, or a training by run file and settings."""

    name: str
    baseline: str | None = None
    config: str | None = None
    settings: tuple[str, ...] = ()

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "Row":
        """Read it from ROWS.yaml."""
        settings = tuple(raw.pop("set", ()))
        return cls(**raw, settings=settings)


@dataclass(frozen=True, slots=True)
class Measured:
    """One row with one seed; ``lines`` by name: the row's first, then the controls."""

    seconds: float | None  # of fitting or training, None where part of it was there already
    gallery_size: int
    num_repeats: int
    lines: dict[str, dict[str, float]]


@click.command()
@workspace_option
@click.option("--rows", "rows_file", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--seeds", default=3, show_default=True, help="Trainings of each row.")
@click.option("--partition", default="test", show_default=True)
@click.option("--pairs", "sizes", type=int, multiple=True, help="Train pairs of a learning curve.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of results.")
@click.option("--plot", type=click.Path(path_type=Path), help="PNG of the learning curve.")
def main(
    workspace: Workspace,
    rows_file: Path,
    seeds: int,
    partition: str,
    sizes: tuple[int, ...],
    out: Path,
    plot: Path | None,
) -> None:
    """Train and measure what is not measured yet; print Markdown."""
    out.mkdir(parents=True, exist_ok=True)
    rows = [Row.of(raw) for raw in yaml.safe_load(rows_file.read_text(encoding="utf-8"))]
    everything = workspace.open_calibrated().num_rows("train")
    curve: dict[str, dict[int, list[float]]] = {row.name: {} for row in rows}
    print(_head(workspace, seeds, partition))
    if sizes:
        print(f"\n{OF_ALL_TRAIN}")
    with connected(1):
        for size in [*sorted(set(sizes)), None]:
            found = {
                row.name: [
                    _kept(row, size, seed, workspace, partition, out) for seed in range(seeds)
                ]
                for row in rows
            }
            print(f"\n{size or everything:,} train pairs\n\n{table(found)}", flush=True)
            for name, measured in found.items():
                curve[name][size or everything] = [_recall(one, name) for one in measured]
    if plot is not None:
        draw_curve(curve, plot)


def _head(workspace: Workspace, seeds: int, partition: str) -> str:
    facts = workspace.open_recipes().manifest.facts
    data = "made-up recipes and drawn photos" if facts.get("is_made_up") else "real photos"
    return (
        f"{data}, {partition}; {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, torch {torch.__version__}, ray {version('ray')}; seeds 0 "
        f"to {seeds - 1}"
    )


def _kept(
    row: Row, size: int | None, seed: int, workspace: Workspace, partition: str, out: Path
) -> Measured:
    """The kept result of a row, or a new one."""
    name = "-".join(map(str, [row.name, *([size] if size else []), seed]))
    path = out / f"{name}-{partition}.json"
    settings = (*row.settings, f"seed={seed}", *([f"train.max_pairs={size}"] if size else []))
    run = read_run(row.config, settings, workspace)
    run = with_settings(run, {"evaluate.gallery_sizes": (1000,)})
    made_of = {
        "version": __version__,
        "calibrated": workspace.open_calibrated().content_hash,
        "baseline": row.baseline,
        "run": json.loads(json.dumps(run_to_dict(run))),
    }
    if path.is_file():
        return read_kept(path, made_of)
    started = time.monotonic()
    seconds: float | None
    if row.baseline is not None:
        gallery = _baseline(row, run, workspace, partition)
        seconds = time.monotonic() - started
    else:
        gallery, seconds = _training(name, run, workspace, partition)
    lines = {line.name: line.means for line in gallery.lines}
    lines[row.name] = gallery.lines[0].means
    measured = Measured(seconds, gallery.gallery_size, gallery.num_repeats, lines)
    write_json(path, asdict(measured) | {"made_of": made_of})
    return measured


def read_kept(path: Path, made_of: dict[str, Any]) -> Measured:
    """A kept result, if it is of this version, data, method and run.

    Raises:
        click.ClickException: Naming what is another one.
    """
    known = json.loads(path.read_text(encoding="utf-8"))
    before = known.pop("made_of", {})
    changed = [name for name, value in made_of.items() if before.get(name) != value]
    if changed:
        raise click.ClickException(
            f"{path}: kept from another {', '.join(changed)}; delete it, or name another --out"
        )
    return Measured(**known)


def _baseline(row: Row, run: RunConfig, workspace: Workspace, partition: str) -> GalleryLines:
    names: Any = [row.baseline]
    (measured,) = measure_baselines(
        names, run, workspace, partition=partition, max_pairs=run.train.max_pairs
    )
    return measured.galleries[0]


def _training(
    name: str, run: RunConfig, workspace: Workspace, partition: str
) -> tuple[GalleryLines, float | None]:
    is_new = not any(workspace.run(name).glob("checkpoint-*"))
    started = time.monotonic()
    trained = train(run, workspace, RayExecutor(workspace), name=name, num_workers=1)
    seconds = time.monotonic() - started
    embedded = embed_partition(trained, workspace, RayExecutor(workspace), partition)
    found = evaluate(
        load_embeddings(embedded.shards(partition)),
        GalleryChoice().plan(embedded.num_rows(partition), run.evaluate, run.seed),
    )
    return found[0], seconds if is_new else None


def _recall(measured: Measured, name: str) -> float:
    """R@10 in %, the mean of both directions."""
    return 100 * float(np.mean([measured.lines[name][f"recall_at_10/{d}"] for d in DIRECTIONS]))


def table(found: dict[str, list[Measured]]) -> str:
    """Means over the seeds with their 95 % intervals, as Markdown; the controls below."""
    names = " | ".join(list(METRICS.values()) * len(DIRECTIONS))
    gaps = " |" * (len(METRICS) - 1)
    directions = " | ".join(f"{text}{gaps}" for text in DIRECTIONS.values())
    first = next(iter(found.values()))[0]
    head = f"{first.num_repeats} x {first.gallery_size:,} pairs"
    lines = [f"| {head} | {names} | seconds |", f"|{'---|' * (len(KEYS) + 2)}"]
    lines.append(f"| | {directions} | |")
    for name, measured in found.items():
        columns = [[one.lines[name][key] for one in measured] for key in KEYS]
        known = [one.seconds for one in measured if one.seconds is not None]
        seconds = f"{np.mean(known):,.0f}" if known else "not known"
        lines.append(f"| {name} | {_cells(columns)} | {seconds} |")
    for control in CONTROLS:
        columns = [[first.lines[control][key]] for key in KEYS]
        lines.append(f"| {control} | {_cells(columns)} | |")
    return "\n".join(lines)


def _cells(columns: Sequence[Sequence[float]]) -> str:
    cells = []
    for key, values in zip(KEYS, columns, strict=True):
        factor = 1 if key.startswith("median") else 100
        half = factor * half_interval(values)
        text = f"{factor * np.mean(values):.1f}"
        cells.append(f"{text} ± {half:.1f}" if half > 0 else text)
    return " | ".join(cells)


def half_interval(values: Sequence[float]) -> float:
    """Half of the 95 % interval of a mean over seeds (Student's t); 0 of a single one."""
    if len(values) < 2:
        return 0.0
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return error * float(scipy.stats.t.ppf(0.975, len(values) - 1))


if __name__ == "__main__":
    main()
