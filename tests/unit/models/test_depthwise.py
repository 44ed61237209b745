"""Depthwise convolutions leave bf16 while they are trained."""

import copy

import torch
from torch import nn

from seje_ray.models.depthwise import depthwise_in_float32


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 4, 1)
    )


def test_its_values_and_gradients_are_those_of_float32_up_to_bf16():
    plain, mixed = network(), network()
    depthwise_in_float32(mixed)
    images = torch.randn(2, 3, 5, 7)

    expected = plain(images)
    with torch.autocast("cpu", torch.bfloat16):
        found = mixed(images)
    expected.square().sum().backward()
    found.float().square().sum().backward()

    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)
    for one, other in zip(mixed.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0.1, atol=0.3)


def test_only_depthwise_layers_change_and_only_in_training():
    module = network()
    seen = []
    depthwise = module[1].forward
    module[1].forward = lambda images: seen.append(images.dtype) or depthwise(images)
    depthwise_in_float32(module)
    images = torch.randn(1, 3, 4, 4)

    with torch.autocast("cpu", torch.bfloat16):
        module(images)
        with torch.no_grad():
            module(images)

    assert seen == [torch.float32, torch.bfloat16]
    assert isinstance(module[0].forward, type(network()[0].forward))


def test_a_copy_computes_with_its_own_weights():
    """The moving mean of the weights is a copy."""
    module = network()
    depthwise_in_float32(module)
    other = copy.deepcopy(module)
    with torch.no_grad():
        other[1].weight.zero_()
        other[1].bias.fill_(2.0)

    images = torch.randn(1, 3, 4, 4)

    assert not torch.equal(other(images), module(images))
    assert torch.equal(other[1](torch.randn(1, 8, 4, 4)), torch.full((1, 8, 4, 4), 2.0))
