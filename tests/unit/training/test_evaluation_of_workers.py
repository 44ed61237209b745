"""What a model says in evaluation after a training by W workers."""

import pytest
import torch
import torch.distributed as dist

from seje_ray.features.inputs import Reads
from seje_ray.training.guards import unwatched
from seje_ray.training.loaders import Loaders
from seje_ray.training.loop import Trainer
from seje_ray.training.pairs import PairLoader
from seje_ray.training.validation import embed_val
from seje_ray.training.worker import LocalWorker
from tests.unit.training.gloo_worker import GlooWorker
from tests.unit.training.tiny_data import origin, tiny_run, write_shards

ENCODERS, DROPOUTS = ("lstm", "transformer"), (0.0, 0.5)
# With fewer pairs a unit may see terms of one sign alone, and BatchNorm takes its bias away.
BATCH_SIZE = 25  # of two steps an epoch: 2 workers hold 13 and 12 pairs, 3 hold 9, 8, 8
NUM_EPOCHS = 4


def trained_and_asked(folder, worker):
    """Val embeddings of each kind of run, and the history, after its last step."""
    result = {}
    for encoder in ENCODERS:
        for dropout in DROPOUTS:
            run = tiny_run(
                recipe_encoder=encoder,
                dropout=dropout,
                num_epochs=NUM_EPOCHS,
                global_batch_size=BATCH_SIZE,
                learning_rate=1e-3,
            )

            def loader(partition, *, run=run):
                return PairLoader(
                    sorted(folder.glob(f"{partition}-*.parquet")),
                    None,
                    global_batch_size=run.train.global_batch_size,
                    rank=worker.rank,
                    world_size=worker.world_size,
                    seed=0,
                    reads=Reads.of(run.model),
                )

            worker.folder = folder / f"{encoder}-{dropout}-{worker.world_size}"
            worker.folder.mkdir(exist_ok=True)
            loaders = Loaders(loader("train"), loader("val"))
            trainer = Trainer(run, origin(), loaders, worker)
            trainer.fit()
            found = embed_val(trainer.state.model, loaders.val, run, worker, unwatched)
            result[f"{encoder} {dropout}"] = torch.cat([found.images, found.recipes])
    return result


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    write_data(folder)
    return trained_and_asked(folder, LocalWorker(folder))


def on_worker(member):
    if member.rank == 0:
        write_data(member.folder)
    dist.barrier()
    return trained_and_asked(member.folder, GlooWorker(member.folder))


def write_data(folder):
    write_shards(folder, "train", [56])
    write_shards(folder, "val", [15])


@pytest.mark.parametrize("num_workers", [2, 3])
def test_evaluation_does_not_hang_on_the_number_of_workers(on_workers, alone, num_workers):
    """To rounding, on every worker; a bias that only rounding moves shows as 1e-2 here."""
    for found in on_workers(on_worker, num_workers):
        assert found.keys() == alone.keys()
        for name, rows in found.items():
            torch.testing.assert_close(rows, alone[name], rtol=0, atol=1e-4)
