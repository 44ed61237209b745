"""A server under load on loopback, with batching and without, beside the bare model in a loop.

``python -m benchmarks.serving --workspace DIR --run NAME``; some minutes. The load comes from
another process (``benchmarks.serving_load``), so server, model and clients share the cores: it is
the ratios that tell something. A server refuses by 429 and 503; any other refusal is an error.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.serving_load import TEXTS
from seje_ray.calibration.corpus import RecipeText
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.serve import MAX_BATCH, Serving
from seje_ray.on_ray.serve_command import deploy, start
from seje_ray.pipeline.index.ready import ready_searcher
from seje_ray.pipeline.local import LocalExecutor
from seje_ray.pipeline.runs import open_run
from seje_ray.serving.embedder import Embedder
from seje_ray.serving.readiness import wait_until_ready
from seje_ray.workspace import Workspace

DOCUMENTED = {"200", "429", "503"}
READY_S = 900.0
HOST = "127.0.0.1"


@click.command()
@click.option("--workspace", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--run", "name", help="The training; else the newest.")
@click.option("--clients", default="1,4,16,64,128", show_default=True)
@click.option("--seconds", default=10.0, show_default=True, help="Of each load.")
@click.option("--photo", type=click.Path(path_type=Path, exists=True), help="Instead of words.")
def main(
    workspace: Path, name: str | None, clients: str, seconds: float, photo: Path | None
) -> None:
    """Print two tables: the bare model, and the server."""
    trained = open_run(Workspace(workspace), name)
    searcher = ready_searcher(trained, Workspace(workspace), lambda: LocalExecutor())
    embedder = Embedder(trained.best_checkpoint, searcher.workspace, "cpu")
    jpeg = None if photo is None else photo.read_bytes()
    _bare(embedder, seconds, jpeg)
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    with connected(4):
        from ray import serve  # not before seje_ray.on_ray, which prepares the environment for it

        start(HOST, port)
        try:
            for max_batch in (MAX_BATCH, 1):
                run = trained.folder.name
                deploy(
                    Serving(workspace=str(workspace), run=run, client_rate=0, max_batch=max_batch)
                )
                wait_until_ready(HOST, port, run, READY_S)
                print(f"batches of at most {max_batch}", flush=True)
                for number in clients.split(","):
                    _row(int(number), _load(port, int(number), seconds, photo))
        finally:
            serve.shutdown()
    _bare(embedder, seconds, jpeg)  # again: other work of the machine comes and goes


def _bare(embedder: Embedder, seconds: float, jpeg: bytes | None) -> None:
    """Queries a second of the model alone, one by one and together."""
    recipes = [RecipeText("asked", text, (), ()) for text in TEXTS[:MAX_BATCH]]
    for size in (1, MAX_BATCH):
        embed: Callable[[], Any]
        if jpeg is None:
            embed = lambda size=size: embedder.recipes(recipes[:size])  # noqa: E731
        else:
            embed = lambda size=size: embedder.photos([jpeg] * size)  # noqa: E731
        begun, number = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            embed()
            number += size
        rate = number / (time.perf_counter() - begun)
        threads = torch.get_num_threads()
        print(f"bare model, {size} at once: {rate:.1f} /s ({threads} threads)", flush=True)


def _load(port: int, clients: int, seconds: float, photo: Path | None) -> dict[str, Any]:
    options: Sequence[str] = () if photo is None else ("--photo", str(photo))
    command = [sys.executable, "-m", "benchmarks.serving_load", f"http://{HOST}:{port}"]
    command += ["--clients", str(clients), "--seconds", str(seconds), *options]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(told)
    return found


def _row(clients: int, found: dict[str, Any]) -> None:
    unexpected = found["statuses"].keys() - DOCUMENTED
    if unexpected:
        raise SystemExit(f"{clients} clients: statuses {found['statuses']}")
    print(
        f"{clients:4d} clients: {found['per_s']:6.1f} /s, p50 {found['p50_ms']:.0f} ms, "
        f"p99 {found['p99_ms']:.0f} ms, model {100 * found['model_share']:.0f} %, "
        f"{found['statuses']}",
        flush=True,
    )


if __name__ == "__main__":
    main()
