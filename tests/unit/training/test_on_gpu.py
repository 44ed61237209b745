"""What a GPU computes, against what this machine's CPU does; each test also runs on the CPU alone.

``make gpu-check`` runs them where there is one.
"""

from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers", reason="needs the extra text")

from benchmarks.gpu_data import TINY, local_trainer, make, run_of
from benchmarks.gpu_parts import parity
from benchmarks.gpu_setting import Setting, batches_of
from seje_ray.features.inputs import moved
from seje_ray.retrieval.ranking import pair_ranks
from seje_ray.training.freezing import begin_epoch
from tests.devices import DEVICES

CPU = torch.device("cpu")
CLOSE = 1e-3  # of the largest number of a gradient


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Shards and a dual encoder, all tiny."""
    folder = tmp_path_factory.mktemp("data")
    make(folder, TINY)
    return folder


@pytest.fixture(autouse=True)
def without_tf32():
    """As the CPU computes."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def step(case, data, device, *settings):
    """Metrics and gradients of a first step in fp32, on the CPU."""
    run = run_of(case, TINY, data, "train.precision=fp32", *settings)
    trainer = local_trainer(run, data, torch.device(device))
    begin_epoch(trainer._model, run.train, 0)
    batch = next(batches_of(trainer, Setting(TINY, trainer.worker.device, data)))
    metrics = trainer._step(batch, 0, 0)
    grads = {
        name: parameter.grad.cpu()
        for name, parameter in trainer._model.named_parameters()
        if parameter.grad is not None
    }
    return metrics, grads


def require_equal(found, expected):
    assert found[0] == pytest.approx(expected[0], rel=1e-3, abs=1e-5)
    assert found[1].keys() == expected[1].keys()
    for name, grad in expected[1].items():
        apart = (found[1][name] - grad).abs().max()
        assert apart <= CLOSE * grad.abs().max() + 1e-6, name


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", ["seje", "clip", "stored"])
def test_a_step_is_that_of_the_cpu(data, device, case):
    """Metrics and gradients, mining and critic included."""
    require_equal(step(case, data, device), step(case, data, "cpu"))


@pytest.mark.parametrize("device", DEVICES)
def test_micro_batches_are_exact(data, device):
    """A dual encoder, whose tower takes no statistics of a batch."""
    whole = step("clip", data, device)
    require_equal(step("clip", data, device, "train.micro_batch_size=3"), whole)


@pytest.mark.parametrize("device", DEVICES)
def test_bf16_is_near_fp32(data, device):
    """The loss of a first step, and the embeddings after some."""
    rows = list(parity(Setting(TINY, torch.device(device), data)))

    assert len(rows) == 3
    for row in rows:
        assert row["bf16_computes_in"] == ("bf16" if device == "cuda" else "fp32")
        assert row["first_loss_apart"] < 0.05
        assert min(row["cosine_of_photos"], row["cosine_of_recipes"]) > 0.99


@pytest.mark.parametrize("device", DEVICES)
def test_a_batch_is_copied_whole_whatever_its_source_becomes(data, device):
    """A copy from pinned memory is asynchronous: what is overwritten meanwhile is not in it."""
    run = run_of("clip", TINY, data)
    batch = next(local_trainer(run, data, CPU).loaders.train.epoch(0))
    tokens = batch.recipes.tokens
    expected = [value.clone() for value in (batch.images, *tokens)]

    images, *there = moved((batch.images, *tokens), torch.device(device))
    if device == "cuda":
        for value in (batch.images, *tokens):
            value.zero_()

    for value, wanted in zip((images, *there), expected, strict=True):
        assert value.device.type == device
        assert torch.equal(value.cpu(), wanted)


@pytest.mark.parametrize("device", DEVICES)
def test_ranks_are_those_of_the_cpu(device):
    """Ties included: of small whole numbers, which every order of a sum adds up exactly."""
    generator = torch.Generator().manual_seed(0)
    images, recipes = torch.randint(-2, 3, (2, 300, 8), generator=generator).float()

    found, expected = pair_ranks(images.to(device), recipes.to(device)), pair_ranks(images, recipes)

    for side in ("image_to_recipe", "recipe_to_image"):
        for part in ("num_better", "num_tied"):
            one, other = (getattr(getattr(ranks, side), part) for ranks in (found, expected))
            assert torch.equal(one.cpu(), other), (side, part)
