"""A training in lanes: two workers, and two that go on where three stood, are as one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist

from seje_ray.calibration.lexical import Lexicon, TermReader
from seje_ray.features.inputs import Reads
from seje_ray.training.checkpoints import newest_checkpoint
from seje_ray.training.loaders import Loaders
from seje_ray.training.loop import Trainer
from seje_ray.training.pairs import PairLoader
from seje_ray.training.worker import LocalWorker
from tests.unit.training.gloo_worker import EndedError, GlooWorker
from tests.unit.training.tiny_data import (
    LEXICAL_DIM,
    NUM_TERMS,
    origin,
    tiny_run,
    write_shards,
)

NUM_STEPS, KILLED_AFTER = 9, 3  # of an epoch; checkpoints of the training that others end


def run_of():
    """Weights stay where they begin, so that every step's numbers can be compared."""
    run = tiny_run(
        num_epochs=2, checkpoint_steps=1, learning_rate=1e-30, dropout=0.3, lexical="learnt"
    )
    return replace(run, model=replace(run.model, term_dropout=0.4))


def write_all(folder):
    write_shards(folder, "train", [10, 3, 12, 9, 11, 8, 12, 9])
    write_shards(folder, "val", [7, 6, 8])


def trainer_of(folder, worker):
    """Of eight shards in four lanes, batches of eight."""

    def of(partition):
        return PairLoader(
            sorted(folder.glob(f"{partition}-*.parquet")),
            None,
            global_batch_size=8,
            rank=worker.rank,
            world_size=worker.world_size,
            seed=0,
            shuffle_window=4 if partition == "train" else 1,
            reads=Reads.of(run_of().model),
        )

    vectors = np.random.default_rng(0).normal(size=(NUM_TERMS, LEXICAL_DIM)).astype(np.float32)
    mean = vectors.mean(axis=0) / 9
    lexicon = Lexicon(TermReader(), [], np.ones(NUM_TERMS), vectors, mean, 0.5)
    loaders = Loaders(of("train"), of("val"), lexicon)
    assert loaders.train.order_kind == loaders.val.order_kind == "lanes"
    assert loaders.train.num_steps == NUM_STEPS
    return Trainer(run_of(), origin(), loaders, worker)


def on_worker(member, shards, folder, num_checkpoints):
    """Train to the end, or until so many checkpoints are written."""
    worker = GlooWorker(Path(folder), num_checkpoints)
    trainer = trainer_of(Path(shards), worker)
    dist.barrier()
    try:
        trainer.fit()
    except EndedError:
        return {"newest": newest_checkpoint(Path(folder)).name}
    return {"history": trainer.state.progress.history}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The shards, and what one worker finds: its history."""
    folder = tmp_path_factory.mktemp("alone")
    write_all(folder)
    (folder / "run").mkdir()
    trainer = trainer_of(folder, LocalWorker(folder / "run"))
    trainer.fit()
    assert trainer.state.progress.order == "lanes"
    return folder, trainer.state.progress.history


def assert_as_alone(found, history):
    """Losses, norms of gradients and val numbers of each epoch, on every worker."""
    for worker in found:
        for own, expected in zip(worker["history"], history, strict=True):
            assert own == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_two_workers_are_as_one(on_workers, alone, tmp_path):
    shards, history = alone
    found = on_workers(on_worker, 2, str(shards), str(tmp_path), None)
    assert_as_alone(found, history)


def test_two_workers_go_on_where_three_stood(on_workers, alone, tmp_path):
    """Inside the first epoch."""
    shards, history = alone
    begun = on_workers(on_worker, 3, str(shards), str(tmp_path), KILLED_AFTER)
    assert {worker["newest"] for worker in begun} == {"checkpoint-00000-00000003"}

    found = on_workers(on_worker, 2, str(shards), str(tmp_path), None)
    assert_as_alone(found, history)
