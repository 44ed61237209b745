"""The loader's heads and towers are the package's modules. Letters: see there."""

import numpy as np
import pytest
import torch

from seje_ray.calibration.sentence_encoder.sentence_pairs import MAX_TOKENS, SPECIAL, Vocabulary
from seje_ray.calibration.sentence_encoder.skip_instructions import SkipInstructions
from seje_ray.export.seje_encoder.heads import unit_rows
from seje_ray.export.seje_encoder.lexical import TermBag
from seje_ray.export.seje_encoder.towers import PartTransformers, SentenceLstm, SentencesLstm
from seje_ray.features.inputs import padded, padded_bags
from seje_ray.models.heads import joint_head
from seje_ray.models.lexical_bag import LexicalBag
from seje_ray.models.recipe_lstm import RecipeLstm
from seje_ray.models.recipe_transformer import RecipeTransformer
from seje_ray.recipe1m.text import tokenize

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def scattered(module):
    """Every number of a module is its own: no zero and no one is left where it would not show."""
    generator = torch.Generator().manual_seed(0)
    state = {
        name: 0.3 + torch.rand(value.shape, generator=generator) if "var" in name or "std" in name
        else 0.2 * torch.randn(value.shape, generator=generator)
        for name, value in module.state_dict().items()
        if value.is_floating_point()
    }  # fmt: skip
    module.load_state_dict(state, strict=False)
    return module.eval().requires_grad_(False)


@pytest.mark.parametrize("kind", ["projection", "residual", "published"])
@pytest.mark.parametrize("num_ready", [0, 2, 6])
def test_heads_give_the_same_rows(kind, num_ready):
    """Where some or all features come standardised, and for a row of zeros."""
    head = scattered(joint_head(kind, 6, 4, hidden_dim=5, dropout=0.5, num_ready=num_ready))
    features = torch.cat([torch.randn(3, 6), torch.zeros(1, 6)])
    torch.testing.assert_close(
        unit_rows(kind, head.state_dict(), features), head(features), **CLOSE
    )


def test_an_lstm_over_sentences_gives_the_same_state():
    """Of three sentences and of none."""
    lstm = scattered(RecipeLstm(3, 4))
    for sentences in (torch.randn(3, 3), torch.zeros(0, 3)):
        vectors, counts = padded([sentences.numpy()])
        found = SentencesLstm(lstm.state_dict()).row(sentences)
        torch.testing.assert_close(found, lstm(vectors, counts), **CLOSE)


def test_a_sentence_has_the_same_vector():
    """With unknown words, without any, and longer than what is read."""
    words = (*SPECIAL, "boil", "the", "soup")
    encoder = scattered(SkipInstructions(Vocabulary(words), 6))
    found = SentenceLstm(words, encoder.state_dict(), MAX_TOKENS)
    for sentence in ("Boil the soup", "Nothing known", "", "boil the " * 40):
        [expected] = encoder.encode([sentence])
        np.testing.assert_allclose(found.vector(tokenize(sentence)), expected, atol=1e-6)


@pytest.mark.parametrize("counts", [(1, 3, 2), (0, 1, 5), (0, 0, 0)])
def test_transformers_over_lines_give_the_same_summaries(counts):
    tower = scattered(RecipeTransformer(5, dim=8, num_layers=2, num_heads=2))
    parts = [torch.randn(count, 5) for count in counts]
    inputs = [tensor for part in parts for tensor in padded([part.numpy()])]
    found = PartTransformers(tower.state_dict(), 2).row(parts)
    torch.testing.assert_close(found, tower(*inputs), **CLOSE)


@pytest.mark.parametrize("numbers", [[0, 2, 3], []])
def test_a_bag_has_the_same_row(numbers):
    bag = scattered(LexicalBag(4, 3, is_learnt=True, dropout=0.5))
    weights = np.linspace(0.1, 1, len(numbers), dtype=np.float32)
    terms = np.array(numbers, np.int64)
    plain = TermBag({}, [], [], np.zeros(0), bag.state_dict())
    expected = bag(*padded_bags([terms], [weights]))
    torch.testing.assert_close(plain.row(terms, weights), expected, **CLOSE)
