"""Checkpoints of versions before: biases that a BatchNorm took away, streams, orders of pairs."""

import json

import pytest
import torch
from torch import nn

from seje_ray.distributed.dropout import PaddedDropout
from seje_ray.features.model import FeatureDims, build_discriminator, build_model
from seje_ray.training.loaders import Loaders
from seje_ray.training.loop import Trainer
from seje_ray.training.optimisation import discriminator_optimizer, model_optimizer
from seje_ray.training.pairs import PairLoader
from seje_ray.training.state import Progress, TrainingState
from seje_ray.training.worker import LocalWorker
from tests.unit.training.tiny_data import origin, tiny_run, write_shards

DIMS = FeatureDims.of(origin().facts)


def state_of(run, *, is_old=False):
    """A training's state; an old one has the biases as that version's modules had them."""
    model = build_model(run, DIMS)
    if is_old:
        for projection in (model.image_head.projection, model.recipe_encoder.projection):
            projection.linear.bias = nn.Parameter(torch.randn(projection.linear.out_features))
        if run.model.recipe_encoder == "transformer":
            encoder = model.recipe_encoder.tower
            for part in (encoder.title, encoder.ingredients, encoder.steps):
                part.norm.bias = nn.Parameter(torch.randn(part.norm.weight.shape))
    discriminator = build_discriminator(run)
    return TrainingState(
        model,
        discriminator,
        model_optimizer(model, run),
        discriminator_optimizer(discriminator, run.loss),
        Progress(),
    )


def give_gradients(state):
    for number, parameter in enumerate(state.model.parameters()):
        parameter.grad = torch.full_like(parameter, float(number + 1))


@pytest.mark.parametrize("encoder", ["lstm", "transformer"])
def test_moments_stay_with_their_parameters(tmp_path, encoder):
    """Each parameter's are told apart by its own gradient; those of a bias that is gone go."""
    run = tiny_run(recipe_encoder=encoder)
    old, new = state_of(run, is_old=True), state_of(run)
    give_gradients(old)
    old.optimizer.step()
    old.save(tmp_path, run, origin())

    new.load(tmp_path, torch.device("cpu"))

    olds = dict(old.model.named_parameters())
    names = dict(new.model.named_parameters())
    assert len(olds) == len(names) + (2 if encoder == "lstm" else 5)
    for name, parameter in names.items():
        assert torch.equal(parameter, olds[name])
        found, expected = new.optimizer.state[parameter], old.optimizer.state[olds[name]]
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert torch.equal(found[key], value), (name, key)


def test_a_training_goes_on_from_it(tmp_path):
    """One more step with the same gradients takes each parameter where the old model went."""
    run = tiny_run()
    old, new = state_of(run, is_old=True), state_of(run)
    give_gradients(old)
    old.optimizer.step()
    old.save(tmp_path, run, origin())
    new.load(tmp_path, torch.device("cpu"))

    for name, parameter in new.model.named_parameters():
        parameter.grad = dict(old.model.named_parameters())[name].grad.clone()
    for state in (old, new):
        state.optimizer.step()

    for name, parameter in new.model.named_parameters():
        torch.testing.assert_close(parameter, dict(old.model.named_parameters())[name])


def test_a_checkpoint_of_this_version_is_loaded_as_it_is(tmp_path):
    """Nothing is folded a second time."""
    run = tiny_run()
    first, second = state_of(run), state_of(run)
    give_gradients(first)
    first.optimizer.step()
    first.save(tmp_path, run, origin())

    second.load(tmp_path, torch.device("cpu"))

    for name, value in first.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value)
    assert (
        second.optimizer.state_dict()["param_groups"]
        == (first.optimizer.state_dict()["param_groups"])
    )


@pytest.mark.parametrize(
    ("p", "step", "is_told"), [(0.0, 2, False), (0.3, 2, True), (0.3, 0, False)]
)
def test_terms_that_an_older_version_left_out_are_told_of(tmp_path, p, step, is_told):
    """They alone are drawn by other streams since, and only inside an epoch it matters."""
    run = tiny_run()
    state = state_of(run)
    state.model.terms = PaddedDropout(p)
    state.progress.step = step
    state.save(tmp_path, run, origin())
    change_progress(tmp_path, lambda known: known.update(streams=1))

    warning = state.load(tmp_path, torch.device("cpu"))

    assert (warning is not None and "drawn anew" in warning) == is_told


def change_progress(checkpoint, change):
    path = checkpoint / "progress.json"
    known = json.loads(path.read_text())
    change(known)
    path.write_text(json.dumps(known))


class KilledError(Exception):
    """What ends the training of the older version."""


class DyingWorker(LocalWorker):
    """Dies at the step after its first checkpoint."""

    def progress(self, done, total, text):
        if self.resume_dir() is not None:
            raise KilledError


def in_windows(loaders):
    """As a version before lanes: of any number of shards."""
    loaders.train.order_kind = "windows"
    return loaders


def many_shards(folder):
    def of(partition, window):
        return PairLoader(
            sorted(folder.glob(f"{partition}-*.parquet")),
            None,
            global_batch_size=8,
            rank=0,
            world_size=1,
            seed=0,
            shuffle_window=window,
        )

    return Loaders(of("train", 2), of("val", 2))


def test_an_epoch_that_was_begun_in_windows_ends_in_windows(tmp_path):
    """Bitwise as the older version would have ended it; the next epoch comes in lanes."""
    write_shards(tmp_path, "train", [9, 7, 8, 9])
    write_shards(tmp_path, "val", [6])
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    older = Trainer(
        tiny_run(num_epochs=1), origin(), in_windows(many_shards(tmp_path)), LocalWorker(whole)
    )
    older.fit()
    run = tiny_run(num_epochs=1, checkpoint_steps=2)
    with pytest.raises(KilledError):
        Trainer(run, origin(), in_windows(many_shards(tmp_path)), DyingWorker(parts)).fit()
    change_progress(parts / "checkpoint-00000-00000002", lambda known: known.pop("order"))

    loaders, worker = many_shards(tmp_path), LocalWorker(parts)
    resumed = Trainer(run, origin(), loaders, worker)
    resumed.fit()

    assert worker.warnings == []
    assert (resumed.state.progress.order, loaders.train.order_kind) == ("windows", "lanes")
    assert resumed.state.progress.history == older.state.progress.history
    for name, value in older.state.model.state_dict().items():
        assert torch.equal(value, resumed.state.model.state_dict()[name]), name
    further = Trainer(tiny_run(num_epochs=2), origin(), loaders, worker)
    further.fit()
    assert further.state.progress.order == "lanes"
