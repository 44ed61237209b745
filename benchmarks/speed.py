"""Speed as ratios to the plain way of doing the same, both timed in one run on this machine.

Run: ``python -m benchmarks.speed``. A ratio above 1 says how many times faster ours is. Training
has a benchmark of its own, ``benchmarks.training``.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.cookbook import write_cookbook
from seje_ray.losses.pairs import GlobalPairs
from seje_ray.losses.triplet import double_negative_triplet
from seje_ray.models.image_backbone import create_backbone
from seje_ray.recipe1m.json_stream import json_records
from seje_ray.retrieval.ranking import pair_ranks

NUM_TIMINGS = 5
NETWORKS = ("timm/tf_efficientnet_lite0", "torchvision/resnet50")


@click.command()
@click.option("--recipes", default=20_000, show_default=True, help="Records of the JSON file.")
def main(recipes: int) -> None:
    """Print a table of seconds and ratios."""
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}; best of {NUM_TIMINGS}\n"
    )
    _ranking()
    _triplet()
    _json_stream(recipes)
    for name in NETWORKS:
        _image_network(name)


def _ranking(num_pairs: int = 2_000, dim: int = 1024) -> None:
    queries, gallery = _unit(num_pairs, dim, seed=0), _unit(num_pairs, dim, seed=1)
    rows, others = queries.numpy(), gallery.numpy()

    def plain() -> None:
        for queries_of, gallery_of in ((rows, others), (others, rows)):
            for i, query in enumerate(queries_of):
                np.argsort(-(gallery_of @ query)).tolist().index(i)

    _compare(
        f"rank {num_pairs:,} pairs both ways, {dim} dimensions",
        "argsort per query",
        lambda: pair_ranks(queries, gallery),
        plain,
    )


def _triplet(num_pairs: int = 100, dim: int = 1024) -> None:
    images, recipes = _unit(num_pairs, dim, seed=0), _unit(num_pairs, dim, seed=1)
    categories = torch.randint(0, 8, (num_pairs,), generator=torch.Generator().manual_seed(0))

    def ours() -> None:
        own = [rows.clone().requires_grad_() for rows in (images, recipes)]
        double_negative_triplet(
            GlobalPairs.whole(*own, categories),
            scale=16.0,
            margin=0.0,
            negatives="both",
        ).backward()

    def plain() -> None:
        own = [rows.clone().requires_grad_() for rows in (images, recipes)]
        _looped_triplet(*own, categories).backward()

    _compare(f"triplet loss and gradient, batch {num_pairs}", "a loop over anchors", ours, plain)


def _looped_triplet(images: Tensor, recipes: Tensor, categories: Tensor) -> Tensor:
    """Anchor by anchor, as the published code of this field mines."""
    losses = []
    for anchors, candidates in ((images, recipes), (recipes, images)):
        for i, anchor in enumerate(anchors):
            distances = (anchor - candidates).norm(dim=1)
            is_other = torch.arange(len(candidates)) != i
            is_foreign = is_other & ((categories != categories[i]) | (categories[i] == 0))
            for allowed in (is_other, is_foreign):
                nearest = distances.masked_fill(~allowed, torch.inf).min()
                losses.append(F.softplus(16.0 * (distances[i] - nearest)))
    return torch.stack(losses).mean()


def _json_stream(num_recipes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_cookbook(
            Path(folder), num_recipes=num_recipes, seed=0, with_images=False, num_processes=1
        )
        path = Path(folder) / "layer1.json"
        size = path.stat().st_size / 2**20

        def ours() -> None:
            for _ in json_records(path):
                pass

        def plain() -> None:
            with path.open(encoding="utf-8") as file:
                json.load(file)

        _compare(
            f"read {size:.0f} MiB of layer1.json, bounded memory",
            "json.load of it all",
            ours,
            plain,
        )


def _image_network(name: str, num_photos: int = 16, side: int = 224) -> None:
    """A forward and a backward pass, with the channels last and as torch lays them out."""
    shape = (num_photos, 3, side, side)
    photos = torch.randint(256, shape, generator=torch.Generator().manual_seed(0))

    def passes(layout: torch.memory_format) -> Callable[[], None]:
        network = create_backbone(name, weights=None, image_size=side).train()
        network.to(memory_format=layout)
        inputs = photos.to(torch.uint8).contiguous(memory_format=layout)
        return lambda: network(inputs).square().mean().backward()

    _compare(
        f"train {name}, {num_photos} photos of {side}",
        "channels first",
        passes(torch.channels_last),
        passes(torch.contiguous_format),
    )


def _unit(num_rows: int, dim: int, *, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num_rows, dim, generator=generator))


def _compare(
    what: str, plain_name: str, ours: Callable[[], None], plain: Callable[[], None]
) -> None:
    """Time both in turn, so that what else the machine does hits both; the best of each."""
    ours()  # once before, for what is loaded at the first call
    times = [(_seconds(ours), _seconds(plain)) for _ in range(NUM_TIMINGS)]
    _print(what, plain_name, min(t[0] for t in times), min(t[1] for t in times))


def _seconds(function: Callable[[], None]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _print(what: str, plain_name: str, ours: float, plain: float) -> None:
    print(f"{what:<52}{ours:>9.3f} s  {plain_name:<22}{plain:>9.3f} s  x {plain / ours:.2f}")


if __name__ == "__main__":
    main()
