"""Words -> lines -> parts -> recipe."""

import json

import pytest
import torch

from seje_ray.models.recipe_transformer import RecipeTransformer
from seje_ray.models.text_hierarchy import TextHierarchy
from seje_ray.models.text_tower import build_text_tower

pytest.importorskip("transformers", reason="needs the extra text")
from tests.text_models import tiny_bert


@pytest.fixture
def hierarchy(tmp_path) -> TextHierarchy:
    config = json.loads((tiny_bert(tmp_path) / "config.json").read_text())
    torch.manual_seed(0)
    lines = build_text_tower(config, pooling="mean", sees_padding=False, source=None)
    return TextHierarchy(lines, RecipeTransformer(16, dim=8, num_layers=1, num_heads=2)).eval()


# Lines of 3, 20, 2, 2 tokens of one recipe (title, two ingredients, a step), then one of another.
LENGTHS = [3, 20, 2, 2, 5]
NUM_LINES = torch.tensor([[1, 2, 1], [0, 0, 1]])


def batch():
    tokens = torch.zeros(5, 24, dtype=torch.int64)
    for row, length in enumerate(LENGTHS):
        tokens[row, :length] = torch.arange(1, length + 1)
    return tokens, torch.tensor(LENGTHS)


def test_lines_reach_the_transformer_of_their_part(hierarchy):
    """As if each line were encoded alone, and each part padded by hand."""
    tokens, lengths = batch()
    found = hierarchy(tokens, lengths, NUM_LINES)

    vectors = torch.cat(
        [hierarchy.lines(tokens[n : n + 1, :k], lengths[n : n + 1]) for n, k in enumerate(LENGTHS)]
    )
    zero = torch.zeros(16)
    expected = hierarchy.parts(
        torch.stack([vectors[:1], zero[None]]), torch.tensor([1, 0]),
        torch.stack([vectors[1:3], torch.stack([zero, zero])]), torch.tensor([2, 0]),
        torch.stack([vectors[3:4], vectors[4:5]]), torch.tensor([1, 1]),
    )  # fmt: skip
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert found.shape == (2, hierarchy.output_dim)


def test_a_recipe_does_not_depend_on_those_beside_it(hierarchy):
    tokens, lengths = batch()
    together = hierarchy(tokens, lengths, NUM_LINES)
    alone = [
        hierarchy(tokens[:4], lengths[:4], NUM_LINES[:1]),
        hierarchy(tokens[4:, :5], lengths[4:], NUM_LINES[1:]),
    ]
    torch.testing.assert_close(torch.cat(alone), together, atol=1e-5, rtol=1e-4)
