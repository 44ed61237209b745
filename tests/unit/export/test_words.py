"""The loader's reading of words is the package's."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seje_ray.calibration.language import Language
from seje_ray.export.seje_encoder.words import Words
from seje_ray.recipe1m.text import ingredient_tokens, tokenize, word_rules

ENGLISH = Language()
LINES = (
    "1½ cups all-purpose flour (sifted)", "half a lemon, juiced", "2 large cloves of garlic",
    "half-and-half", "(salt)", "100g baker's chocolate", "Clove 3", "1/2 tsp. salt", "",
    "l'ail haché",
)  # fmt: skip
WORDS = ("half", "a", "1", "½", "cup", "of", "large", "cloves", "(x)", "garlic's", "20g")
TEXTS = st.one_of(
    st.sampled_from(LINES),
    st.text(max_size=30),
    st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join),
)


def words_of(language):
    """The rules as an export writes them."""
    return Words(
        word_rules()
        | {
            "language": language.name,
            "language_stop_words": sorted(language.stop_words),
            "language_units": sorted(language.units),
        }
    )


@given(TEXTS)
def test_tokens_and_names_of_ingredients_are_the_packages(text):
    words = words_of(ENGLISH)
    assert words.tokens(text) == tokenize(text)
    assert words.ingredient(text) == ingredient_tokens(text)
    assert words.content(text, is_line=True) == text


@pytest.mark.parametrize("name", ["en", "fr", "xx"])
@given(TEXTS)
@example("l'ail haché de l'été")
def test_another_language_loses_its_stop_words_and_units(name, text):
    language = Language(name, frozenset({"l", "de", "half"}), frozenset({"cup", "cuillère"}))
    words = words_of(language)
    for is_line in (False, True):
        assert words.content(text, is_line=is_line) == language.content(text, is_line=is_line)


def test_words_of_a_script_without_blanks_are_found_by_the_same_library():
    pytest.importorskip("jieba", reason="needs the extra languages")
    language = Language("zh", frozenset({"的"}))
    found = words_of(language).content("我喜欢吃红烧的肉")
    assert found == language.content("我喜欢吃红烧的肉")
    assert " " in found
