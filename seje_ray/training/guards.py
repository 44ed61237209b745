"""Guards of a training: numbers that are not finite, a model that collapses, a step that hangs.

Letters: N pairs, D dimensions.
"""

import faulthandler
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from seje_ray.artifact import write_json
from seje_ray.distributed.collectives import gather_objects
from seje_ray.errors import DivergedError
from seje_ray.training.pairs import PairBatch
from seje_ray.training.worker import Worker

DIVERGED_FILE = "diverged.json"  # in the run's folder

MODALITIES = ("image", "recipe")
# Independent features give 1/pi = 0.32 behind BatchNorm and LeakyReLU; trained models had 0.3 to
# 0.5, untrained ones up to 0.7 (0.92 after four steps of a tiny one), a constant one has 1. At 0.95
# the mean squared distance is 0.1 instead of 1.4: distances have shrunk to a quarter.
MAX_MEAN_COSINE = 0.95
# Of the most that N rows of D dimensions can have. Trained models had 12 to 90 % of it, recipes of
# one that a discriminator weight of 100 had spoilt (R@1 0.3 %, chance) 3 %.
MIN_EFFECTIVE_RANK_SHARE = 0.05
MIN_EFFECTIVE_RANK = 2.0  # below it everything lies along a line; half of all where that is less
MIN_SCORE_SHARE = 0.2  # of the best score so far: "from R@1 31 % to 1 %"


def require_finite(
    metrics: Mapping[str, float], batch: PairBatch, worker: Worker, *, epoch: int, step: int
) -> None:
    """Raise if a metric of a step is not finite; every worker raises together.

    Before that rank 0 writes ``diverged.json`` into the run's folder: epoch, step, all parts, and
    the recipe ids that each worker held.

    Args:
        metrics: Parts of the loss and gradient norms of the step, the same on every worker.
        batch: This worker's rows of the step.
        worker: This one.
        epoch: 1 for the first.
        step: Of the epoch, 1 for the first.

    Raises:
        DivergedError: Naming epoch, step, the parts that are not finite, and the file.
    """
    broken = [name for name, value in metrics.items() if not math.isfinite(value)]
    if not broken:
        return
    path, ids = worker.folder / DIVERGED_FILE, gather_objects(list(batch.ids))
    if worker.rank == 0:
        # JSON has no word for numbers that are not finite.
        parts = {name: v if math.isfinite(v) else str(v) for name, v in metrics.items()}
        write_json(path, {"epoch": epoch, "step": step, "parts": parts, "ids": ids})
    raise DivergedError(
        f"training diverged: {', '.join(broken)} not finite at epoch {epoch}, step {step}; the "
        f"recipes of this step are in {path}; lower train.learning_rate or loss.soft_margin.scale"
    )


def mean_cosine(rows: Tensor) -> float:
    """Mean cosine of two different rows, in [-1 / (N - 1), 1]; 1 of a constant model.

    Args:
        rows: Unit rows, shape (N, D), N >= 2.
    """
    rows = rows.double()
    num_rows = len(rows)
    if num_rows < 2:
        raise ValueError(f"expected at least 2 rows, got {num_rows}")
    together = rows.sum(dim=0).square().sum() - rows.square().sum()
    return float(together / (num_rows * (num_rows - 1)))


def effective_rank(rows: Tensor) -> float:
    """Exponential of the entropy of the singular values, in [1, min(N, D)]; 1 of a constant model.

    Args:
        rows: Shape (N, D), not all zero.

    Source: Roy and Vetterli 2007, the effective rank; RankMe (arXiv:2210.02885) uses it so.
    """
    rows = rows.double()
    small = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
    values = torch.linalg.eigvalsh(small).clamp(min=0).sqrt()
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(torch.exp(-(shares * shares.log()).sum()))


def discriminator_accuracy(
    image_scores: Tensor, recipe_scores: Tensor, *, has_threshold: bool
) -> float:
    """Share of images and recipes that a discriminator tells apart, in [0, 1]; 0.5 is chance.

    A classifier's logits have a threshold, 0: the share of rows on the right side of it, a logit
    of exactly 0 counts half. Wasserstein scores have none: the share of all (image,
    recipe) pairs in which the image scores higher, a tie counts half.

    Args:
        image_scores: Shape (N,), images are scored high.
        recipe_scores: Shape (N,).
        has_threshold: Whether scores are logits.
    """
    images, recipes = image_scores.double(), recipe_scores.double()
    if has_threshold:
        right = torch.cat([images, -recipes])
        return float(((right > 0).double() + (right == 0).double() / 2).mean())
    ordered = recipes.sort().values
    num_lower = torch.searchsorted(ordered, images, right=False)
    num_not_higher = torch.searchsorted(ordered, images, right=True)
    return float((num_lower + num_not_higher).double().mean() / 2 / len(recipes))


