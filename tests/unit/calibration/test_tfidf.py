"""TF-IDF scores of key terms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from seje_ray.calibration.raters.tfidf import TfidfRater

TOKENS = st.lists(st.sampled_from(["salt", "rice", "soy_sauce", "egg", "oil"]), max_size=8)


def test_scores_by_hand():
    """Of 3 recipes 2 have salt, 1 has rice as a key term that its text does not name."""
    rater = TfidfRater.fit(
        [(["salt"], ["add", "salt", "salt"]), (["salt", "rice"], ["salt"]), ([], ["add"])]
    )

    scores = rater.rate(["salt", "rice", "fish"], ["salt", "salt", "add"])

    # idf = ln((1 + 3) / (1 + df)) + 1 with df 2, 1, 0; tf 2, 1 (named nowhere), 1
    expected = [2 * (math.log(4 / 3) + 1), math.log(4 / 2) + 1, math.log(4 / 1) + 1]
    assert scores == pytest.approx(expected)


@given(documents=st.lists(TOKENS, min_size=1, max_size=6))
def test_scores_equal_scikit_learn(documents):
    """Key terms that the text names: its smooth idf without normalisation."""
    documents = [["always", *document] for document in documents]
    rater = TfidfRater.fit(([], document) for document in documents)
    twin = TfidfVectorizer(analyzer=list, norm=None)
    matrix = twin.fit_transform(documents).toarray()

    for document, row in zip(documents, matrix, strict=True):
        terms = sorted(set(document))
        expected = [row[twin.vocabulary_[term]] for term in terms]
        assert rater.rate(terms, document) == pytest.approx(expected)


def test_without_recipes_every_term_scores_its_count():
    rater = TfidfRater.fit([])

    assert rater.rate(["salt", "oil"], ["salt", "salt"]) == [2.0, 1.0]
    assert rater.rate([], ["salt"]) == []


def test_a_rater_survives_the_disk(tmp_path):
    rater = TfidfRater.fit([(["crème"], ["crème", "salt"])])

    rater.save(tmp_path)

    assert TfidfRater.load(tmp_path) == rater
