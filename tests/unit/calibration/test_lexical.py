"""The lexical bag: terms, weights and vectors of train texts."""

import math

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.lexical import LexicalError, Lexicon, TermReader, fit_lexicon

WORDS = ("salt", "rice", "egg", "oil", "leek", "plum", "veal", "corn")


def recipe(title, *lines, steps=()):
    return RecipeText("id", title, lines, tuple(steps))


def drawn(num_recipes, seed=0):
    """Recipes of words from a list."""
    generator = np.random.default_rng(seed)
    return [
        recipe(*(" ".join(generator.choice(WORDS, 4)) for _ in range(3)))
        for _ in range(num_recipes)
    ]


def fitted(recipes, reading=None, **settings):
    settings = {"min_count": 1, "max_terms": 1000, "dim": 4, "max_recipes": 1000} | settings
    return fit_lexicon(recipes, reading or TermReader(), seed=0, **settings)


def bag_of(lexicon, one):
    rows = lexicon.rows([one])
    return {lexicon.terms[t]: w for t, w in zip(rows.terms, rows.weights, strict=True)}


def test_weights_by_hand():
    """Two recipes; the title counts twice: "plum" is in one, "rice" in both."""
    recipes = [recipe("plum", "the rice"), recipe("rice", "rice")]
    lexicon = fitted(recipes, TermReader(max_words=1, title_weight=2))

    found = bag_of(lexicon, recipes[0])

    plum = (1 + math.log(2)) * (math.log(3 / 2) + 1)  # twice in the text; in 1 of 2 recipes
    rice = 1.0 * (math.log(3 / 3) + 1)
    length = math.hypot(plum, rice)
    assert lexicon.terms == ["plum", "rice"]  # "the" says nothing
    assert found == pytest.approx({"plum": plum / length, "rice": rice / length}, rel=1e-6)


def test_bags_are_scikit_learns_and_vectors_those_of_the_decomposition():
    """The same texts through its TF-IDF, and the largest four directions of the dense bags."""
    train, other = drawn(30), drawn(5, seed=1)
    lexicon = fitted(train, min_count=3)
    twin = TfidfVectorizer(sublinear_tf=True, min_df=3, stop_words="english", ngram_range=(1, 2))
    texts = [TermReader().text(one) for one in train]
    bags = twin.fit_transform(texts).toarray()
    right = np.linalg.svd(bags)[2][:4].T

    assert lexicon.terms == twin.get_feature_names_out().tolist()
    expected = twin.transform([TermReader().text(one) for one in other])
    rows = lexicon.rows(other)
    np.testing.assert_array_equal(rows.ends, expected.indptr[1:])
    np.testing.assert_array_equal(rows.terms, expected.indices)
    np.testing.assert_allclose(rows.weights, expected.data, rtol=1e-6)
    np.testing.assert_allclose(lexicon.vectors @ lexicon.vectors.T, right @ right.T, atol=1e-3)
    unit = bags @ lexicon.vectors
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    np.testing.assert_allclose(lexicon.mean, unit.mean(0), atol=1e-6)
    assert lexicon.std == pytest.approx(np.sqrt(((unit - unit.mean(0)) ** 2).mean()), rel=1e-6)


def test_what_is_saved_is_read_again(tmp_path):
    lexicon = fitted(drawn(20), TermReader(max_words=1, title_weight=2, stop_words="none"))
    lexicon.save(tmp_path)

    again = Lexicon.load(tmp_path)

    assert (again.reading, again.terms, again.std) == (lexicon.reading, lexicon.terms, lexicon.std)
    for name in ("idf", "vectors", "mean"):
        np.testing.assert_array_equal(getattr(again, name), getattr(lexicon, name))


def test_a_recipe_of_unknown_words_has_no_term():
    """Between two that have some."""
    lexicon = fitted(drawn(20), TermReader(max_words=1))

    rows = lexicon.rows([recipe("salt"), recipe("xyzzy", "plugh"), recipe("rice")])

    assert rows.ends.tolist() == [1, 1, 2]
    assert rows.weights.tolist() == [1.0, 1.0]


def test_settings_say_which_words_count():
    """Pairs of words, stop words, terms of several recipes, and at most so many."""
    recipes = [recipe("the rice egg"), recipe("the rice oil")]

    assert fitted(recipes, TermReader(title_weight=1)).terms == [
        "egg", "oil", "rice", "rice egg", "rice oil",
    ]  # fmt: skip
    all_words = TermReader(max_words=1, stop_words="none")
    assert fitted(recipes, all_words).terms == ["egg", "oil", "rice", "the"]
    assert fitted(recipes, all_words, min_count=2).terms == ["rice", "the"]
    assert fitted(recipes, all_words, max_terms=2).terms == ["rice", "the"]


def test_of_many_recipes_a_drawn_part_is_looked_at():
    """The same part for a seed, and every recipe may be in it."""
    recipes = [recipe(f"dish{n}") for n in range(40)]
    reading = TermReader(max_words=1)

    terms = [
        fit_lexicon(
            recipes, reading, min_count=1, max_terms=99, dim=2, max_recipes=10, seed=seed
        ).terms
        for seed in (0, 0, *range(1, 30))
    ]

    assert {len(found) for found in terms} == {10}
    assert terms[0] == terms[1]
    assert len(set().union(*terms)) == 40


def test_texts_without_a_term_are_refused_with_what_to_set():
    with pytest.raises(LexicalError, match=r"at least 2 of 2 train recipes hold.*lower calibrate"):
        fitted([recipe("salt"), recipe("rice")], min_count=2)
