"""Key terms and the words of a recipe."""

from seje_ray.calibration.entities import EntityLexicon, Reexaminer, TaggedLines
from seje_ray.calibration.key_terms import RecipeWords, document_tokens, key_terms
from seje_ray.calibration.term_tagger import DetIngrsTagger


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
