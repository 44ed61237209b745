"""Text calibration of very many recipes: seconds per recipe, and the memory of all processes.

Generated recipes without photos pass ``ingest`` and the text operator of ``transform``
(det_ingrs entities, re-examination, TF-IDF, f_term, categories), with a calibrator that was fitted
on other recipes beforehand. Run: ``python -m benchmarks.scale --recipes 10000 --recipes 1000000``.
"""

import functools
import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import torch

from seje_ray.artifact import write_table
from seje_ray.calibration.calibrator import fit_text
from seje_ray.calibration.corpus import TextCorpus
from seje_ray.calibration.key_terms import RecipeWords
from seje_ray.calibration.term_tagger import DetIngrsTagger
from seje_ray.calibration.word2vec import fit_word_vectors
from seje_ray.config import RunConfig, load_run, named_run_file
from seje_ray.cookbook import write_cookbook
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.pipeline.ingest import ingest
from seje_ray.pipeline.stage import Item, ShardStage, Step, shard_items
from seje_ray.pipeline.transform_steps import AddTextFeatures
from seje_ray.recipe1m.source import open_source
from seje_ray.workspace import Workspace

FITTED_ON = 20_000  # recipes
POLL_S = 2.0


@click.command()
@click.option("--recipes", multiple=True, type=int, default=(10_000, 100_000), show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Work here, and keep the data.")
def main(recipes: tuple[int, ...], folder: Path | None) -> None:
    """Print a line per number of recipes."""
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}, ray {ray.__version__}"
    )
    with tempfile.TemporaryDirectory() as temporary:
        root = folder or Path(temporary)
        # Parts of speech are measured apart (benchmarks.operators): they cost more than the rest.
        run = load_run(named_run_file("seje"), ("calibrate.actions=none",))
        calibrator = _fitted(run, root)
        for number in recipes:
            _measure(run, root, calibrator, number)


def _measure(run: RunConfig, root: Path, fitted: Workspace, number: int) -> None:
    source = _cookbook(root, number, seed=1)
    workspace = Workspace(root / f"workspace-{number}")
    shutil.rmtree(workspace.folder, ignore_errors=True)
    with peak_memory() as peak, RayExecutor(workspace).session(1) as session:
        start = time.perf_counter()
        artifact = ingest(run, open_source(source), workspace, session, is_made_up=True)
        read = time.perf_counter()
        target = workspace.folder / "text"
        target.mkdir()
        names = [path.name for path in artifact.shards()]
        step = Step(functools.partial(AddTextFeatures, run, fitted))
        items = shard_items(artifact, names, target)
        stage = ShardStage("calibrating texts", items, read_texts, commit_texts, [step])
        done = session.run_shards(stage)
        end = time.perf_counter()
    assert sum(row["rows"] for row in done) == artifact.num_rows()

    def told(what: str, seconds: float) -> str:
        return f"{what} {seconds:7.1f} s ({1e6 * seconds / number:5.0f} us each)"

    print(
        f"{number:>9,} recipes: {told('ingest', read - start)}, {told('text', end - read)}, "
        f"{told('together', end - start)}; peak {max(peak) / 2**30:.2f} GiB",
        flush=True,
    )


def read_texts(item: Item) -> pa.Table:
    """A whole shard."""
    return pq.read_table(item["source"])


def commit_texts(item: Item, table: pa.Table) -> dict[str, Any]:
    """Write a shard; give its number of rows."""
    write_table(Path(item["target"]), table)
    return {"rows": table.num_rows}


def _fitted(run: RunConfig, root: Path) -> Workspace:
    """A calibrator's text parts, fitted on recipes that are not measured."""
    workspace = Workspace(root / "fitting")
    if workspace.calibrator.exists():
        return workspace
    with RayExecutor(workspace).session(1) as session:
        source = open_source(_cookbook(root, FITTED_ON, seed=0))
        recipes = ingest(run, source, workspace, session, is_made_up=True)
    corpus = TextCorpus(recipes.shards("train"))
    categories = run.calibrate.categories
    text = fit_text(
        corpus,
        num_bigrams=categories.num_bigrams,
        max_bigram_categories=categories.max_bigram_categories,
        min_members=categories.min_members,
        food101=categories.food101,
    )
    words = RecipeWords(corpus, DetIngrsTagger(text.reexaminer))
    vectors = fit_word_vectors(words, dim=300, window=10, epochs=1, min_count=10, seed=0)
    for fitted, name in ((text, "text"), (vectors, "word_vectors")):
        workspace.component(name).mkdir(parents=True)
        fitted.save(workspace.component(name))
    return workspace


def _cookbook(root: Path, number: int, seed: int) -> Path:
    folder = root / f"cookbook-{number}-{seed}"
    if not folder.exists():
        start = time.perf_counter()
        processes = os.cpu_count() or 1
        write_cookbook(
            folder, num_recipes=number, seed=seed, with_images=False, num_processes=processes
        )
        print(f"{number:>9,} recipes: written in {time.perf_counter() - start:.1f} s", flush=True)
    return folder


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Proportional memory in bytes of all Python and Ray processes, every two seconds."""
    found = [0]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(POLL_S):
            found.append(sum(map(_proportional_bytes, Path("/proc").glob("[0-9]*"))))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield found
    stop.set()
    thread.join()


def _proportional_bytes(process: Path) -> int:
    """Memory of a process, shared pages divided among those that share them; 0 for others'."""
    try:
        command = (process / "cmdline").read_bytes()
        if not any(name in command for name in (b"python", b"ray")):
            return 0
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended, or is another user's
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
