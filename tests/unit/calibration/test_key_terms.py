"""Key terms and the words of a recipe."""

import numpy as np
import pytest

from seje_ray.calibration.calibrator import TextCalibrator, fit_text
from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import EntityLexicon, Reexaminer, TaggedLines
from seje_ray.calibration.key_terms import (
    ContentWords,
    Document,
    NoActions,
    RecipeWords,
    document_tokens,
    key_terms,
)
from seje_ray.calibration.term_tagger import DetIngrsTagger
from seje_ray.calibration.word_vectors import WordVectors
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
    recipe = RecipeText("a", "", (), (), None)
    document = Document(recipe, TaggedLines((), 0, 0), ["olive_oil"], tokens)

    assert ContentWords().find([document]) == [["bake", "pan", "min"]]


@pytest.mark.parametrize(
    ("actions", "expected"),
    [(NoActions(), ["leeks"]), (ContentWords(), ["leeks", "soup", "boil", "pot"])],
)
def test_key_terms_are_entities_and_then_actions(actions, expected):
    """Each term is there once, and rated."""
    recipe = RecipeText(
        "a", "Leeks soup", ("2 leeks",), ("Boil leeks in the pot.",), (Entity("leeks", True),)
    )
    options = {"num_bigrams": 0, "max_bigram_categories": 0, "min_members": 1, "food101": False}
    fitted = fit_text([recipe], **options)
    vectors = WordVectors(["leeks"], np.ones((1, 2)))
    tagger = DetIngrsTagger(fitted.reexaminer)

    calibrator = TextCalibrator(fitted.categories, vectors, tagger, actions, fitted.tfidf)
    [features] = calibrator.features([recipe])

    assert features.key_terms == expected
    # Every term occurs in the one document: idf = ln(2 / 2) + 1 = 1, times its count.
    assert features.key_term_scores == [2.0, 1.0, 1.0, 1.0][: len(expected)]
