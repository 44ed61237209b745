"""The whole loop on three workers.

With three, the order of a sum shows: (a + b) + c is not a + (b + c) in float32.
"""

import pytest
import torch
import torch.distributed as dist

from seje_ray.training.checkpoints import newest_checkpoint
from seje_ray.training.loaders import Loaders
from seje_ray.training.loop import Trainer
from seje_ray.training.pairs import PairLoader
from tests.unit.training.gloo_worker import EndedError, GlooWorker
from tests.unit.training.tiny_data import origin, tiny_run, write_shards

NUM_WORKERS, NUM_EPOCHS, KILLED_AFTER = 3, 2, 11  # checkpoints: eight steps an epoch


def loaders_of(folder, rank):
    def of(partition):
        return PairLoader(
            sorted(folder.glob(f"{partition}-*.parquet")),
            None,
            global_batch_size=8,
            rank=rank,
            world_size=NUM_WORKERS,
            seed=0,
        )

    return Loaders(of("train"), of("val"))


def on_worker(member):
    folder = member.folder
    if member.rank == 0:
        write_shards(folder, "train", [30, 34])
        write_shards(folder, "val", [20])
    dist.barrier()
    loaders, result = loaders_of(folder, member.rank), {}
    run = tiny_run(num_epochs=NUM_EPOCHS, checkpoint_steps=1, ema_decay=0.8)

    def fit(name, num_checkpoints=None):
        (folder / name).mkdir(exist_ok=True)
        trainer = Trainer(run, origin(), loaders, GlooWorker(folder / name, num_checkpoints))
        trainer.fit()
        return trainer

    whole = fit("whole")
    try:
        fit("parts", KILLED_AFTER)
    except EndedError:
        result["resumed_from"] = newest_checkpoint(folder / "parts").name
    parts = fit("parts")
    for name, trainer in (("whole", whole), ("parts", parts)):
        result[f"{name} history"] = trainer.state.progress.history
        for kind in ("model", "discriminator", "average"):
            for key, value in getattr(trainer.state, kind).state_dict().items():
                result[f"{name} {kind} {key}"] = value
    return result


@pytest.fixture(scope="module")
def saved(on_workers):
    return on_workers(on_worker, NUM_WORKERS)


def test_going_on_inside_an_epoch_equals_never_having_stopped_bitwise(saved):
    """History, weights and running statistics, on every worker."""
    first = saved[0]
    assert first["resumed_from"] == "checkpoint-00001-00000003"
    names = [key.removeprefix("whole ") for key in first if key.startswith("whole ")]
    learnt = "image_head.projection.linear.weight"
    assert not torch.equal(first[f"whole model {learnt}"], first[f"whole average {learnt}"])
    for worker in saved:
        for name in names:
            whole, parts = worker[f"whole {name}"], worker[f"parts {name}"]
            if name == "history":
                assert whole == parts == first["whole history"]
            else:
                assert torch.equal(whole, parts), name
                assert torch.equal(whole, first[f"whole {name}"]), name
