"""Word vectors from and to word2vec's files."""

import struct

import numpy as np
import pytest

from seje_ray.calibration.word2vec_file import WordVectorFileError, read_word2vec, write_word2vec
from seje_ray.calibration.word_vectors import WordVectors

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
        ("none.bin", None, "no such word2vec file"),
        ("short.bin", b"3 2\nsalt \x00\x00", "expected word2vec's binary format"),
        ("page.bin", b"<html>not vectors</html>\n", "expected word2vec's binary format"),
        ("empty.bin", b"", "expected word2vec's binary format"),
        ("page.txt", b"2 3\nsalt 1 2\n", "expected word2vec's text format"),
        ("nan.txt", b"1 2\nsalt nan 1\n", "expected finite numbers"),
    ],
)
def test_any_other_file_is_one_clear_error(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(WordVectorFileError, match=message):
        read_word2vec(tmp_path / name)
