"""Entities of ingredient lines and their re-examination."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import (
    EntityLexicon,
    Reexaminer,
    common_ingredients,
    merge_entities,
    normalise_entity,
    tag_lines,
)
from seje_ray.calibration.term_tagger import DetIngrsTagger
from seje_ray.recipe1m.text import ingredient_tokens

WORDS = st.sampled_from(["salt", "red", "wine", "hot", "oil"])
PHRASES = st.lists(WORDS, min_size=1, max_size=4).map("_".join)


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("Pitted Dates", "pitted_dates"),
        ("all - purpose flour", "all_purpose_flour"),
        ("basil (dried)", "basil"),
        ("crushed peanuts g", "crushed_peanuts"),
        ("baker's yeast", "baker's_yeast"),
        ("100 g", ""),
    ],
)
def test_an_entity_is_its_words_joined(text, entity):
    assert normalise_entity(text) == entity


def test_a_lexicon_counts_lines_with_valid_entities_only(make_recipe):
    recipes = [
        make_recipe("A", ["pitted dates", "milk", "!2 eggs", "of the"], []),
        make_recipe("B", ["milk", "milk"], []),
        make_recipe("C", ["honey"], [], tagged=False),
    ]

    lexicon = EntityLexicon.fit(recipes)

    assert lexicon.frequencies == {"milk": 3, "pitted_dates": 1}


def brute_force_match(tokens, frequencies):
    """Every known run of tokens, best first by length, frequency, alphabet."""
    runs = [
        (start - end, -frequencies[name], name)
        for start in range(len(tokens))
        for end in range(start + 1, len(tokens) + 1)
        if (name := "_".join(tokens[start:end])) in frequencies
    ]
    return min(runs)[2] if runs else None


@given(
    tokens=st.lists(WORDS, max_size=7),
    frequencies=st.dictionaries(PHRASES, st.integers(1, 3), max_size=12),
)
def test_longest_match_equals_brute_force(tokens, frequencies):
    assert EntityLexicon(frequencies).longest_match(tokens) == brute_force_match(
        tokens, frequencies
    )


def test_longest_match_by_hand():
    lexicon = EntityLexicon({"dates": 9, "pitted_dates": 1, "oil": 5, "salt": 5, "wine": 6})

    assert lexicon.longest_match(["dried", "pitted", "dates"]) == "pitted_dates"  # longer first
    assert lexicon.longest_match(["salt", "wine"]) == "wine"  # 6 lines against 5
    assert lexicon.longest_match(["salt", "oil"]) == "oil"  # 5 each: by alphabet
    assert lexicon.longest_match(["bread"]) is None
    assert lexicon.longest_match([]) is None
    assert EntityLexicon({}).longest_match(["salt"]) is None


def test_flagged_lines_are_rescued_or_counted_as_unknown(make_recipe):
    """The paper's example matches across the comma."""
    train = make_recipe("T", ["pitted dates", "salt"], [])
    recipe = make_recipe(
        "A", ["walnuts", "!5 dried, pitted dates", "!For the topping", "(2 cups)"], []
    )
    reexaminer = Reexaminer(EntityLexicon.fit([train]))

    [tagged] = DetIngrsTagger(reexaminer).tag_all([recipe])

    # "(2 cups)" is flagged valid, but names nothing.
    assert tagged.entities == ("walnuts", "pitted_dates", None, None)
    assert (tagged.num_rescued_lines, tagged.num_unknown_lines) == (1, 2)
    assert tagged == tag_lines(recipe, reexaminer)


def test_recipes_without_detector_use_train_entities_and_common_names(make_recipe):
    """ "gochugaru" is known from train, "onions" built in; common names serve such recipes only."""
    reexaminer = Reexaminer(EntityLexicon({"gochugaru": 1}))
    lines = ["2 tbsp gochugaru", "3 onions, diced", "1 lb unobtainium"]
    bare = make_recipe("A", lines, [], tagged=False)
    flagged = make_recipe("A", [f"!{line}" for line in lines], [])

    tagged, tagged_flagged = tag_lines(bare, reexaminer), tag_lines(flagged, reexaminer)

    assert tagged.entities == ("gochugaru", "onions", None)
    assert (tagged.num_rescued_lines, tagged.num_unknown_lines) == (2, 1)
    assert tagged_flagged.entities == ("gochugaru", None, None)
    assert (tagged_flagged.num_rescued_lines, tagged_flagged.num_unknown_lines) == (1, 2)


def test_a_recipe_without_ingredients_has_no_entities():
    recipe = RecipeText("0", "T", (), (), None)

    assert tag_lines(recipe, Reexaminer(EntityLexicon({}))).entities == ()


def test_common_ingredients_are_singular_and_plural_and_found_in_lines():
    names = common_ingredients()

    expected = {"tomato", "tomatoes", "cherry_tomatoes", "bay_leaves", "blueberries", "olive_oil"}
    assert expected <= set(names)
    assert len(names) == len(set(names))
    assert [n for n in names if "_".join(ingredient_tokens(n.replace("_", " "))) != n] == []


@pytest.mark.parametrize(
    ("tokens", "entities", "merged"),
    [
        (["add", "soy", "sauce", "now"], ["soy_sauce"], ["add", "soy_sauce", "now"]),
        (["light", "soy", "sauce"], ["soy_sauce", "light_soy_sauce"], ["light_soy_sauce"]),
        (["soy", "sauce", "dip"], ["soy_sauce", "soy_sauce_dip"], ["soy_sauce_dip"]),
        (["red", "wine", "red", "wine"], ["red_wine"], ["red_wine", "red_wine"]),
        (["a", "b", "c"], ["a_b", "b_c"], ["a_b", "c"]),  # from the left
        (["soy", "sauce"], ["soy", "sauce"], ["soy", "sauce"]),
        ([], ["a_b"], []),
    ],
)
def test_multi_word_entities_become_single_tokens(tokens, entities, merged):
    assert merge_entities(tokens, entities) == merged


@given(tokens=st.lists(WORDS, max_size=8), entities=st.lists(PHRASES, max_size=5))
def test_merging_loses_no_word_and_makes_known_entities_only(tokens, entities):
    merged = merge_entities(tokens, entities)

    assert [word for token in merged for word in token.split("_")] == tokens
    assert {token for token in merged if "_" in token} <= set(entities)


def test_a_lexicon_survives_the_disk(tmp_path):
    lexicon = EntityLexicon({"crème_fraîche": 2, "salt": 1})

    lexicon.save(tmp_path)

    assert EntityLexicon.load(tmp_path) == lexicon
