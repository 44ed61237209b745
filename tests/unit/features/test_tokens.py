"""Stored tokens as the texts that a tower takes."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.calibration.text_tokens import PartTokens, TextFormat
from seje_ray.features.tokens import RecipeTokens, line_batch, recipes_of, sequence_batch

FORM = TextFormat(
    config={}, pooling="mean", prefix=(101,), suffix=(102,), part_end=(102,), line_end=(7,),
    pad=0, max_length=40, has_fixed_length=False,
)  # fmt: skip
LINES = st.lists(
    st.lists(st.integers(8, 99), max_size=6).map(lambda x: np.array(x, np.int32)), max_size=3
)
RECIPE = st.builds(RecipeTokens, LINES, LINES, LINES)


def tokens_of(*parts):
    return RecipeTokens(*([np.array(line, np.int32) for line in part] for part in parts))


CAKE = tokens_of([[11, 12]], [[21], [22, 23]], [[31, 32], [33]])


def test_a_sequence_is_title_ingredients_and_steps_with_ends_between():
    """[CLS] title [SEP] 21 , 22 23 [SEP] 31 32 33 [SEP]: 13 tokens, padded to 16."""
    found = sequence_batch([CAKE, tokens_of([], [[9]], [])], FORM, max_tokens=40)

    row = [101, 11, 12, 102, 21, 7, 22, 23, 102, 31, 32, 33, 102]
    assert found.tokens.tolist() == [row + [0] * 3, [101, 9, 102] + [0] * 13]
    assert found.num_tokens.tolist() == [13, 3]
    assert found.num_lines.tolist() == [[1, 2, 2], [0, 1, 0]]


def test_a_long_sequence_is_cut_between_its_special_tokens():
    """Six of the tokens: four of the text; and never more than the model takes."""
    found = sequence_batch([CAKE], FORM, max_tokens=6)
    assert found.tokens[0, :6].tolist() == [101, 11, 12, 102, 21, 102]
    long = tokens_of([[5] * 90], [], [])
    assert sequence_batch([long], FORM, max_tokens=512).tokens.shape == (1, 40)


def test_lines_are_texts_of_their_own_in_the_order_of_the_recipe():
    found = line_batch([CAKE, tokens_of([], [], []), tokens_of([], [], [[8]])], FORM)

    expected = [[11, 12], [21], [22, 23], [31, 32], [33], [], [8]]
    rows = [row[:n].tolist() for row, n in zip(found.tokens, found.num_tokens, strict=True)]
    assert rows == [[101, *line, 102] for line in expected]
    assert found.num_lines.tolist() == [[1, 2, 2], [1, 0, 0], [0, 0, 1]]


def test_padding_that_is_seen_is_always_of_one_length():
    form = TextFormat(**{**FORM.to_dict(), "has_fixed_length": True, "prefix": (), "pad": 1})
    for batch in (sequence_batch([CAKE], form, max_tokens=99), line_batch([CAKE], form)):
        assert batch.tokens.shape[1] == 40
        assert batch.tokens[0, -1] == 1


@given(st.lists(RECIPE, min_size=1, max_size=4))
def test_a_recipes_texts_do_not_depend_on_the_recipes_beside_it(recipes):
    """But for their padding: so a batch is the same for any number of workers."""
    for make in (line_batch, lambda r, form: sequence_batch(r, form, max_tokens=20)):
        together = make(recipes, FORM)
        rows = [r[:n].tolist() for r, n in zip(together.tokens, together.num_tokens, strict=True)]
        alone = [make([recipe], FORM) for recipe in recipes]
        expected = [
            r[:n].tolist() for one in alone for r, n in zip(one.tokens, one.num_tokens, strict=True)
        ]
        assert rows == expected
        assert torch.equal(together.num_lines, torch.cat([one.num_lines for one in alone]))
        assert together.tokens.shape[1] in (16, 32, 40)


@given(st.lists(RECIPE, max_size=4))
def test_parts_of_all_recipes_are_those_of_each(recipes):
    parts = []
    for number in range(3):
        lines = [line for recipe in recipes for line in recipe[number]]
        tokens = np.concatenate([np.empty(0, np.int32), *lines])
        counts = [len(recipe[number]) for recipe in recipes]
        parts.append(PartTokens(tokens, [len(line) for line in lines], counts))

    found = recipes_of(parts)

    assert [[[line.tolist() for line in part] for part in recipe] for recipe in found] == [
        [[line.tolist() for line in part] for part in recipe] for recipe in recipes
    ]
