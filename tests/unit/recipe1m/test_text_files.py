"""Text files beside the recipes: whatever their encoding, read right or refused."""

import gzip

import pytest

from seje_ray.calibration.category_table import read_category_table
from seje_ray.calibration.word2vec_file import read_word2vec
from seje_ray.recipe1m.records import DataError
from seje_ray.recipe1m.text_files import read_text, text_lines

TEXT = "id,class\nr1,crème brûlée\nr2,soup\n"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("is_packed", [False, True])
def test_text_is_the_same_in_every_encoding(tmp_path, encoding, is_packed):
    path, data = tmp_path / "t.csv", TEXT.encode(encoding)
    path.write_bytes(gzip.compress(data) if is_packed else data)
    assert read_text(path) == TEXT
    assert list(text_lines(path)) == TEXT.splitlines()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.json"])
def test_a_category_table_is_the_same_in_every_encoding(tmp_path, name, encoding):
    text = {
        "t.csv": TEXT,
        "t.tsv": TEXT.replace(",", "\t"),
        "t.json": '{"r1": "crème brûlée", "r2": "soup"}',
    }[name]
    (tmp_path / name).write_bytes(text.encode(encoding))
    found = read_category_table(tmp_path / name)
    assert found.names == ("background", "crème brûlée", "soup")
    assert (found.numbers, found.rejected) == ({"r1": 1, "r2": 2}, {})


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_word_vectors_are_the_same_in_every_encoding(tmp_path, encoding):
    (tmp_path / "v.txt").write_bytes("crème 1 2\nsoup 3 4\n".encode(encoding))
    assert read_word2vec(tmp_path / "v.txt").words == ("crème", "soup")


def test_binary_data_is_no_text(tmp_path):
    """NUL between other bytes, which is no UTF-16."""
    (tmp_path / "t.csv").write_bytes(b"id,class\nr1,so\0up\n" + b"r2,soup\n" * 20)
    with pytest.raises(DataError, match="expected text, found NUL"):
        read_text(tmp_path / "t.csv")
    with pytest.raises(DataError, match="found NUL"):
        read_category_table(tmp_path / "t.csv")


def test_a_line_may_end_between_two_parts(tmp_path):
    """Megabytes are read at once."""
    path = tmp_path / "t.txt"
    path.write_text("é" * 700_000 + "\r\n" + "b" * 900_000)
    assert [len(line) for line in text_lines(path)] == [700_000, 900_000]
