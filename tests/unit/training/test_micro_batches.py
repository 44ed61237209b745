"""The backbone in micro-batches; two workers."""

import json
from dataclasses import replace

import pytest
import torch
import torch.distributed as dist
from torch import nn

from seje_ray.config import run_from_json
from seje_ray.features.model import pixel_spec
from seje_ray.random_streams import Stream, torch_seed
from seje_ray.training.freezing import begin_epoch
from seje_ray.training.loaders import Loaders
from seje_ray.training.loop import Trainer
from seje_ray.training.micro_batches import MicroBatchedBackbone
from seje_ray.training.pairs import PairLoader
from seje_ray.training.worker import LocalWorker
from tests.unit.training.gloo_worker import GlooWorker
from tests.unit.training.tiny_data import origin, write_shards

CPU = torch.device("cpu")
BACKBONES = {  # name -> run settings under which micro-batches are exact
    "timm/test_vit": {},
    "timm/test_resnet": {"batch_norm": "frozen"},
}
KINDS = [(backbone, "none") for backbone in BACKBONES] + [("timm/test_vit", "alternate")]
NUM_WORKERS = 2


def run_of(backbone, **train):
    """Nine pairs a step: an odd number for two workers, and for parts of two or four."""
    raw = {
        "model": {
            "embedding_dim": 6,
            "lstm_dim": 4,
            "dropout": 0.3,
            "backbone": {"name": backbone, "resize": 36, "crop": 32},
        },
        "loss": {"discriminator_weight": 0.4, "category_weight": 0.3},
        "train": {"global_batch_size": 9, "num_epochs": 1, **BACKBONES[backbone], **train},
    }
    return run_from_json(json.dumps(raw), "a test")


def steps(folder, run, worker):
    """Two steps of plain gradient descent, an epoch each: metrics, gradients and weights."""
    torch.set_num_threads(1)
    loader = PairLoader(
        sorted(folder.glob("train-*.parquet")),
        pixel_spec(run),
        global_batch_size=9,
        rank=worker.rank,
        world_size=worker.world_size,
        seed=0,
    )
    trainer = Trainer(run, origin(), Loaders(loader, loader), worker)
    model, result = trainer.state.model, {}
    groups = [
        {"params": group["params"], "name": group["name"]}
        for group in trainer.state.optimizer.param_groups
    ]
    trainer.state = replace(trainer.state, optimizer=torch.optim.SGD(groups, lr=0.05))
    for step, batch in enumerate(loader.epoch(0)):
        begin_epoch(model, run.train, step)
        for name, value in trainer._step(batch, 0, step).items():
            result[f"{step} {name}"] = torch.tensor(value)
        for name, parameter in model.named_parameters():
            grad = torch.zeros(()) if parameter.grad is None else parameter.grad.clone()
            result[f"{step} gradient of {name}"] = grad
    return result | {f"state {name}": value for name, value in model.state_dict().items()}


def on_worker(member):
    folder = member.folder
    if member.rank == 0:
        write_shards(folder, "train", [18])
    dist.barrier()
    return {
        f"{backbone} {schedule} {size}": steps(
            folder,
            run_of(backbone, micro_batch_size=size, freeze_schedule=schedule, freeze_epochs=1),
            GlooWorker(folder),
        )
        for backbone, schedule in KINDS
        for size in (2, None)
    }


