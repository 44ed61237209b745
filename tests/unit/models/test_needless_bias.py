"""Biases that a BatchNorm takes away: none is trained, and older states are folded."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from seje_ray.calibration.image_categorizer import ImageCategorizer
from seje_ray.features.model import FeatureDims, build_discriminator, build_model
from seje_ray.losses.discriminator_alignment import wgan_discriminator_loss
from seje_ray.models.image_backbone import create_backbone
from seje_ray.models.needless_bias import (
    BiasAndNorm,
    biases_before_batch_norm,
    fold_biases,
)
from seje_ray.models.recipe_encoder import RecipeInputs
from tests.unit.training.tiny_data import origin, tiny_run

DIMS = FeatureDims.of(origin().facts)
SMALL_NETWORKS = (
    "torchvision/vgg11_bn",
    "torchvision/shufflenet_v2_x0_5",
    "torchvision/mobilenet_v3_small",
    "timm/test_resnet",
    "timm/test_efficientnet",
    "timm/test_vit",
    "timm/test_convnext",
    "timm/resnest14d",
)


class Shapes(nn.Module):
    """Layers with a bias before a BatchNorm in every way that matters, and in some that do not."""

    def __init__(self):
        super().__init__()
        self.alone, self.alone_norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        self.shared, self.shared_norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.bent, self.bent_norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.plain, self.plain_norm = nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4)
        self.flat, self.flat_norm = nn.Linear(4, 5), nn.BatchNorm1d(5)

    def forward(self, images):
        rows = self.alone_norm(self.alone(images)).relu()
        shared = self.shared(rows)
        rows = self.shared_norm(shared).relu() + shared
        rows = self.bent_norm(self.bent(rows).relu_()).relu()
        rows = self.plain_norm(self.plain(rows)).relu()
        rows = self.flat(rows.flatten(2).transpose(1, 2))
        return self.flat_norm(rows.flatten(0, 1))


def rounding_alone(module, loss_of, scale=1e-9):
    """Names of the parameters whose gradient is nothing but rounding, in float64."""
    module = module.double().train()
    loss_of(module).backward()
    grads = {n: p.grad.abs().max() for n, p in module.named_parameters() if p.grad is not None}
    largest = max(grads.values())
    return {name for name, grad in grads.items() if grad < scale * largest}


def spread(rows):
    """A loss without symmetry, of every output."""
    weights = torch.randn(rows.shape, generator=torch.Generator().manual_seed(3)).to(rows)
    return (rows * weights).sum() + (rows * weights).square().sum()


def test_only_what_a_batch_norm_takes_whole_is_found():
    """By its own graph; a bias that another layer sees, or that is bent before, stays."""
    found = biases_before_batch_norm(Shapes(), torch.empty(2, 3, 4, 4, device="meta"))

    assert set(found) == {BiasAndNorm("alone", "alone_norm"), BiasAndNorm("flat", "flat_norm")}


def test_the_gradient_names_the_same():
    """The twin: in float64 those gradients alone vanish."""
    torch.manual_seed(0)
    images = torch.randn(3, 3, 4, 4).double()

    assert rounding_alone(Shapes(), lambda m: spread(m(images))) == {"alone.bias", "flat.bias"}


def test_folding_changes_no_evaluation():
    """With running statistics that are not those of a new layer."""
    torch.manual_seed(0)
    module, images = Shapes().double(), torch.randn(5, 3, 4, 4).double()
    module(images)
    expected = copy.deepcopy(module).eval()(images)
    state = copy.deepcopy(module.state_dict())
    example = torch.empty(2, 3, 4, 4, device="meta", dtype=torch.float64)
    pairs = biases_before_batch_norm(module, example)

    fold_biases(module, pairs)
    other = Shapes().double()
    fold_biases(other, pairs)
    other.load_state_dict(state)

    assert module.alone.bias is None
    for found in (module, other):
        torch.testing.assert_close(found.eval()(images), expected)


class Twice(nn.Module):
    """One layer that is called twice; ``second`` says where its second output goes."""

    def __init__(self, second):
        super().__init__()
        self.second = second
        self.layer = nn.Linear(3, 4)
        self.norm, self.other_norm = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
        self.other_layer = nn.Linear(3, 4)

    def forward(self, rows):
        first, again = self.norm(self.layer(rows)), self.layer(2 * rows)
        if self.second == "other norm":
            return first + self.other_norm(again).relu()
        if self.second == "same norm":
            return first + self.norm(again).relu()
        if self.second == "no norm":
            return first + again.relu()
        return self.other_norm(again) + first + self.norm(self.other_layer(rows)).relu()


@pytest.mark.parametrize(
    ("second", "norms"),
    [
        ("other norm", {"norm", "other_norm"}),
        ("same norm", {"norm"}),
        ("no norm", set()),
        ("norm of two layers", set()),
    ],
)
def test_a_layer_called_twice_is_folded_into_all_its_norms_or_not_at_all(second, norms):
    """Both ways of folding, in place and of a state; each norm is shifted once."""
    torch.manual_seed(0)
    module, rows = Twice(second).double(), torch.randn(6, 3).double()
    module(rows)
    expected = copy.deepcopy(module).eval()(rows)
    state = copy.deepcopy(module.state_dict())
    example = torch.empty(2, 3, device="meta", dtype=torch.float64)
    pairs = biases_before_batch_norm(module, example)

    fold_biases(module, pairs)
    other = Twice(second).double()
    fold_biases(other, pairs)
    other.load_state_dict(state)

    assert sorted(pairs) == sorted(BiasAndNorm("layer", norm) for norm in norms)
    assert (module.layer.bias is None) == bool(norms)
    for found in (module, other):
        torch.testing.assert_close(found.eval()(rows), expected)


@pytest.mark.parametrize("name", SMALL_NETWORKS)
def test_no_network_of_a_library_trains_a_bias_before_a_batch_norm(name):
    """In the joint model and in the categorizer alike: both build it in one place."""
    torch.manual_seed(0)
    backbone = create_backbone(name, weights=None, image_size=64)
    categorizer = ImageCategorizer(backbone, ["background", "soup", "cake"])
    example = torch.empty(2, 3, 64, 64, device="meta")

    assert biases_before_batch_norm(categorizer, example) == []


def recipe_inputs(encoder, num_rows):
    """What a recipe encoder of ``tiny_data`` takes; some recipes have no lines of a part."""
    generator = torch.Generator().manual_seed(5)

    def drawn(*shape):
        return torch.randn(*shape, generator=generator).double()

    counts = torch.arange(num_rows) % 3
    if encoder == "lstm":
        sentences = drawn(num_rows, 2, DIMS.sentence_dim), counts
        return RecipeInputs(sentences, drawn(num_rows, DIMS.word_dim))
    return RecipeInputs(
        tuple(
            value
            for lines in (1, 2, 2)
            for value in (drawn(num_rows, lines, DIMS.text_dim), counts.clamp(max=lines))
        )
    )


def model_inputs(encoder, num_rows=9):
    generator = torch.Generator().manual_seed(4)
    features, f_cat = (
        torch.randn(num_rows, dim, generator=generator).double()
        for dim in (DIMS.feature_dim, DIMS.word_dim)
    )
    return features, f_cat, recipe_inputs(encoder, num_rows)


@pytest.mark.parametrize("kind", ["soft_margin", "info_nce", "sigmoid"])
@pytest.mark.parametrize("encoder", ["lstm", "transformer"])
def test_every_parameter_of_a_model_has_a_gradient_of_its_own(encoder, kind):
    """All that ``build_model`` builds on stored features, whatever takes a gradient away."""
    run = tiny_run(recipe_encoder=encoder)
    model = build_model(replace(run, loss=replace(run.loss, kind=kind)), DIMS)

    def loss_of(module):
        output = module(*model_inputs(encoder))
        return sum(spread(part) for part in output if part is not None)

    assert rounding_alone(model, loss_of) == set()


def test_only_the_last_bias_of_a_critic_is_without_one():
    """It shifts both means of the WGAN alike, and its gradient is exactly 0, so it never moves."""
    torch.manual_seed(0)
    critic = build_discriminator(tiny_run())
    images, recipes = torch.randn(2, 9, tiny_run().model.embedding_dim).double()
    mix = torch.rand(9, 1).double()

    def loss_of(module):
        return wgan_discriminator_loss(module, images, recipes, mix=mix, penalty_weight=10.0)

    assert rounding_alone(critic, loss_of) == {"layers.4.bias"}
    assert torch.equal(critic.layers[4].bias.grad, torch.zeros(1).double())


@pytest.mark.parametrize("encoder", ["lstm", "transformer"])
def test_a_state_made_with_the_biases_evaluates_to_the_same(encoder):
    """The old modules are these with a bias more: of the last linear layers, and of each part."""
    torch.manual_seed(0)
    run = tiny_run(recipe_encoder=encoder)
    old, new = build_model(run, DIMS), build_model(run, DIMS)
    for projection in (old.image_head.projection, old.recipe_encoder.projection):
        projection.linear.bias = nn.Parameter(torch.randn(projection.linear.out_features))
    if encoder == "transformer":
        for part in ("title", "ingredients", "steps"):
            norm = old.recipe_encoder.tower.get_submodule(part).norm
            norm.bias = nn.Parameter(torch.randn(norm.weight.shape))
    old.double().train()(*model_inputs(encoder))

    new.double().load_state_dict(old.state_dict())

    with torch.no_grad():
        expected, found = old.eval()(*model_inputs(encoder)), new.eval()(*model_inputs(encoder))
    for wanted, value in zip(expected[:4], found[:4], strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-12, atol=1e-12)
