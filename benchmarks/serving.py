"""A server under load on loopback, with batching and without, beside the bare model in a loop.

``python -m benchmarks.serving --workspace DIR --run NAME --photo FILE``; 5 minutes with both words
and photos. The load comes from another process (``benchmarks.serving_load``), so server, model and
clients share the cores: it is the ratios that tell something. A server refuses by 429 and 503; any
other refusal is an error.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.serving_load import TEXTS
from seje_ray.calibration.corpus import of_words
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.serve import MAX_BATCH, Serving
from seje_ray.on_ray.serve_deploy import deploy, start
from seje_ray.pipeline.index.ready import ready_searcher
from seje_ray.pipeline.local import LocalExecutor
from seje_ray.pipeline.runs import open_run
from seje_ray.serving.embedder import Embedder
from seje_ray.serving.finder import Finder
from seje_ray.serving.limits import Limits
from seje_ray.serving.photos import prepared_upload
from seje_ray.serving.readiness import wait_until_ready
from seje_ray.workspace import Workspace

DOCUMENTED = {"200", "429", "503"}
READY_S = 900.0
HOST = "127.0.0.1"
Embed = Callable[[int], Any]  # so many queries at once


@click.command()
@click.option("--workspace", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--run", "name", help="The training; else the newest.")
@click.option("--clients", default="1,4,16,64,128", show_default=True)
@click.option("--seconds", default=12.0, show_default=True, help="Of each load.")
@click.option("--photo", type=click.Path(path_type=Path, exists=True), help="Searched with, too.")
def main(
    workspace: Path, name: str | None, clients: str, seconds: float, photo: Path | None
) -> None:
    """Print rates of the bare model, and a table of the server."""
    trained = open_run(Workspace(workspace), name)
    searcher = ready_searcher(trained, Workspace(workspace), lambda: LocalExecutor())
    embedder = Embedder(trained.best_checkpoint, searcher.workspace, "cpu")
    photos = {} if photo is None else {"photos": photo}
    loads: dict[str, Path | None] = {"words": None, **photos}
    bare = {"words": _words(embedder)}
    if photo is not None:
        bare["photos"] = _photos(embedder, photo, Finder(searcher).shorter_side)
    _print_bare(bare, seconds)
    print("| asked by | batches of | clients | /s | p50, ms | p99, ms | model | statuses |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for max_batch, port in _servers(workspace, trained.folder.name):
        for kind, file in loads.items():
            for number in map(int, clients.split(",")):
                found = _load(port, number, seconds, file)
                print(f"| {kind} | {max_batch} | {_row(number, found)} |", flush=True)
    _print_bare(bare, seconds)  # again: other work of the machine comes and goes


def _servers(workspace: Path, run: str) -> Iterator[tuple[int, int]]:
    """Most that are embedded at once, and the port, of a server that is ready; two of them."""
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    with connected(4):
        from ray import serve  # not before seje_ray.on_ray, which prepares the environment for it

        start(HOST, port)
        try:
            for max_batch in (MAX_BATCH, 1):
                deploy(
                    Serving(workspace=str(workspace), run=run, client_rate=0, max_batch=max_batch)
                )
                wait_until_ready(HOST, port, run, READY_S)
                yield max_batch, port
        finally:
            serve.shutdown()


def _words(embedder: Embedder) -> Embed:
    recipes = [of_words(text) for text in TEXTS[:MAX_BATCH]]
    return lambda number: embedder.recipes(recipes[:number])


def _photos(embedder: Embedder, photo: Path, shorter_side: int) -> Embed:
    most = Limits().pixels
    jpeg = prepared_upload(photo.read_bytes(), shorter_side=shorter_side, max_pixels=most)
    return lambda number: embedder.photos([jpeg] * number)


def _print_bare(bare: dict[str, Embed], seconds: float) -> None:
    """Queries a second of the model alone, one by one and together."""
    for kind, embed in bare.items():
        for size in (1, MAX_BATCH):
            begun, number = time.perf_counter(), 0
            while time.perf_counter() - begun < seconds:
                embed(size)
                number += size
            rate = number / (time.perf_counter() - begun)
            threads = torch.get_num_threads()
            print(f"bare model, {kind}, {size} at once: {rate:.1f} /s ({threads} threads)")


def _load(port: int, clients: int, seconds: float, photo: Path | None) -> dict[str, Any]:
    options: Sequence[str] = () if photo is None else ("--photo", str(photo))
    command = [sys.executable, "-m", "benchmarks.serving_load", f"http://{HOST}:{port}"]
    command += ["--clients", str(clients), "--seconds", str(seconds), *options]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(told)
    return found


def _row(clients: int, found: dict[str, Any]) -> str:
    unexpected = found["statuses"].keys() - DOCUMENTED
    if unexpected:
        raise SystemExit(f"{clients} clients: statuses {found['statuses']}")
    statuses = ", ".join(f"{count} x {status}" for status, count in found["statuses"].items())
    return (
        f"{clients} | {found['per_s']:.1f} | {found['p50_ms']:.0f} | {found['p99_ms']:.0f} | "
        f"{100 * found['model_share']:.0f} % | {statuses}"
    )


if __name__ == "__main__":
    main()
