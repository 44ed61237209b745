"""A network on the CPU with memory that is kept when it is freed, and with glibc's own way.

``python -m benchmarks.freed_memory``; 2 minutes. Each measurement is a process of its own, with one
thread; both kinds take turns.
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import click
import torch

from seje_ray.freed_memory import ENVIRONMENT
from seje_ray.models.image_backbone import ImageBackbone, create_backbone

NETWORK = "timm/tf_efficientnet_lite0"
SIDE = 224  # pixels
KINDS = {"embedding": 32, "training": 32}  # photos of a batch
ROUNDS = 2  # as the machine has other work, too


@click.command()
@click.option("--seconds", default=8.0, show_default=True, help="Of each measurement.")
@click.option("--measure", type=click.Choice(list(KINDS)), help="Only this, as one line of JSON.")
def main(seconds: float, measure: str | None) -> None:
    """Print a table of photos a second of CPU time, or measure one kind."""
    if measure:
        # As Ray Train: not in the main thread, which has a heap without bounds.
        thread = threading.Thread(target=lambda: print(json.dumps(_measured(measure, seconds))))
        thread.start()
        thread.join()
        return
    print("| | memory | photos per s of CPU | of it in the system | peak, GB |")
    print("|---|---|---|---|---|")
    for kind in KINDS:
        for _ in range(ROUNDS):
            for name, settings in (("glibc's way", {}), ("kept", ENVIRONMENT)):
                print(f"| {kind} | {name} | {_row(_in_process(kind, seconds, settings))} |")


def _in_process(kind: str, seconds: float, settings: dict[str, str]) -> dict[str, float]:
    others = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    command = [sys.executable, "-m", "benchmarks.freed_memory", "--measure", kind]
    command += ["--seconds", str(seconds)]
    told = subprocess.run(command, check=True, capture_output=True, env=others | settings)
    found: dict[str, float] = json.loads(told.stdout)
    return found


def _row(found: dict[str, float]) -> str:
    rate = found["photos"] / (found["user"] + found["system"])
    share = found["system"] / (found["user"] + found["system"])
    return f"{rate:.1f} | {100 * share:.0f} % | {found['peak'] / 1e9:.1f}"


def _measured(kind: str, seconds: float) -> dict[str, float]:
    torch.set_num_threads(1)
    network = create_backbone(NETWORK, weights=None, image_size=SIDE)
    photos = torch.rand(KINDS[kind], 3, SIDE, SIDE) * 255
    step = _trains(network, photos) if kind == "training" else _embeds(network, photos)
    step()
    before, begun, steps = resource.getrusage(resource.RUSAGE_SELF), time.monotonic(), 0
    while time.monotonic() - begun < seconds:
        step()
        steps += 1
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "photos": steps * KINDS[kind],
        "user": after.ru_utime - before.ru_utime,
        "system": after.ru_stime - before.ru_stime,
        "peak": after.ru_maxrss * 1024,
    }


def _embeds(network: ImageBackbone, photos: torch.Tensor) -> Callable[[], Any]:
    network.eval()
    return torch.inference_mode()(lambda: network(photos))


def _trains(network: ImageBackbone, photos: torch.Tensor) -> Callable[[], Any]:
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        network(photos).square().mean().backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
