"""Any table, written in every format, is read back as the same recipes."""

import csv
import io
import json
import tarfile

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seje_ray.recipe1m.records import Recipe
from seje_ray.recipe1m.source import open_source

# Words that are no list, entity, tag or missing cell.
WORDS = st.text("abcdefgh éñüßÄ½°", min_size=1, max_size=12).map(str.strip).filter(bool)
WESTERN = st.sampled_from(
    [
        "plain",
        "jalapeño",
        "Käse & Brot",
        "½ cup",
        "180 °C",
        "süß",
        "Smørrebrød",
        "à la carte",
    ]
)
MORE_WORDS = st.text("abc éñ日本語Жщ", min_size=1, max_size=12).map(str.strip).filter(bool)
TEXTS = ("id", "title", "ingredients", "instructions", "images", "partition")


@st.composite
def tables(draw, words=WORDS):
    """Recipes with missing cells, and an order of their keys."""
    lines = st.lists(words, min_size=1, max_size=4)
    records = [
        {
            "id": f"r{row}",
            "title": draw(st.none() | words),
            "ingredients": draw(lines),
            "instructions": draw(st.none() | lines),
            "images": draw(st.none() | st.just([f"{row}.jpg"])),
            "partition": draw(st.sampled_from(["train", "val", "test"])),
        }
        for row in range(draw(st.integers(1, 6)))
    ]
    return records, draw(st.permutations(TEXTS))


def expected(records):
    """What any reader gives of them."""
    return [
        (
            record["id"],
            record["partition"],
            record["title"] or "",
            tuple(record["ingredients"]),
            tuple(record["instructions"] or ()),
            tuple(record["images"] or ()),
        )
        for record in records
    ]


def read(path):
    """What our reader gives of a file or folder."""
    found = list(open_source(path).read())
    assert all(isinstance(one, Recipe) for one in found), found
    return [
        (r.id, r.partition, r.title, r.ingredients, r.instructions, tuple(i.id for i in r.images))
        for r in found
    ]


def ordered(records, order, *, with_nulls=True):
    """Records with their keys in an order; a missing cell is null, or no key at all."""
    return [{k: r[k] for k in order if with_nulls or r[k] is not None} for r in records]


def as_lines(records, order):
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in ordered(records, order))


def as_list(records, order):
    return json.dumps(ordered(records, order, with_nulls=False), ensure_ascii=False, indent=1)


def as_wrapped(records, order):
    return json.dumps({"version": 2, "recipes": ordered(records, order)}, ensure_ascii=False)


def as_ids(records, order):
    rows = ordered(records, order, with_nulls=False)
    return json.dumps({r.pop("id"): r for r in rows}, ensure_ascii=False)


def as_delimited(delimiter, write_list):
    """A writer of tables whose lists are written in one of the ways that people use."""

    def written(records, order):
        file = io.StringIO(newline="")
        rows = csv.writer(file, delimiter=delimiter)
        rows.writerow(order)
        for record in records:
            cells = [record[key] for key in order]
            rows.writerow([write_list(c) if isinstance(c, list) else c or "" for c in cells])
        return file.getvalue()

    return written


TEXT_FORMATS = {
    "lines.jsonl": as_lines,
    "list.json": as_list,
    "wrapped.json": as_wrapped,
    "ids.json": as_ids,
    "comma.csv": as_delimited(",", repr),
    "semicolon.csv": as_delimited(";", json.dumps),
    "tab.tsv": as_delimited("\t", "\n".join),
    "bar.csv": as_delimited("|", "\r\n".join),
}
PACKINGS = {"": None, ".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}


def write_packed(path, data, packing):
    """Write bytes, packed or not."""
    if packing is None:
        path.write_bytes(data)
        return
    with pa.CompressedOutputStream(str(path), packing) as file:
        file.write(data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    table=tables(),
    name=st.sampled_from(sorted(TEXT_FORMATS)),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
    suffix=st.sampled_from(sorted(PACKINGS)),
)
def test_a_text_of_any_format_and_encoding_gives_the_same_recipes(
    tmp_path_factory, table, name, encoding, suffix
):
    """Formats x encodings x packings x missing cells x orders of keys."""
    records, order = table
    path = tmp_path_factory.mktemp("table") / f"{name}{suffix}"
    data = TEXT_FORMATS[name](records, order).encode(encoding)
    write_packed(path, data, PACKINGS[suffix])

    assert read(path) == expected(records)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables(WESTERN), name=st.sampled_from(sorted(TEXT_FORMATS)))
