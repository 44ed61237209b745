"""Calibration of real recipes gives sensible terms."""

import json

import pytest

from seje_ray.calibration.calibrator import fit_text
from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import EntityLexicon, Reexaminer, tag_lines
from seje_ray.calibration.key_terms import RecipeWords
from seje_ray.calibration.term_tagger import DetIngrsTagger
from seje_ray.calibration.word2vec import fit_word_vectors
from seje_ray.recipe1m.records import Entity


@pytest.fixture(scope="module")
def train(shared_data) -> list[RecipeText]:
    folder = shared_data / "cookbook"
    detected = {d["id"]: d for d in json.loads((folder / "det_ingrs.json").read_text())}
    return [
        RecipeText(
            recipe["id"],
            recipe["title"],
            tuple(line["text"] for line in recipe["ingredients"]),
            tuple(line["text"] for line in recipe["instructions"]),
            tuple(
                Entity(entity["text"], valid)
                for entity, valid in zip(
                    detected[recipe["id"]]["ingredients"],
                    detected[recipe["id"]]["valid"],
                    strict=True,
                )
            ),
        )
        for recipe in json.loads((folder / "layer1.json").read_text())
        if recipe["partition"] == "train"
    ]


def test_flagged_lines_of_real_recipes_are_mostly_rescued(train):
    """Read in the file: these lines are flagged invalid, and what they name is plain to see."""
    reexaminer = Reexaminer(EntityLexicon.fit(train))

    tagged = [tag_lines(recipe, reexaminer) for recipe in train]

    num_flagged = sum(not entity.valid for recipe in train for entity in recipe.entities)
    num_rescued = sum(lines.num_rescued_lines for lines in tagged)
    num_unknown = sum(lines.num_unknown_lines for lines in tagged)
    assert num_flagged <= num_rescued + num_unknown <= 1.5 * num_flagged
    assert num_rescued > 2 * num_unknown
    assert reexaminer.match("Juice of 1/2 Lemon") in ("lemon", "juice", "lemon_juice")
    assert reexaminer.match("1 bowl of Rice (400g)") == "rice"
    assert reexaminer.match("White Sugar or Rock Sugar") in ("white_sugar", "rock_sugar")


def test_bare_lines_find_what_the_detector_found(train):
    """Without det_ingrs most lines give a word of the detector's own entity."""
    reexaminer = Reexaminer(EntityLexicon({}))
    num_lines = num_agreeing = 0
    for recipe in train:
        bare = RecipeText(recipe.id, recipe.title, recipe.ingredients, recipe.instructions, None)
        known = tag_lines(recipe, Reexaminer(EntityLexicon({}))).entities
        for found, expected in zip(tag_lines(bare, reexaminer).entities, known, strict=True):
            if expected is not None:
                num_lines += 1
                words = set(expected.split("_"))
                num_agreeing += found is not None and bool(words & set(found.split("_")))

    assert num_agreeing > 0.75 * num_lines


def test_rare_ingredients_outweigh_salt_and_most_terms_have_a_vector(train):
    settings = {"num_bigrams": 2000, "max_bigram_categories": 1000, "food101": True}
    fitted = fit_text(train, min_members=None, **settings)
    texts = RecipeWords(train, DetIngrsTagger(fitted.reexaminer))
    vectors = fit_word_vectors(texts, dim=16, window=10, epochs=1, min_count=3, seed=0)

    terms = {term for recipe in texts for term in recipe if term in fitted.lexicon.frequencies}
    num_missing = sum(vectors.vector(term) is None for term in terms)
    assert fitted.tfidf.idf("salt") == min(fitted.tfidf.idf(t) for t in fitted.lexicon.frequencies)
    assert num_missing < 0.25 * len(terms)
    assert {"pizza", "pancakes"} <= set(fitted.categories.names)