@pytest.fixture(scope="module")
def saved(on_workers):
    return on_workers(on_worker, NUM_WORKERS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    write_shards(folder, "train", [18])
    return folder


def assert_close(found, expected):
    """Up to rounding; a bias before BatchNorm has no gradient but rounding."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, rtol=2e-3, atol=2e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("size", [1, 4, 9])
def test_micro_batches_change_neither_losses_nor_gradients_nor_weights(folder, backbone, size):
    """One worker; nine photos one by one, in parts of 3, and all at once."""
    expected = steps(folder, run_of(backbone), LocalWorker(folder))

    found = steps(folder, run_of(backbone, micro_batch_size=size), LocalWorker(folder))

    assert_close(found, expected)
    backbones = [n for n in expected if "gradient of backbone" in n]
    assert max(float(expected[name].abs().max()) for name in backbones) > 1e-3


@pytest.mark.parametrize(("backbone", "schedule"), KINDS)
@pytest.mark.parametrize("size", [2, None])
def test_two_workers_with_and_without_micro_batches_equal_one_without(
    folder, saved, backbone, schedule, size
):
    """Five and four photos in as many parts; gradients are averaged once, on both alike.

    Also where heads and backbone take turns, which leaves half of the gradients out.
    """
    run = run_of(backbone, freeze_schedule=schedule, freeze_epochs=1)
    expected = steps(folder, run, LocalWorker(folder))

    found = [worker[f"{backbone} {schedule} {size}"] for worker in saved]

    for worker in found:
        assert_close(worker, expected)
        for name, value in worker.items():
            assert torch.equal(value, found[0][name]), name
    if schedule == "alternate":
        norms = [float(found[0][f"{n} gradient_norm/backbone"]) for n in (0, 1)]
        assert norms[0] == 0 < norms[1]


def network(drop=0.5):
    """A backbone with random draws of its own, and with statistics."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(drop),
        nn.Linear(8, 5),
    ).train()  # fmt: skip


def passes(backbone, images, sizes, size, *, is_bf16=False):
    return MicroBatchedBackbone(
        backbone,
        images,
        sizes,
        micro_batch_size=size,
        seed=(7, 1),
        autocast=torch.autocast("cpu", torch.bfloat16, enabled=is_bf16),
    )


@pytest.mark.parametrize("is_bf16", [False, True])
def test_both_passes_draw_and_normalise_alike(is_bf16):
    """Against a twin that keeps every graph of one pass; the running statistics move once."""
    images = torch.randn(7, 3, 2, 2)
    weights = torch.randn(7, 5)
    twin = network()
    outputs = []
    for number, part in enumerate(torch.split(images, (3, 2, 2))):
        torch.manual_seed(torch_seed(Stream.MICRO_BATCH, 7, 1, number))
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            outputs.append(twin(part))
    (torch.tanh(torch.cat(outputs)) * weights).sum().backward()

    backbone = network()
    micro = passes(backbone, images, (7,), 3, is_bf16=is_bf16)
    features = micro.features()
    (torch.tanh(features) * weights).sum().backward()
    micro.backward()

    assert torch.equal(features, torch.cat(outputs))
    for found, expected in zip(backbone.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)  # another order of sums
    for found, expected in zip(backbone.buffers(), twin.buffers(), strict=True):
        assert torch.equal(found, expected)
    assert int(backbone[2].num_batches_tracked) == 3
    assert backbone[2].track_running_stats


@pytest.mark.parametrize(
    ("sizes", "size", "parts"),
    [
        ((9,), 4, [3, 3, 3]),
        ((9,), 100, [9]),
        ((5, 4), 2, [2, 2, 1]),
        ((4, 5), 2, [2, 1, 1]),
        ((2, 1), 1, [2]),
    ],
)
def test_all_workers_have_the_same_number_of_parts(sizes, size, parts):
    """Else a BatchNorm over the workers would wait for ever; none is empty."""
    images = torch.zeros(sizes[0], 3, 2, 2)
    assert [len(part) for part in passes(network(), images, sizes, size)._parts] == parts


def test_a_frozen_backbone_has_one_pass_and_no_gradient():
    """As in the heads' turn."""
    backbone = network().eval().requires_grad_(False)
    micro = passes(backbone, torch.randn(4, 3, 2, 2), (4,), 3)

    features = micro.features()
    micro.backward()

    assert not features.requires_grad
    assert all(parameter.grad is None for parameter in backbone.parameters())
