"""The loop in one process: it learns, resumes bitwise, stops early and refuses to diverge."""

from dataclasses import replace
from typing import get_args

import pytest
import torch

from seje_ray.config import LossConfig
from seje_ray.config.loss import LossKind
from seje_ray.errors import ResourceError
from seje_ray.training.loop import Loaders, Trainer, cosine
from seje_ray.training.pairs import PairLoader
from seje_ray.training.state import Progress
from seje_ray.training.step import DivergedError
from seje_ray.training.worker import LocalWorker
from tests.unit.training.tiny_data import origin, tiny_run, write_shards


@pytest.fixture(scope="module")
def loaders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")

    def of(partition, sizes):
        return PairLoader(
            write_shards(folder, partition, sizes),
            None,
            global_batch_size=8,
            rank=0,
            world_size=1,
            seed=0,
        )

    return Loaders(of("train", [30, 34]), of("val", [20]))


def trained(loaders, folder, loss=None, **settings):
    folder.mkdir(exist_ok=True)
    worker = LocalWorker(folder)
    run = replace(tiny_run(**settings), loss=loss or LossConfig())
    trainer = Trainer(run, origin(), loaders, worker)
    trainer.fit()
    return trainer, worker


def test_training_learns_what_can_be_learned(loaders, tmp_path):
    """Text and photo share a meaning: val MedR falls well below chance (10.5 of 20)."""
    _, worker = trained(loaders, tmp_path / "a", num_epochs=25)
    first, last = worker.reports[0], worker.reports[-1]
    assert last["train/loss"] < first["train/loss"]
    assert last["val/median_rank/image_to_recipe"] < 6
    assert last["val/median_rank/recipe_to_image"] < 6


def test_a_resumed_training_equals_an_uninterrupted_one_bitwise(loaders, tmp_path):
    """Weights, discriminator, optimisers, history and patience."""
    whole, _ = trained(loaders, tmp_path / "whole", num_epochs=5)
    trained(loaders, tmp_path / "parts", num_epochs=2)
    parts, worker = trained(loaders, tmp_path / "parts", num_epochs=5)

    assert [report["epoch"] for report in worker.reports] == [3, 4, 5]
    assert parts.state.progress == whole.state.progress
    for name in ("model", "discriminator", "optimizer", "discriminator_optimizer"):
        first = getattr(whole.state, name).state_dict()
        second = getattr(parts.state, name).state_dict()
        assert_equal_states(first, second)


@pytest.mark.parametrize("kind", ["info_nce", "sigmoid", "pairwise_cosine"])
def test_what_a_loss_learns_and_draws_is_resumed_too(loaders, tmp_path, kind):
    """Scale, bias and their moments are in the checkpoint; a step draws what it would have."""
    loss = LossConfig(kind=kind, mining_pool=3)
    whole, _ = trained(loaders, tmp_path / "whole", loss, num_epochs=2, weight_decay=0.1)
    trained(loaders, tmp_path / "parts", loss, num_epochs=1, weight_decay=0.1)
    parts, _ = trained(loaders, tmp_path / "parts", loss, num_epochs=2, weight_decay=0.1)

    assert parts.state.progress == whole.state.progress
    for name in ("model", "optimizer"):
        first, second = (getattr(t.state, name).state_dict() for t in (whole, parts))
        assert_equal_states(first, second)


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_every_kind_learns_what_can_be_learned(loaders, tmp_path, kind):
    """Val MedR falls well below chance (10.5 of 20), with pools of four of eight pairs."""
    _, worker = trained(
        loaders, tmp_path / "a", LossConfig(kind=kind, mining_pool=4), num_epochs=25
    )

    assert worker.reports[-1]["val/median_rank/image_to_recipe"] < 6
    assert worker.reports[-1]["val/median_rank/recipe_to_image"] < 6


def test_weights_of_the_network_decay_and_a_temperature_does_not(loaders, tmp_path):
    """A step without gradients shrinks by learning rate times decay, 0.1 * 0.5."""
    run = replace(tiny_run(learning_rate=0.1, weight_decay=0.5), loss=LossConfig(kind="sigmoid"))
    state = Trainer(run, origin(), loaders, LocalWorker(tmp_path)).state
    for parameter in state.model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = {name: value.clone() for name, value in state.model.state_dict().items()}

    state.optimizer.step()

    for name, parameter in state.model.named_parameters():
        kept = 1.0 if name.startswith("logit_scale.") else 0.95
        torch.testing.assert_close(parameter.detach(), kept * before[name])
    assert [len(group["params"]) for group in state.optimizer.param_groups[1:]] == [2]


def assert_equal_states(first, second):
    assert type(first) is type(second)
    if isinstance(first, torch.Tensor):
        assert first.equal(second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal_states(first[key], second[key])
    elif isinstance(first, list):
        for one, other in zip(first, second, strict=True):
            assert_equal_states(one, other)
    else:
        assert first == second


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(loaders, tmp_path):
    """Determinism of the whole loop."""
    first, _ = trained(loaders, tmp_path / "a")
    again, _ = trained(loaders, tmp_path / "b")
    assert first.state.progress.history == again.state.progress.history


def test_a_loss_that_is_not_finite_raises_with_its_place(loaders, tmp_path):
    """An absurd learning rate cannot go on unnoticed."""
    with pytest.raises(DivergedError, match=r"epoch \d+, step \d+ \(recipes train"):
        trained(loaders, tmp_path / "a", learning_rate=1e30, num_epochs=9)


def test_a_batch_that_workers_cannot_share_is_refused(loaders, tmp_path):
    """More workers than pairs would leave some without work."""
    worker = LocalWorker(tmp_path)
    worker.world_size = 9
    with pytest.raises(ResourceError, match="8 pairs cannot be shared by 9 workers"):
        Trainer(tiny_run(), origin(), loaders, worker)


def test_learning_rates_warm_up_and_fall_as_a_cosine(loaders, tmp_path):
    """By hand: 8 steps an epoch, 2 epochs, 4 steps of warm-up."""
    trainer = Trainer(
        tiny_run(schedule="cosine", num_epochs=2, warmup_steps=4, learning_rate=0.1),
        origin(),
        loaders,
        LocalWorker(tmp_path),
    )
    rates = []
    for step in (0, 3, 8, 16):
        trainer._set_learning_rates(step)
        rates.append(trainer.state.optimizer.param_groups[-1]["lr"])
    # warm-up 1/4, then 1; cosine(3/16), cosine(1/2) = 1/2, cosine(1) = 0.
    assert rates == pytest.approx([0.1 * 0.25, 0.1 * cosine(3 / 16), 0.05, 0.0])


def test_the_rate_drops_once_and_then_training_stops():
    """Patience 2, then 3 more, by hand."""
    progress = Progress()
    dropped = [
        progress.note(score, drop_patience=2, stop_patience=3)
        for score in (1.0, 0.9, 0.9, 0.5, 1.1, 1.0, 1.0)
    ]
    assert dropped == [False, False, True, False, False, False, False]
    assert (progress.best_epoch, progress.best_score) == (5, 1.1)
    assert not progress.stopped_early
    progress.note(1.1, drop_patience=2, stop_patience=3)  # an equal score is no gain
    assert progress.stopped_early
    assert progress.num_epochs == 8


def test_without_a_drop_training_stops_by_the_second_patience_alone():
    """As under a cosine schedule."""
    progress = Progress()
    for score in (1.0, 0.5, 0.5):
        assert not progress.note(score, drop_patience=None, stop_patience=2)
    assert progress.stopped_early
    assert not progress.lr_dropped
