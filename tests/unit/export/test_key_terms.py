"""The loader's f_term and bags are the package's, whatever a calibration chose."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.calibration.calibrator import TextCalibrator, fit_text
from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import common_ingredients
from seje_ray.calibration.key_terms import ContentWords, NoActions
from seje_ray.calibration.language import Language
from seje_ray.calibration.lexical import TermReader, fit_lexicon
from seje_ray.calibration.line_tagger import fit_line_tagger
from seje_ray.calibration.parts_of_speech import PosActions
from seje_ray.calibration.raters.bert import BertRater
from seje_ray.calibration.raters.textrank import TextRankRater
from seje_ray.calibration.term_tagger import BilstmTagger, DetIngrsTagger, WordTagger
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.export.examples import as_plain
from seje_ray.export.seje_encoder.key_terms import KeyTermReader, text_rank
from seje_ray.export.seje_encoder.lexical import TermBag
from seje_ray.export.seje_encoder.line_tagger import LineMarker
from seje_ray.recipe1m.records import Entity
from tests.unit.export.test_words import words_of

ENGLISH = Language()
TEXT = "Soy-glazed spring onion soup with eggs and half a lemon. Boil 2 cups; whisk the soy sauce!"
WORDS = TEXT.lower().replace(".", "").replace(";", "").split()
LINE = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
SOUP = RecipeText(
    "soup",
    "Spring onion soup",
    ("2 spring onions, sliced", "1 tbsp soy sauce", "whatever you like"),
    ("Boil the soy sauce with spring onions. Whisk in eggs.", "Serve at once"),
    (Entity("spring onion", True), Entity("soy sauce", True), Entity("you like", False)),
)
RECIPES = st.builds(
    RecipeText,
    st.just(""),
    LINE,
    st.lists(LINE, max_size=3).map(tuple),
    st.lists(LINE, max_size=3).map(tuple),
    st.none() | st.lists(st.builds(Entity, LINE, st.booleans()), max_size=3).map(tuple),
)
FITTED = fit_text([SOUP], num_bigrams=0, max_bigram_categories=0, min_members=1, food101=True)
VECTORS = WordVectors(
    ["soy_sauce", "spring_onion", "spring", "eggs", "boil", "soup", "sauce", "lemon"],
    np.random.default_rng(0).standard_normal((8, 5)).astype(np.float32),
)


def lengths(texts):
    """Vectors that a text model could give: unit, and of the text alone."""
    rows = np.array([[len(t) + 1, t.count("s"), t.count("o"), -3.0] for t in texts], np.float32)
    return rows.reshape(len(texts), 4) / np.linalg.norm(rows.reshape(-1, 4), axis=1, keepdims=True)


@cache
def line_tagger():
    """Has learnt some lines."""
    return fit_line_tagger(
        6 * [SOUP], FITTED.reexaminer, epochs=20, batch_size=4, learning_rate=0.02, seed=0,
        hidden_dim=8,
    )  # fmt: skip


def package(tagger="det_ingrs", actions="content_words", rater="tfidf", normalisation="sum"):
    taggers = {
        "det_ingrs": DetIngrsTagger(FITTED.reexaminer),
        "none": WordTagger(),
        "bilstm": BilstmTagger(line_tagger(), FITTED.reexaminer, threshold=0.3),
    }
    raters = {"tfidf": FITTED.tfidf, "textrank": TextRankRater(), "bert": BertRater(lengths)}
    finders = {"content_words": ContentWords, "none": NoActions, "pos": PosActions}
    return TextCalibrator(
        FITTED.categories,
        VECTORS,
        taggers[tagger],
        finders[actions](),
        raters[rater],
        normalisation,
    )


def loader(tagger="det_ingrs", actions="content_words", rater="tfidf", normalisation="sum"):
    words = words_of(ENGLISH)
    settings = {
        "is_used": True, "tagger": tagger, "actions": actions, "min_letters": 3, "rater": rater,
        "num_recipes": FITTED.tfidf.num_recipes, "normalisation": normalisation, "threshold": 0.3,
    }  # fmt: skip
    vocabulary = {
        "words": VECTORS.words,
        "entities": FITTED.lexicon.frequencies,
        "common": common_ingredients(),
        "document_frequencies": FITTED.tfidf.document_frequencies,
    }
    marker = LineMarker(settings, line_tagger().state_dict(), words)
    return KeyTermReader(
        settings,
        vocabulary,
        VECTORS.matrix,
        words,
        spans=marker.spans if tagger == "bilstm" else None,
        encode=lengths if rater == "bert" else None,
    )


def assert_equal_vectors(recipe, **choices):
    expected = package(**choices).features([recipe])[0].key_term_vector
    plain = {"entities": None} | as_plain(recipe)
    np.testing.assert_allclose(loader(**choices).vector(plain), expected, atol=1e-6)


@pytest.mark.parametrize("tagger", ["det_ingrs", "none"])
@pytest.mark.parametrize("rater", ["tfidf", "textrank", "bert"])
@given(recipe=RECIPES)
def test_vectors_are_the_packages_by_every_rater(tagger, rater, recipe):
    assert_equal_vectors(recipe, tagger=tagger, rater=rater)


@pytest.mark.parametrize("normalisation", ["weighted_mean", "sum", "l2"])
def test_vectors_are_normalised_as_they_were(normalisation):
    assert_equal_vectors(SOUP, normalisation=normalisation, actions="none")
    assert_equal_vectors(SOUP, normalisation=normalisation)


def test_lines_are_marked_as_the_network_marks_them():
    """Some lines it is sure of, others are looked up."""
    names = ("spring onions", "soy sauce", "whatever", "ears of corn")
    lines = [f"{n} {unit}{name}" for n in (1, 20) for unit in ("", "tbsp ") for name in names]
    lines += ["", "½", "(salt) - * 'pepper'", "a " * 99]
    spans = line_tagger().spans(lines)
    expected = [s.entity if s.is_understood(0.3) else None for s in spans]
    marker = LineMarker({"threshold": 0.3}, line_tagger().state_dict(), words_of(ENGLISH))
    assert marker.spans(lines) == expected
    assert 0 < expected.count(None) < len(lines)
    assert_equal_vectors(SOUP, tagger="bilstm")


def test_verbs_and_nouns_are_those_of_the_same_tagger():
    pytest.importorskip("spacy", reason="needs the extra pos")
    assert_equal_vectors(SOUP, actions="pos")


@given(st.lists(st.sampled_from(WORDS), unique=True, max_size=6), st.lists(st.sampled_from(WORDS)))
def test_text_rank_is_the_packages(terms, tokens):
    assert text_rank(terms, tokens) == pytest.approx(TextRankRater().rate(terms, tokens))


def test_an_ablation_leaves_the_vector_zero():
    terms = loader()
    terms._settings = {**terms._settings, "is_used": False}
    assert not terms.vector({"entities": None} | as_plain(SOUP)).any()


@pytest.mark.parametrize(
    "reading", [TermReader(), TermReader(max_words=3, title_weight=0, stop_words="none")]
)
@given(recipe=RECIPES)
def test_bags_are_those_of_the_lexicon(reading, recipe):
    lexicon = fit_lexicon(
        [SOUP, SOUP], reading, min_count=1, max_terms=40, dim=2, max_recipes=9, seed=0
    )
    settings = {"max_words": reading.max_words, "title_weight": reading.title_weight}
    stop_words = reading.counter().get_stop_words() or ()
    bag = TermBag(settings, lexicon.terms, stop_words, lexicon.idf, {})

    numbers, weights = bag.of(as_plain(recipe))

    expected = lexicon.rows([recipe])
    np.testing.assert_array_equal(numbers, expected.terms)
    np.testing.assert_allclose(weights, expected.weights, rtol=1e-6)
