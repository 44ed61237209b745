"""Key terms and the words of a recipe."""

import pytest

from seje_ray.calibration.calibrator import FittedText, fit_text
from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import EntityLexicon, Reexaminer, TaggedLines
from seje_ray.calibration.key_terms import (
    RecipeWords,
    content_words,
    document_tokens,
    key_terms,
)
from seje_ray.calibration.term_tagger import DetIngrsTagger
from seje_ray.recipe1m.records import Entity


def test_key_terms_are_distinct_in_the_order_first_seen():
    tagged = TaggedLines(("salt", None, "oil", "salt"), 0, 1)

    assert key_terms(tagged) == ["salt", "oil"]


def test_document_holds_title_and_instructions_with_entities_merged(make_recipe):
    recipe = make_recipe("Soy Sauce Rice", ["soy sauce"], ["Add soy-sauce.", "Eat soy."])

    tokens = document_tokens(recipe, ["soy_sauce"])

    assert tokens == ["soy_sauce", "rice", "add", "soy_sauce", "eat", "soy"]


def test_entities_do_not_run_across_sentences(make_recipe):
    recipe = make_recipe("Soy", [], ["Sauce soy.", "Sauce."])

    assert document_tokens(recipe, ["soy_sauce"]) == ["soy", "sauce", "soy", "sauce"]


def test_recipe_words_are_read_anew_at_each_pass(make_recipe):
    recipes = [make_recipe("Rice", ["soy sauce", "!x"], ["Cook."])]
    words = RecipeWords(recipes, DetIngrsTagger(Reexaminer(EntityLexicon({}))))

    assert list(words) == list(words) == [["soy_sauce", "rice", "cook"]]
    assert len(words) == 1


def test_content_words_are_what_may_name_an_action_or_a_utensil():
    """Stop words, numbers, short words and joined entities are left out; order stays."""
    tokens = ["bake", "the", "olive_oil", "in", "a", "pan", "for", "20", "min", "bake", "ox"]
    assert content_words(tokens) == ["bake", "pan", "min"]


@pytest.mark.parametrize(
    ("actions", "expected"),
    [("none", ["leeks"]), ("content_words", ["leeks", "soup", "boil", "pot"])],
)
def test_key_terms_are_entities_and_then_actions(actions, expected, tmp_path):
    """The choice is kept with what was fitted, and each term is rated once."""
    recipe = RecipeText(
        "a", "Leeks soup", ("2 leeks",), ("Boil leeks in the pot.",), (Entity("leeks", True),)
    )
    options = {"num_bigrams": 0, "max_bigram_categories": 0, "min_members": 1, "food101": False}
    fit_text([recipe], actions=actions, **options).save(tmp_path)

    text = FittedText.load(tmp_path)

    assert text.terms(recipe).key_terms == expected
    # Every term occurs in the one document: idf = ln(2 / 2) + 1 = 1, times its count.
    counts = [2.0, 1.0, 1.0, 1.0][: len(expected)]
    assert text.rater.rate(expected, text.terms(recipe).tokens) == counts
