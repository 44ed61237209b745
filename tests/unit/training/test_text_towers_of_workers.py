"""Text towers on two workers: value and gradient are those of one."""

import numpy as np
import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from seje_ray.calibration.text_tokens import TextFormat
from seje_ray.features.tokens import RecipeTokens, TextShape, token_batch
from seje_ray.models.recipe_transformer import RecipeTransformer
from seje_ray.models.text_hierarchy import TextHierarchy
from seje_ray.models.text_tower import build_text_tower
from tests.unit.training.workers_equal_one import assert_workers_equal_one

pytest.importorskip("transformers", reason="needs the extra text")

SIZES = (3, 1)
FORM = {
    "pooling": "mean", "prefix": [1], "suffix": [2], "part_end": [2], "line_end": [3], "pad": 0,
    "max_length": 48, "has_fixed_length": False,
}  # fmt: skip
CONFIG = {
    "model_type": "bert", "vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 48,
}  # fmt: skip
LENGTHS = [([4], [2, 3], [9, 20]), ([2], [], [3]), ([], [5], [14, 2, 1]), ([1], [18], [])]


def recipes():
    """Four of unlike lengths: the longest text of one worker is not that of the other."""
    generator = np.random.default_rng(0)
    return [
        RecipeTokens(*([generator.integers(4, 30, n, np.int32) for n in part] for part in lengths))
        for lengths in LENGTHS
    ]


def tower_of(layout, training):
    torch.manual_seed(0)
    tower = build_text_tower(
        CONFIG, pooling="mean", sees_padding=False, source=None, training=training, lora_rank=2
    )
    if layout == "sequence":
        return tower
    return TextHierarchy(tower, RecipeTransformer(8, dim=4, num_layers=1, num_heads=2))


def step(rank, sizes, layout, training):
    """The mean of some squares over all recipes, and its gradients."""
    tower = tower_of(layout, training)
    wrapped = DistributedDataParallel(tower) if len(sizes) > 1 else tower
    start = sum(sizes[:rank])
    own = recipes()[start : start + sizes[rank]]
    shape = TextShape(TextFormat.from_dict({"config": CONFIG, **FORM}), layout, 40)
    batch = token_batch(own, shape)
    rows = wrapped(*batch) if layout == "hierarchical" else wrapped(*batch[:2])
    directions = torch.randn(rows.shape[1], 3, generator=torch.Generator().manual_seed(1))
    loss = (rows @ directions).square().mean() * (len(sizes) * len(own) / sum(sizes))
    loss.backward()
    grads = {f"gradient {n}": p.grad for n, p in tower.named_parameters() if p.requires_grad}
    return {"loss": loss.detach(), **grads}


def on_worker(member, layout, training):
    return step(member.rank, SIZES, layout, training)


@pytest.mark.parametrize(
    ("layout", "training"), [("sequence", "full"), ("sequence", "lora"), ("hierarchical", "full")]
)
def test_a_step_of_two_workers_is_that_of_one(on_workers, layout, training):
    expected = step(0, (sum(SIZES),), layout, training)
    assert all(value is not None for value in expected.values())
    found = on_workers(on_worker, len(SIZES), layout, training)
    assert_workers_equal_one(found, expected)
