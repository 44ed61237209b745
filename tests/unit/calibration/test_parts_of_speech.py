"""Actions and utensils by part of speech."""

import pytest

from seje_ray.calibration.entities import TaggedLines
from seje_ray.calibration.key_terms import Document, document_tokens
from seje_ray.calibration.parts_of_speech import PosActions, PosTaggerError

pytest.importorskip("spacy", reason="needs the extra pos")


@pytest.fixture(scope="module")
def actions():
    return PosActions()


def document(make_recipe, title, entities, steps):
    recipe = make_recipe(title, [], steps)
    tokens = document_tokens(recipe, entities)
    return Document(recipe, TaggedLines((), 0, 0), entities, tokens)


def test_imperatives_are_actions_and_tools_are_utensils(actions, make_recipe):
    """Verbs first, each once; ingredients, auxiliaries, stop words and numbers are neither."""
    recipe = document(
        make_recipe,
        "",
        ["olive_oil", "eggs"],
        [
            "Season the eggs. Whisk 2 eggs in a bowl, then fry them in olive oil.",
            "Boil for 5 minutes: the oil has done its job. Whisk again in the pan.",
        ],
    )

    [found] = actions.find([recipe])

    assert found[:4] == ["season", "whisk", "fry", "boil"]
    assert {"bowl", "pan", "minutes"} <= set(found[4:])
    assert not {"eggs", "olive_oil", "oil", "olive", "has", "done", "the", "you", "2"} & set(found)


def test_terms_are_tokens_of_the_document(actions, make_recipe):
    """Whatever stands in it: hyphens, apostrophes, other scripts, markup."""
    steps = ["Stir-fry the baker's <b>dough</b> ½ hour.", "用火煎. Crème brûlée!!", "...", ""]
    recipe = document(make_recipe, "Cook's Best-Ever Pie", [], steps)

    [found] = actions.find([recipe])

    assert set(found) <= set(recipe.tokens)
    assert len(found) == len(set(found))


def test_a_document_does_not_depend_on_the_others(actions, make_recipe):
    recipes = [
        document(make_recipe, f"Soup {n}", ["peas"], ["Boil the peas in a pot.", "Serve hot."])
        for n in range(3)
    ] + [document(make_recipe, "Cake", ["flour"], ["Sift the flour.", "Bake in a tin."])]

    together = actions.find(recipes)

    assert together == [actions.find([recipe])[0] for recipe in recipes]
    assert together[0] == together[1] != together[3]
    assert actions.find([]) == []


def test_a_missing_model_says_what_to_install():
    with pytest.raises(PosTaggerError, match=r"pip install 'seje-ray\[pos\]'"):
        PosActions("en_no_such_model")
