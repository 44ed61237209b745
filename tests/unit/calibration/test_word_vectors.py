"""word2vec on the texts of recipes."""

import json
import zlib

import numpy as np
import pytest
from gensim.models import Word2Vec

from seje_ray.calibration.word2vec import fit_word_vectors
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.errors import ArtifactError

SETTINGS = {"dim": 8, "window": 3, "epochs": 2, "min_count": 2, "seed": 1}


def texts_of_two_dishes():
    """ "rice" is always near "egg", "cocoa" near "sugar"."""
    generator = np.random.default_rng(0)
    groups = [["rice", "egg", "soy_sauce", "wok"], ["cocoa", "sugar", "oven", "bake"]]
    return [
        [groups[number % 2][i] for i in generator.integers(0, 4, size=12)] for number in range(300)
    ]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    texts = texts_of_two_dishes()

    first, again = fit_word_vectors(texts, **SETTINGS), fit_word_vectors(texts, **SETTINGS)
    other = fit_word_vectors(texts, **{**SETTINGS, "seed": 2})

    assert first.words == again.words
    assert first.matrix.tobytes() == again.matrix.tobytes()
    assert first.vocabulary_hash == again.vocabulary_hash != other.vocabulary_hash


def test_vectors_are_those_of_skip_gram_with_hierarchical_softmax():
    """The library's own call, every setting of docs/method.md, rule 1.5, written out."""
    texts = texts_of_two_dishes()
    twin = Word2Vec(
        texts, sg=1, hs=1, negative=0, vector_size=8, window=3, epochs=2, min_count=2, seed=1,
        workers=1, hashfxn=lambda word: zlib.crc32(word.encode()),
    )  # fmt: skip

    vectors = fit_word_vectors(texts, **SETTINGS)

    assert vectors.matrix.tobytes() == twin.wv.vectors.tobytes()


def test_words_that_occur_together_are_near():
    vectors = fit_word_vectors(texts_of_two_dishes(), **{**SETTINGS, "epochs": 20})

    def cosine(one, other):
        u, v = vectors.vector(one), vectors.vector(other)
        return float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))

    assert cosine("rice", "soy_sauce") > cosine("rice", "sugar") + 0.5
    assert cosine("cocoa", "bake") > cosine("cocoa", "wok") + 0.5


def test_words_below_min_count_get_no_vector():
    vectors = fit_word_vectors([["a", "b", "b", "c", "c", "c"]] * 2, **{**SETTINGS, "min_count": 4})

    assert vectors.words == ("c", "b")
    assert vectors.matrix.shape == (2, 8)
    assert vectors.vector("a") is None


@pytest.mark.parametrize("texts", [[], [[]], [["once"]]])
def test_texts_without_a_frequent_word_give_no_vectors(texts, tmp_path):
    vectors = fit_word_vectors(texts, **SETTINGS)
    vectors.save(tmp_path)

    assert len(vectors) == len(WordVectors.load(tmp_path)) == 0
    assert vectors.dim == WordVectors.load(tmp_path).dim == 8
    assert vectors.vector("once") is None


def test_a_vocabulary_of_one_word_can_be_fitted():
    vectors = fit_word_vectors([["salt", "salt"]], **SETTINGS)

    assert vectors.words == ("salt",)
    assert np.isfinite(vectors.matrix).all()


def test_each_epoch_is_reported():
    told = []

    fit_word_vectors(
        texts_of_two_dishes(), **SETTINGS, progress=lambda done, total, text: told.append(done)
    )

    assert told == [1, 2]


def test_phrases_outside_the_vocabulary_are_means_of_their_words():
    vectors = WordVectors(["soy", "sauce", "soy_bean"], np.asarray([[2, 0], [0, 4], [7, 7]]))

    assert vectors.vector("soy_bean").tolist() == [7, 7]
    assert vectors.vector("soy bean").tolist() == [7, 7]
    assert vectors.vector("soy_sauce").tolist() == [1, 2]  # ((2, 0) + (0, 4)) / 2
    assert vectors.vector("dark soy_sauce").tolist() == [1, 2]  # "dark" is unknown
    assert vectors.vector("dark") is None
    assert vectors.vector("") is None


def test_vectors_survive_the_disk_bitwise(tmp_path):
    vectors = fit_word_vectors(texts_of_two_dishes(), **SETTINGS)
    vectors.save(tmp_path)

    loaded = WordVectors.load(tmp_path)

    assert loaded.words == vectors.words
    assert loaded.matrix.tobytes() == vectors.matrix.tobytes()
    assert loaded.vocabulary_hash == vectors.vocabulary_hash


def test_the_hash_sees_words_and_vectors():
    matrix = np.eye(2, dtype=np.float32)
    plain = WordVectors(["a", "b"], matrix).vocabulary_hash

    assert WordVectors(["b", "a"], matrix).vocabulary_hash != plain
    assert WordVectors(["a", "b"], matrix * 2).vocabulary_hash != plain
    assert WordVectors(["a", "b"], matrix.copy()).vocabulary_hash == plain


@pytest.mark.parametrize("words", [["a", "c"], ["a"]])
def test_words_and_vectors_of_different_fits_are_refused(tmp_path, words):
    WordVectors(["a", "b"], np.eye(2)).save(tmp_path)
    stored = json.loads((tmp_path / "words.json").read_text())
    (tmp_path / "words.json").write_text(json.dumps({**stored, "words": words}))

    with pytest.raises(ArtifactError, match="do not belong together"):
        WordVectors.load(tmp_path)


def test_a_matrix_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="2 words"):
        WordVectors(["a", "b"], np.zeros((3, 4)))


def test_whitened_vectors_are_centred_and_uncorrelated():
    """Mean 0; variance v becomes v / (v + floor), by hand from the given spread."""
    generator = np.random.default_rng(5)
    spread = np.array([10.0, 1.0, 0.1])
    drawn = generator.normal(size=(4000, 3)) * spread + 7
    words = [f"w{n}" for n in range(len(drawn))]

    white = WordVectors(words, drawn.astype(np.float32)).whitened()

    assert white.words == tuple(words)
    np.testing.assert_allclose(white.matrix.mean(axis=0), 0, atol=1e-4)
    variances = np.cov(drawn.T, bias=True).diagonal()
    floor = 0.01 * variances.mean()
    found = np.cov(white.matrix.T, bias=True)
    np.testing.assert_allclose(
        np.sort(found.diagonal()), np.sort(variances / (variances + floor)), rtol=0.05
    )
    np.testing.assert_allclose(found - np.diag(found.diagonal()), 0, atol=1e-3)


def test_whitening_an_empty_vocabulary_changes_nothing():
    """No word occurred often enough."""
    empty = WordVectors((), np.zeros((0, 4), np.float32))
    assert empty.whitened().matrix.shape == (0, 4)
