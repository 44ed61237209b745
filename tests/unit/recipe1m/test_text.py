"""Words of titles and ingredient lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.recipe1m.text import ingredient_tokens, title_words, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Preheat the oven to 350°F.", ["preheat", "the", "oven", "to", "350", "f"]),
        ("100g stir-fried rice", ["100", "g", "stir", "fried", "rice"]),
        (
            "Baker's yeast, \u2018quoted\u2019 \u2013 cook\u2019s",
            ["baker's", "yeast", "quoted", "cook's"],
        ),
        ("1½ cups", ["1", "1/2", "cups"]),
        ("½cup 1,000 2.5 3/4", ["1/2", "cup", "1,000", "2.5", "3/4"]),
        ("CRÈME fraîche Äpfel", ["crème", "fraîche", "äpfel"]),
        ("hong shao 红烧肉", ["hong", "shao", "红烧肉"]),
        ("दाल मखनी", ["दाल", "मखनी"]),
        ("مُرَبَّى التين", ["مُرَبَّى", "التين"]),
        ("snake_case_word", ["snake", "case", "word"]),
        (" ...—! \n", []),
        ("", []),
    ],
)
def test_tokens_are_lower_case_words_and_numbers(text, tokens):
    assert tokenize(text) == tokens


@given(st.text())
def test_tokens_are_stable_and_never_hold_the_join(text):
    """Tokens tokenise to themselves; ``_`` is free to join the words of an entity."""
    tokens = tokenize(text)

    assert tokenize(" ".join(tokens)) == tokens
    assert not any("_" in token or " " in token for token in tokens)


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("1 tablespoon chopped walnuts", ["chopped", "walnuts"]),
        ("5 dried, pitted dates", ["dried", "pitted", "dates"]),
        ("2 12 cups milk", ["milk"]),  # a fraction that lost its slash
        ("1½ lbs. ground beef", ["ground", "beef"]),
        ("Onion: 100g", ["onion"]),
        ("1 (14 1/2 ounce) can tomatoes", ["tomatoes"]),
        ("14 ounces semihard cheese (page 23), grated (about 3 (or 4) cups)",
         ["semihard", "cheese", "grated"]),
        ("3 large cloves of garlic", ["garlic"]),
        ("Garlic 6 cloves", ["garlic"]),
        ("Clove 3", ["clove"]),  # the spice: no quantity stands before it
        ("3 cloves", ["cloves"]),  # nothing else is there
        ("Pork ribs 500-800g", ["pork", "ribs"]),
        ("half a lemon", ["lemon"]),
        ("1 cup half and half", ["half", "and", "half"]),
        ("1 tsp cream of tartar", ["cream", "of", "tartar"]),
        ("~4 pinches of (Mozzarella, Gouda)", ["mozzarella", "gouda"]),
        ("(optional) honey", ["honey"]),
        ("one dozen eggs", ["eggs"]),
        ("1 pound of all-purpose flour", ["all", "purpose", "flour"]),
        ("12 / 34", []),
        ("", []),
    ],
)  # fmt: skip
def test_amounts_and_punctuation_leave_ingredient_lines(line, tokens):
    assert ingredient_tokens(line) == tokens


def test_the_sizes_that_stand_between_quantity_and_unit_are_dropped_and_no_others():
    assert ingredient_tokens("2 large heads lettuce") == ["lettuce"]
    assert ingredient_tokens("large eggs") == ["large", "eggs"]


def test_title_words_leave_out_stop_words_and_numbers():
    assert title_words("Mom's Best 3-Bean Chili with the Works") == [
        "mom's",
        "bean",
        "chili",
        "works",
    ]
    assert title_words("The Best of 2010") == []
