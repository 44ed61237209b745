"""Workers with four rows, one and none."""

import pytest
import timm
import torch

from seje_ray.distributed.batch_norm import (
    GlobalBatchNorm,
    _Normalise,
    count_rows,
    use_global_batch_norm,
)
from tests.devices import DEVICES

SIZES = (4, 1, 0)
SHAPES = {"rows": (3,), "maps": (3, 2, 5)}  # what follows the batch
MOMENTA = {"fixed": 0.3, "cumulative": None}


def layer(momentum, kind=torch.nn.BatchNorm1d):
    norm = kind(3, eps=0.01, momentum=momentum)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, -2.0, 3.0]))
        norm.bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
    return norm


def batches(shape):
    """Three steps of a global batch, far from zero, and weights for a loss."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 2, sum(SIZES), *shape, generator=generator)
    return [(100 + 5 * inputs, weights) for inputs, weights in values]


def steps(norm, shape, own):
    """Outputs, gradients of the inputs and the state after some steps on the rows ``own``.

    A worker without one normalises a row of sevens, which counts nowhere.
    """
    result = {}
    for number, (inputs, weights) in enumerate(batches(shape)):
        num_own = len(inputs[own])
        count_rows(norm, are_own=num_own > 0)
        sevens = torch.full_like(inputs[:1], 7)
        local = (inputs[own].clone() if num_own else sevens).requires_grad_()
        outputs = norm(local)[:num_own]
        (torch.tanh(outputs) * weights[own]).sum().backward()
        result[f"outputs {number}"] = outputs.detach()
        result[f"grads {number}"] = local.grad[:num_own]
    result |= {"weight grad": norm.weight.grad, "bias grad": norm.bias.grad}
    result |= {name: value.clone() for name, value in norm.named_buffers()}
    norm.eval()
    with torch.no_grad():
        result["evaluation"] = norm(batches(shape)[0][0][own])
    return result


def on_worker(member):
    start = sum(SIZES[: member.rank])
    own = slice(start, start + SIZES[member.rank])
    return {
        f"{shape} {momentum}": steps(
            use_global_batch_norm(torch.nn.Sequential(layer(MOMENTA[momentum])))[0],
            SHAPES[shape],
            own,
        )
        for shape in SHAPES
        for momentum in MOMENTA
    }


@pytest.fixture(scope="module")
def saved(on_workers):
    return on_workers(on_worker, len(SIZES))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("momentum", MOMENTA)
def test_workers_equal_one_in_values_gradients_and_running_statistics(saved, shape, momentum):
    kind = torch.nn.BatchNorm1d if shape == "rows" else torch.nn.BatchNorm2d
    expected = steps(layer(MOMENTA[momentum], kind), SHAPES[shape], slice(None))

    found = [worker[f"{shape} {momentum}"] for worker in saved]

    for name, value in expected.items():
        parts = [worker[name] for worker in found]
        if name in ("weight grad", "bias grad"):  # of a sum over rows: they add up
            torch.testing.assert_close(sum(parts), value, rtol=1e-4, atol=1e-4)
        elif name.startswith(("running", "num_batches")):
            for part in parts:
                torch.testing.assert_close(part, value)
        else:
            torch.testing.assert_close(torch.cat(parts), value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_worker_is_the_built_in_layer(shape):
    kind = torch.nn.BatchNorm1d if shape == "rows" else torch.nn.BatchNorm2d
    converted = use_global_batch_norm(torch.nn.Sequential(layer(0.3, kind)))[0]

    assert isinstance(converted, GlobalBatchNorm)
    found = steps(converted, SHAPES[shape], slice(None))
    expected = steps(layer(0.3, kind), SHAPES[shape], slice(None))
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize("is_affine", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("device", DEVICES)
def test_by_the_statistics_of_its_own_rows_it_is_the_built_in_layer(device, shape, is_affine):
    """What each worker computes, on one; maps with their channels last, as networks have them."""
    inputs, weights = (value.to(device) for value in batches(SHAPES[shape])[0])
    if shape == "maps":
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    norm = layer(0.3).to(device)
    affine = (norm.weight, norm.bias) if is_affine else (None, None)
    dims = [0, *range(2, inputs.ndim)]
    variance, mean = torch.var_mean(inputs, dims, correction=0)
    count = torch.full_like(mean, inputs.numel() / 3)
    found, expected = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()

    outputs = _Normalise.apply(found, *affine, mean, variance, count, norm.eps, True)
    built_in = torch.nn.functional.batch_norm(
        expected, None, None, *affine, training=True, eps=norm.eps
    )

    torch.testing.assert_close(outputs, built_in, rtol=1e-4, atol=1e-4)
    wanted = [p for p in affine if p is not None]
    pairs = zip(
        torch.autograd.grad((torch.tanh(outputs) * weights).sum(), [found, *wanted]),
        torch.autograd.grad((torch.tanh(built_in) * weights).sum(), [expected, *wanted]),
        strict=True,
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_every_layer_of_a_network_is_replaced_and_its_state_kept():
    """timm's layer has an activation inside; the network must compute the same."""
    torch.manual_seed(0)
    network = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    images = torch.randn(4, 3, 32, 32)
    network.train()(images)  # running statistics that are not the initial ones
    with torch.no_grad():
        expected = network.eval()(images)

    converted = use_global_batch_norm(network)

    kinds = [type(m) for m in network.modules()]
    norms = [k for k in kinds if issubclass(k, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert set(norms) == {GlobalBatchNorm}
    with torch.no_grad():
        torch.testing.assert_close(converted.eval()(images), expected)


def test_timms_layer_keeps_its_activation_and_the_names_of_its_state():
    """So that weights go from one to the other, both ways."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        timm.layers.BatchNormAct2d(3, act_layer=torch.nn.PReLU), torch.nn.BatchNorm2d(3)
    )
    images = torch.randn(4, 3, 2, 2)
    expected = network.train()(images)
    state = {name: value.clone() for name, value in network.state_dict().items()}

    converted = use_global_batch_norm(network)

    assert converted.state_dict().keys() == state.keys()
    for name, value in converted.state_dict().items():
        assert torch.equal(value, state[name]), name
    torch.testing.assert_close(converted.train()(images), expected)


def test_a_vector_is_refused():
    with pytest.raises(ValueError, match=r"expected \(B, C, ...\), got \(3,\)"):
        GlobalBatchNorm(3)(torch.ones(3))
