"""Three workers of which one diverges."""

import json
import math
from pathlib import Path

import pytest
import torch

from seje_ray.errors import DivergedError
from seje_ray.features.inputs import RecipeFeatures
from seje_ray.training.guards import require_finite
from seje_ray.training.pairs import PairBatch
from seje_ray.training.worker import LocalWorker

SIZES = (3, 1, 2)
METRICS = {"loss": math.nan, "retrieval": 0.5, "discriminator_loss": -math.inf}


def batch_of(rank, sizes):
    start, none = sum(sizes[:rank]), torch.empty(0)
    ids = tuple("abcdef")[start : start + sizes[rank]]
    return PairBatch(ids, none, none, RecipeFeatures(), none, sizes)


def on_worker(member):
    worker = LocalWorker(member.folder)
    worker.rank, worker.world_size = member.rank, member.world_size
    try:
        require_finite(METRICS, batch_of(member.rank, SIZES), worker, epoch=2, step=5)
    except DivergedError as error:
        return {"error": str(error)}


@pytest.fixture(scope="module")
def saved(on_workers):
    return on_workers(on_worker, len(SIZES))


def test_all_workers_stop_and_the_file_holds_the_rows_of_each(saved):
    """Place, parts and ids of all three, in the file that the error of each names."""
    for worker in saved:
        start = "training diverged: loss, discriminator_loss not finite at epoch 2, step 5; the "
        assert worker["error"].startswith(start)
    path = saved[0]["error"].partition(" are in ")[2].partition(";")[0]
    assert json.loads(Path(path).read_text()) == {
        "epoch": 2,
        "step": 5,
        "parts": {"loss": "nan", "retrieval": 0.5, "discriminator_loss": "-inf"},
        "ids": [["a", "b", "c"], ["d"], ["e", "f"]],
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_any_part_that_is_not_finite_raises(tmp_path, value):
    """One worker alone; the learning rate is the advice."""
    worker, batch = LocalWorker(tmp_path), batch_of(0, (6,))

    require_finite({"loss": 3.0, "retrieval": 1.0}, batch, worker, epoch=1, step=9)
    assert not list(tmp_path.iterdir())
    message = r"diverged: retrieval not .* epoch 1, step 9; .*diverged.json; lower train.learning"
    with pytest.raises(DivergedError, match=message):
        require_finite({"loss": 3.0, "retrieval": value}, batch, worker, epoch=1, step=9)
    assert json.loads((tmp_path / "diverged.json").read_text())["ids"] == [list("abcdef")]
