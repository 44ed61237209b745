"""Networks of the calibrator on three workers: run as a script, this file is one of them."""

import sys
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.fit_worker import OneFitWorker, own_rows
from seje_ray.calibration.sentence_encoder.skip_instructions import fit_skip_instructions

NUM_WORKERS = 3


class GlooFitWorker:
    """Several processes on this machine."""

    def __init__(self):
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.device = torch.device("cpu")

    def wrap(self, module: nn.Module) -> nn.Module:
        return DistributedDataParallel(module)

    def sum(self, value):
        total = value.clone()
        dist.all_reduce(total)
        return total


def sentence_encoder(worker):
    """Eleven recipes; batches of four pairs, the last one smaller than the number of workers."""
    words = ["boil", "rice", "then", "serve", "it", "hot", "with", "plums"]
    recipes = [
        RecipeText(str(n), "", (), tuple(" ".join(words[n % 5 : n % 5 + k]) for k in (2, 4)), None)
        for n in range(11)
    ]
    model = fit_skip_instructions(
        recipes,
        dim=6,
        vocabulary_size=20,
        epochs=2,
        batch_size=4,
        learning_rate=0.01,
        seed=1,
        worker=worker,
    )
    losses = torch.tensor([epoch["loss"] for epoch in model.history], dtype=torch.float64)
    return {**model.state_dict(), "losses": losses}


def test_three_workers_fit_the_sentence_encoder_that_one_fits(on_workers):
    """33 pairs in batches of 4: the last batch of an epoch holds one, two workers have no row."""
    expected = sentence_encoder(OneFitWorker())

    for saved in on_workers(__file__, NUM_WORKERS):
        assert saved.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(saved[name], value, atol=2e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize("num_rows", [1, 2, 3, 10])
def test_every_row_is_computed_by_one_worker(num_rows):
    workers = [OneFitWorker() for _ in range(NUM_WORKERS)]
    covered = []
    for rank, worker in enumerate(workers):
        worker.rank, worker.world_size = rank, NUM_WORKERS
        rows, is_own = own_rows(num_rows, worker)
        assert len(range(num_rows)[rows]) >= 1
        covered += list(range(num_rows)[rows]) if is_own else []

    assert covered == list(range(num_rows))


if __name__ == "__main__":
    rank, world_size, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    dist.init_process_group(
        "gloo", f"file://{folder}/sync", timedelta(seconds=60), world_size, rank
    )
    torch.save(sentence_encoder(GlooFitWorker()), f"{folder}/{rank}.pt")
    dist.destroy_process_group()
