"""Checkpoints of a version whose layers had biases that a BatchNorm took away."""

import pytest
import torch
from torch import nn

from seje_ray.features.model import FeatureDims, build_discriminator, build_model
from seje_ray.training.optimisation import discriminator_optimizer, model_optimizer
from seje_ray.training.state import Progress, TrainingState
from tests.unit.training.tiny_data import origin, tiny_run

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
