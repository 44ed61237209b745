"""Seconds of the evaluation protocol beside the bare matrix products, and beside a plain ranker.

Run: ``python -m benchmarks.evaluation``. All parts take turns gallery by gallery in one run, and
the seconds are of the CPU, all threads together, so that what else the machine does hits all of
them alike. The vectors are made up: recipes are noisy images, at a noise at which every match is
found, and at one where the true match is hidden among the others, which leaves the most
similarities open to the float32 product; trained models lie between.
"""

import os
import platform
import time
from collections.abc import Callable
from statistics import median

import click
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from seje_ray.retrieval.controls import model_and_shuffled
from seje_ray.retrieval.protocol import evaluate_retrieval

NOISES = {"every match found": 3.0, "a model at chance": 1000.0}
DIRECTIONS = 2


@click.command()
@click.option("--pairs", default=10_000, show_default=True, help="Of a gallery.")
@click.option("--galleries", default=10, show_default=True)
@click.option("--dim", default=1024, show_default=True)
@click.option("--plain-pairs", default=1000, show_default=True, help="For the argsort ranker.")
def main(pairs: int, galleries: int, dim: int, plain_pairs: int) -> None:
    """Print seconds and ratios."""
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, Python "
        f"{platform.python_version()}, torch {torch.__version__}; {galleries} galleries of "
        f"{pairs:,} pairs, {dim:,} dimensions"
    )
    _evaluated(*made_up(100, dim, 1.0))()  # what is loaded at the first call
    for name, noise in NOISES.items():
        images, recipes = made_up(pairs, dim, noise)
        turns = taken_in_turn(
            {
                "one product": lambda i=images, r=recipes: i @ r.T,  # type: ignore[misc]
                "both directions": _evaluated(images, recipes),
                "with shuffled pairs": _with_shuffled(images, recipes),
            },
            galleries,
        )
        product = turns["one product"]
        for part, seconds in turns.items():
            ratios = [s / (DIRECTIONS * p) for s, p in zip(seconds, product, strict=True)]
            print(
                f"{name:<20}{part:<22}{sum(seconds):8.1f} s in all; of two products "
                f"{sum(seconds) / (DIRECTIONS * sum(product)):.2f} (galleries: median "
                f"{median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f})",
                flush=True,
            )
    images, recipes = made_up(plain_pairs, dim, NOISES["every match found"])
    turns = taken_in_turn(
        {"ours": _evaluated(images, recipes), "argsort": lambda: argsort_ranks(images, recipes)}, 5
    )
    ours, plain = (min(seconds) for seconds in turns.values())
    print(
        f"{plain_pairs:,} pairs: {ours:.3f} s, argsort per query {plain:.3f} s, "
        f"x {plain / ours:.1f}"
    )


def made_up(num_pairs: int, dim: int, noise: float) -> tuple[Tensor, Tensor]:
    """Unit rows of images, and of recipes that are their noisy copies."""
    generator = torch.Generator().manual_seed(0)
    images, noises = (
        normalize(torch.randn(num_pairs, dim, generator=generator), dim=1) for _ in range(2)
    )
    return images, normalize(images + noise * noises, dim=1)


def _evaluated(images: Tensor, recipes: Tensor) -> Callable[[], object]:
    ids = [f"{n:06d}" for n in range(len(images))]
    return lambda: evaluate_retrieval(
        ids, images, recipes, gallery_size=len(ids), num_repeats=1, seed=0
    )


def _with_shuffled(images: Tensor, recipes: Tensor) -> Callable[[], object]:
    ids = [f"{n:06d}" for n in range(len(images))]
    return lambda: model_and_shuffled(ids, images, recipes, [np.arange(len(ids))], 0)


def argsort_ranks(images: Tensor, recipes: Tensor) -> list[list[int]]:
    """Ranks as released code finds them: a sort for each query, both directions."""
    rows, others = images.numpy(), recipes.numpy()
    return [
        [np.argsort(-(gallery @ query)).tolist().index(i) for i, query in enumerate(queries)]
        for queries, gallery in ((rows, others), (others, rows))
    ]


def taken_in_turn(parts: dict[str, Callable[[], object]], num_turns: int) -> dict[str, list[float]]:
    """CPU seconds of each part in each turn."""
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(num_turns):
        for name, part in parts.items():
            started = time.process_time()
            part()
            seconds[name].append(time.process_time() - started)
    return seconds


if __name__ == "__main__":
    main()
