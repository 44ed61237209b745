"""Word vectors from and to word2vec's files."""

import gzip
import struct

import numpy as np
import pytest
from gensim.models.fasttext import FastText, save_facebook_model

from seje_ray.calibration.word2vec_file import (
    FASTTEXT,
    WordVectorFileError,
    read_word2vec,
    write_word2vec,
)
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.errors import SejeError

WORDS = ["salt", "soy_sauce", "crème"]
MATRIX = np.array([[0.5, -1.25], [3.0, 0.1], [1e-9, 2.0]], np.float32)


def test_the_binary_format_keeps_every_bit(tmp_path):
    write_word2vec(WordVectors(WORDS, MATRIX), tmp_path / "v.bin")

    again = read_word2vec(tmp_path / "v.bin")

    assert again.vocabulary_hash == WordVectors(WORDS, MATRIX).vocabulary_hash


def test_the_binary_format_is_word2vecs_own(tmp_path):
    """Written by hand: a line of counts, then each word, a space and its float32 numbers."""
    rows = zip(WORDS, MATRIX, strict=True)
    body = b"".join(w.encode() + b" " + struct.pack("<2f", *v) + b"\n" for w, v in rows)
    (tmp_path / "v.bin").write_bytes(b"3 2\n" + body)

    found = read_word2vec(tmp_path / "v.bin")

    assert found.words == tuple(WORDS)
    np.testing.assert_array_equal(found.matrix, MATRIX)


@pytest.mark.parametrize("suffix", [".txt", ".vec"])
def test_a_suffix_means_text(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    path.write_text("2 3\nsalt 1 2 3\nsoy_sauce 4 5 6.5\n")

    found = read_word2vec(path)
    write_word2vec(found, path)

    assert found.words == ("salt", "soy_sauce")
    assert found.matrix.tolist() == [[1, 2, 3], [4, 5, 6.5]]
    assert path.read_text().splitlines()[0] == "2 3"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.bin", None, "no such file of word vectors"),
        ("short.bin", b"3 2\nsalt \x00\x00", "expected 3 words of 2 numbers, as it says"),
        ("page.bin", b"<html>not vectors</html>\n", "expected word vectors, as word2vec"),
        ("empty.bin", b"", "expected word vectors, found none"),
        ("page.txt", b"2 3\nsalt 1 2\n", "line 2: expected a word and 3 numbers, found 'salt 1 2'"),
        ("glove.txt", b"salt 1 2\npepper 3\n", "line 2: expected a word and 2 numbers"),
        ("short.txt", b"3 2\nsalt 1 2\n", "expected 3 words, found 1: its end is missing"),
        ("nan.txt", b"1 2\nsalt nan 1\n", "expected finite numbers"),
        ("glove.zip", b"PK\x03\x04", "found a zip file; unpack it first"),
        ("v.pkl", b"\x80\x04\x95", "found a pickle"),
        ("cut.bin", FASTTEXT + b"\x0c\x00\x00\x00", "found something else or damage"),
        ("cut.gz", b"\x1f\x8b\x08", "found something else or damage"),
    ],
)
def test_any_other_file_is_one_clear_error(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(WordVectorFileError, match=message):
        read_word2vec(tmp_path / name)


TEXT = "salt 0.5 -1.25\nsoy_sauce 3.0 0.1\ncrème 1e-09 2.0\n"


@pytest.mark.parametrize("name", ["glove.6B.txt", "vectors", "v.vec", "v.txt.gz", "v.bin"])
@pytest.mark.parametrize("header", ["", "3 2\n"])
def test_text_is_read_with_and_without_a_line_of_counts_whatever_its_name(tmp_path, name, header):
    data = (header + TEXT).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)

    found = read_word2vec(tmp_path / name)

    assert found.words == tuple(WORDS)
    np.testing.assert_array_equal(found.matrix, MATRIX)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", [" \n", "\r\n"])
def test_marks_and_ends_of_lines_are_no_part_of_words_or_numbers(tmp_path, encoding, end):
    """fastText ends lines with a blank; Windows with another mark."""
    (tmp_path / "v.vec").write_bytes(TEXT.replace("\n", end).encode(encoding))
    assert read_word2vec(tmp_path / "v.vec").words == tuple(WORDS)


def test_a_word_may_hold_blanks_and_counts_once(tmp_path):
    """As some of GloVe's do; the first vector stays."""
    (tmp_path / "v.txt").write_text("salt 1 2\nat name 3 4\nsalt 5 6\n")

    found = read_word2vec(tmp_path / "v.txt")

    assert found.words == ("salt", "at name")
    assert found.matrix.tolist() == [[1, 2], [3, 4]]


def test_fasttexts_own_file_gives_its_own_words(tmp_path):
    """With what their n-grams add, as fastText itself gives them."""
    model = FastText([["salt", "pepper"], ["salt", "soup"]] * 20, vector_size=4, bucket=50, seed=1)
    save_facebook_model(model, str(tmp_path / "cc.en.bin"))

    found = read_word2vec(tmp_path / "cc.en.bin")

    assert set(found.words) == {"salt", "pepper", "soup"}
    for word, vector in zip(found.words, found.matrix, strict=True):
        np.testing.assert_allclose(vector, model.wv[word], atol=1e-6)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("counts", ["1000000000 300", "1 2000000000", f"{'9' * 30} 2", "5 10001"])
def test_counts_that_the_file_does_not_hold_take_no_memory(tmp_path, packed, counts):
    """A header says how much memory is taken; the file says how much can be meant."""
    body = f"{counts}\nsalt ".encode() + bytes(range(1, 200))
    path = tmp_path / "v.bin"
    path.write_bytes(gzip.compress(body) if packed else body)
    with pytest.raises(WordVectorFileError, match=r"v\.bin"):
        read_word2vec(path)


@pytest.mark.parametrize("counts", ["", "5000000 1\n"])
def test_a_word_that_comes_again_and_again_ends_the_reading(tmp_path, monkeypatch, counts):
    """A packed file of 1 MB may hold a hundred million equal lines."""
    monkeypatch.setattr("seje_ray.limits.MAX_REPEATED_WORDS", 10)
    path = tmp_path / "v.txt.gz"
    path.write_bytes(gzip.compress(counts.encode() + b"salt 1\n" * 500_000))
    with pytest.raises(WordVectorFileError, match="expected each word once, found 11 again"):
        read_word2vec(path)


def test_a_packed_file_that_grows_without_end_is_given_up(tmp_path, monkeypatch):
    """As every packed file of text; the name does not matter."""
    monkeypatch.setattr("seje_ray.limits.MIN_GROWN_BYTES", 1 << 20)
    path = tmp_path / "v.txt.gz"
    path.write_bytes(gzip.compress(b" " * (32 << 20)))
    with pytest.raises(SejeError, match="more than 500 times its size"):
        read_word2vec(path)


def test_a_line_of_far_too_many_numbers_is_none(tmp_path):
    """Nothing that people publish has ten thousand dimensions."""
    (tmp_path / "v.txt").write_text("salt " + "1 " * 20_000)
    with pytest.raises(WordVectorFileError, match="at most 10,000 numbers per word"):
        read_word2vec(tmp_path / "v.txt")