def spread(images: Tensor, recipes: Tensor) -> dict[str, float]:
    """Mean cosine and effective rank of both modalities' embeddings, under their metric keys."""
    pairs = tuple(zip(MODALITIES, (images, recipes), strict=True))
    return {f"mean_cosine/{name}": mean_cosine(rows) for name, rows in pairs} | {
        f"effective_rank/{name}": effective_rank(rows) for name, rows in pairs
    }


def signs_of_collapse(
    metrics: Mapping[str, float], *, num_pairs: int, embedding_dim: int, best_score: float
) -> list[str]:
    """Signs of collapse in an epoch's model, in words; empty if it is fine.

    Args:
        metrics: Of ``validate``, keys with ``val/``.
        num_pairs: N of the val embeddings.
        embedding_dim: D.
        best_score: Highest selection score of the epochs before; negative if there is none.
    """
    full = min(num_pairs, embedding_dim)
    least = max(min(MIN_EFFECTIVE_RANK, full / 2), MIN_EFFECTIVE_RANK_SHARE * full)
    signs = []
    for name in MODALITIES:
        cosine, rank = metrics[f"val/mean_cosine/{name}"], metrics[f"val/effective_rank/{name}"]
        if cosine > MAX_MEAN_COSINE:
            signs.append(f"{name} embeddings are nearly all the same, mean cosine {cosine:.3f}")
        elif rank < least:
            signs.append(f"{name} embeddings use {rank:.1f} of {full} possible directions")
    score = metrics["val/selection_score"]
    if score < MIN_SCORE_SHARE * best_score:
        signs.append(f"the val score fell to {score:.3f} from {best_score:.3f}")
    return signs


class Watchdog:
    """Watches for signs of life while it is entered; it reports and never ends anything.

    The stacks are written under Python's lock, since a thread that runs while another reads its
    stack can end the process. Only where something holds that lock for ever, so that no other
    thread runs, a thread of C writes them.

    Args:
        path: File to which each report appends the stacks of all threads.
        interval_s: Seconds without a sign of life before a report, and between reports.
        tell: Gets one line per report.
    """

    def __init__(self, path: Path, interval_s: float, tell: Callable[[str], None]) -> None:
        self._path, self._interval_s, self._tell = path, interval_s, tell
        self._last, self._where = time.monotonic(), "the start"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watchdog")

    def __enter__(self) -> Self:
        self._file = self._path.open("a", encoding="utf-8")
        self.beat("the start")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()
        self._file.close()
        if self._path.stat().st_size == 0:
            self._path.unlink()

    def beat(self, where: str) -> None:
        """Give a sign of life; ``where`` is named if it is the last one."""
        self._where = where
        self._last = time.monotonic()

    def _watch(self) -> None:
        told = self._last
        self._expect_a_turn()
        while not self._stop.wait(self._time_left(told)):
            self._expect_a_turn()
            if self._time_left(told) == 0:
                told = time.monotonic()
                self._report(told - self._last)

    def _expect_a_turn(self) -> None:
        """Have C write the stacks should this thread not run for twice the time that it sleeps."""
        faulthandler.dump_traceback_later(2 * self._interval_s, repeat=True, file=self._file)

    def _time_left(self, told: float) -> float:
        """Seconds to the next report, unless there is a sign of life before."""
        return max(0.0, max(self._last, told) + self._interval_s - time.monotonic())

    def _report(self, silence_s: float) -> None:
        lasted = f"{silence_s / 60:.0f} minutes" if silence_s >= 120 else f"{silence_s:.1f} seconds"
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        self._file.write(f"{now}: {lasted} since {self._where}\n")
        self._file.flush()
        faulthandler.dump_traceback(self._file)
        self._tell(f"no step has ended for {lasted}, since {self._where}; stacks: {self._path}")


@contextmanager
def watched(
    path: Path, minutes: float | None, tell: Callable[[str], None]
) -> Iterator[Callable[[str], None]]:
    """Within: a ``Watchdog``, whose ``beat`` is given; None as ``minutes`` turns it off."""
    if minutes is None:
        yield unwatched
        return
    with Watchdog(path, 60 * minutes, tell) as dog:
        yield dog.beat


def unwatched(where: str) -> None:
    """Ignore a sign of life."""