def test_western_words_in_windows_1252_are_read_as_meant(tmp_path_factory, table, name):
    """It is certain where letters stand in words."""
    records, order = table
    records[0]["title"] = "Crème brûlée"
    path = tmp_path_factory.mktemp("table") / name
    path.write_bytes(TEXT_FORMATS[name](records, order).encode("cp1252"))

    assert read(path) == expected(records)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables(MORE_WORDS), name=st.sampled_from(sorted(TEXT_FORMATS)))
def test_any_script_is_read_from_utf_8(tmp_path_factory, table, name):
    """Letters beyond those of Western Europe."""
    records, order = table
    path = tmp_path_factory.mktemp("table") / name
    path.write_bytes(TEXT_FORMATS[name](records, order).encode())

    assert read(path) == expected(records)


def write_parquet(folder, records, order, cut):
    schema = table_of(records, order)
    pq.write_table(schema.slice(0, cut), folder / "part-0.parquet", row_group_size=2)
    pq.write_table(schema.slice(cut), folder / "part-1.parquet", compression="zstd")
    return folder


def write_stream(folder, records, order, cut):
    table = table_of(records, order)
    for number, part in enumerate((table.slice(0, cut), table.slice(cut))):
        path = folder / f"data-0000{number}-of-00002.arrow"
        with pyarrow.ipc.new_stream(path, table.schema) as file:
            file.write_table(part, max_chunksize=2)
    (folder / "state.json").write_text('{"_data_files": []}')
    (folder / "dataset_info.json").write_text('{"features": {}}')
    return folder


def write_feather(folder, records, order, cut):
    table = table_of(records, order)
    with pyarrow.ipc.new_file(folder / "own.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=cut + 1)
    return folder / "own.arrow"


def write_tar(folder, records, order, cut):
    with tarfile.open(folder / "shard-000000.tar", "w") as shard:
        for record in ordered(records, order):
            data = json.dumps(record).encode()
            member = tarfile.TarInfo(f"{record['id']}.json")
            member.size = len(data)
            shard.addfile(member, io.BytesIO(data))
    return folder


def table_of(records, order):
    lists = ("ingredients", "instructions", "images")
    columns = {
        key: pa.array(
            [r[key] for r in records], pa.list_(pa.string()) if key in lists else pa.string()
        )
        for key in order
    }
    columns["partition"] = columns["partition"].dictionary_encode()
    return pa.table({key: columns[key] for key in order})


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    table=tables(MORE_WORDS),
    write=st.sampled_from([write_parquet, write_stream, write_feather, write_tar]),
    cut=st.integers(0, 6),
)
def test_binary_formats_give_the_same_recipes(tmp_path_factory, table, write, cut):
    """Parquet and Arrow in parts, a tar shard."""
    records, order = table
    path = write(tmp_path_factory.mktemp("table"), records, order, cut)

    assert read(path) == expected(records)


@pytest.mark.parametrize("name", sorted(TEXT_FORMATS))
def test_what_was_recognised_is_said(tmp_path, name):
    """Format, encoding, records and fields stand in one line."""
    records = [
        {
            "id": f"r{row}",
            "title": "Crème",
            "ingredients": ["peas", "salt"],
            "instructions": ["Boil.", "Serve."],
            "images": None,
            "partition": "train",
        }
        for row in range(3)
    ]
    path = tmp_path / name
    path.write_text(TEXT_FORMATS[name](records, TEXTS), encoding="cp1252")
    source = open_source(path)
    list(source.read())
    line = source.notes.recognition()
    assert "Windows-1252" in line
    assert "3 records" in line
    assert "fields: id, title, ingredients, instructions, partition" in line
    word = {".csv": "between cells", ".tsv": "tab between cells"}.get(path.suffix, "JSON")
    assert word in line
