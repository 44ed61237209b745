"""What of a given file applies to the recipes: none is an error, little is said."""

import pytest

from seje_ray.calibration.applied import (
    Applied,
    NothingAppliesError,
    known_ids,
    known_words,
    little_applied,
    with_understood_lines,
)
from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import EntityLexicon, Reexaminer
from seje_ray.calibration.key_terms import all_documents
from seje_ray.calibration.term_tagger import DetIngrsTagger


def documents(*lines: str):
    recipes = [RecipeText(str(n), "", (line,), ()) for n, line in enumerate(lines)]
    return all_documents(recipes, DetIngrsTagger(Reexaminer(EntityLexicon({}))))


def test_words_count_as_often_as_they_occur_and_phrases_by_their_parts():
    """soy_sauce takes the mean of soy and sauce, so one of them is enough."""
    texts = [["salt", "soy_sauce", "salt"], ["zeste"]]
    assert known_words(texts, frozenset({"salt", "sauce"}), "v.txt") == Applied(3, 4)


def test_word_vectors_of_another_language_are_an_error_with_an_example_of_each_side():
    with pytest.raises(NothingAppliesError, match=r"^v.txt: .* none of 2: .*'flour'.*'Mehl'"):
        known_words([["flour", "egg"]], frozenset({"Mehl"}), "v.txt")


def test_a_table_of_other_ids_is_an_error_with_an_example_of_each_side():
    with pytest.raises(NothingAppliesError, match=r"none of 2: .*'a'.*'7'; ids must be equal"):
        known_ids(["a", "b"], {"7": 1}, "t.csv")
    assert known_ids(["a", "7"], {"7": 1}, "t.csv") == Applied(1, 2)


def test_no_recipe_is_no_error():
    """An empty partition is refused elsewhere."""
    assert known_ids([], {"7": 1}, "t.csv") == Applied(0, 0)
    assert known_words([], frozenset({"a"}), "v.txt") == Applied(0, 0)
    assert list(with_understood_lines([])) == []


def test_lines_of_which_none_is_understood_are_an_error_that_shows_one():
    with pytest.raises(NothingAppliesError, match=r"none in 2 lines, e.g. '2 杯面粉'.*English"):
        list(with_understood_lines(documents("2 杯面粉", "盐")))


def test_one_understood_line_is_enough():
    assert len(list(with_understood_lines(documents("1 cup flour", "盐")))) == 2


def test_the_summary_names_what_applies_to_less_than_half():
    """Half itself is not little."""
    counts = {"lines": 10, "unknown_lines": 6}
    facts = {"known_words": [1, 2], "known_ids": [1, 3]}
    assert little_applied(facts, counts) == [
        "only 1 of 3 train recipes in the category table",
        "only 4 of 10 ingredient lines in which an ingredient is known",
    ]
    assert little_applied({}, {"lines": 0, "unknown_lines": 0}) == []
