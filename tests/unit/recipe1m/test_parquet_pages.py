"""Whether few bytes of a Parquet file become many texts is seen in its pages."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.recipe1m import parquet_file
from seje_ray.recipe1m.own_data import read_own_data
from seje_ray.recipe1m.parquet_file import opened_parquet
from seje_ray.recipe1m.parquet_footer import column_sizes
from seje_ray.recipe1m.parquet_pages import Repeats, repeats_in
from seje_ray.recipe1m.records import DataError

TEXTS = ["peas", "onions", "", None, "peas"] * 20
TABLE = pa.table(
    {
        "id": [str(number) for number in range(100)],
        "title": TEXTS,
        "ingredients": [[text or "salt", "water"] for text in TEXTS],
    }
)
CODECS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]
BY_PREFIX = {"use_dictionary": False, "column_encoding": {"title": "DELTA_BYTE_ARRAY"}}


def written(folder, table=TABLE, **options):
    path = folder / "own.parquet"
    pq.write_table(table, path, **options)
    return path


def repeats(path, name):
    return [repeats_in(path, one) for one in column_sizes(path) if one.name == name]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_column_by_a_dictionary_tells_its_values_and_its_longest_text(
    tmp_path, monkeypatch, codec, version
):
    """By hand: 50 rows each, and onions have six letters; below the limit the page's bytes do."""
    path = written(tmp_path, compression=codec, data_page_version=version, row_group_size=50)
    entries = sum(4 + len(text) for text in ("peas", "onions", ""))
    assert repeats(path, "title") == [Repeats(50, entries, 0, 0)] * 2
    monkeypatch.setattr("seje_ray.limits.MIN_GROWN_BYTES", 50)
    assert repeats(path, "title") == [Repeats(50, len("onions"), 0, 0)] * 2


def test_plain_pages_and_those_by_prefixes_are_told_apart(tmp_path):
    """A plain column repeats nothing; one by prefixes tells its largest page."""
    assert repeats(written(tmp_path, use_dictionary=False), "title") == [Repeats(0, 0, 0, 0)]
    [found] = repeats(written(tmp_path, **BY_PREFIX), "title")
    assert found is not None
    assert (found.from_dictionary, found.by_prefix) == (0, 100)
    assert found.page_bytes > len("peasonions")


@given(place=st.floats(0, 0.999), bit=st.integers(0, 7), cut=st.booleans())
def test_damaged_pages_tell_something_or_nothing(tmp_path_factory, place, bit, cut):
    """Never an error: what is not told is read as if it might grow."""
    path = written(tmp_path_factory.mktemp("damaged"))
    sizes, data = column_sizes(path), bytearray(path.read_bytes())
    at = int(place * len(data))
    if cut:
        del data[at:]
    else:
        data[at] ^= 1 << bit
    path.write_bytes(data)
    for size in sizes:
        found = repeats_in(path, size)
        assert found is None or isinstance(found, Repeats)


def kinds(path, name="title"):
    """Whether a column comes as dictionaries, of each batch."""
    with opened_parquet(path) as file:
        found = [batch.schema.field(name).type for batch in file.batches(64, file.leaves)]
    return [pa.types.is_dictionary(one) for one in found]


def test_what_may_grow_is_read_by_dictionaries_and_nothing_else(tmp_path, monkeypatch):
    """The second group repeats a long text; pages that tell nothing may grow, too."""
    texts = [*(f"title {number}" for number in range(50)), *["x" * 9000] * 50]
    table = TABLE.set_column(1, "title", pa.array(texts))
    path = written(tmp_path, table, row_group_size=50)
    monkeypatch.setattr("seje_ray.limits.MIN_GROWN_BYTES", 100_000)
    assert kinds(path) == [False, True]
    monkeypatch.setattr("seje_ray.limits.MAX_PAGES_LOOKED_AT", 0)
    assert kinds(path) == [True, True]
    recipes = [one.title for one in read_own_data(path)]
    assert recipes == texts


def test_dictionaries_of_arrow_are_read_as_what_they_hold(tmp_path):
    """As pandas writes categories; the schema that Arrow keeps beside Parquet's asks for them."""
    columns = [column.combine_chunks() for column in TABLE.columns]
    lists = pa.ListArray.from_arrays(columns[2].offsets, columns[2].values.dictionary_encode())
    table = pa.table([columns[0], columns[1].dictionary_encode(), lists], names=TABLE.schema.names)
    path = written(tmp_path, table)
    assert pa.types.is_dictionary(pq.read_schema(path).field("title").type)
    with opened_parquet(path) as file:
        assert file.schema.field("title").type == pa.string()
    assert kinds(path) == [False, False]
    found = list(read_own_data(path))
    assert found == list(read_own_data(written(tmp_path)))


def test_columns_that_other_programs_read_otherwise_stay_arrows(tmp_path):
    """Durations are whole numbers in Parquet: there the file is read as before."""
    times = pa.array([1] * 100, pa.duration("s"))
    table = TABLE.set_column(1, "title", TABLE["title"].dictionary_encode())
    path = written(tmp_path, table.append_column("cook_time", times))
    with opened_parquet(path) as file:
        assert pa.types.is_dictionary(file.schema.field("title").type)
    assert [one.title for one in read_own_data(path)] == [text or "" for text in TEXTS]


def test_texts_by_prefixes_are_read_a_few_pages_at_once(tmp_path, monkeypatch):
    """As Spark may write them; Arrow reads no dictionaries of them."""
    path = written(tmp_path, **BY_PREFIX)
    assert [one.title for one in read_own_data(path)] == [text or "" for text in TEXTS]
    monkeypatch.setattr(parquet_file, "BYTES_BY_PREFIX", 1)
    with opened_parquet(path) as file:
        assert {batch.num_rows for batch in file.batches(64, file.leaves)} == {1}


def test_lists_by_prefixes_that_may_grow_without_end_are_refused(tmp_path, monkeypatch):
    """A single row may hold all of them."""
    encodings = {"ingredients.list.element": "DELTA_BYTE_ARRAY"}
    path = written(tmp_path, use_dictionary=False, column_encoding=encodings)
    found = [one.ingredients for one in read_own_data(path)]
    assert found == [tuple(lines) for lines in TABLE["ingredients"].to_pylist()]
    monkeypatch.setattr("seje_ray.limits.MIN_GROWN_BYTES", 1000)
    with pytest.raises(DataError, match=r"found ingredients\.list\.element by prefixes"):
        list(read_own_data(path))
