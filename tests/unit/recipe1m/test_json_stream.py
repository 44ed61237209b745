"""Records of a large file: the same as json.loads, and a broken one costs only itself."""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.recipe1m import json_pieces
from seje_ray.recipe1m.formats.json_files import json_file_records
from seje_ray.recipe1m.formats.reading import Reading
from seje_ray.recipe1m.json_stream import Broken, Window, json_records
from seje_ray.recipe1m.records import DataError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['{"', "}, {", "]\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=6)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "file.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@given(
    records=RECORDS,
    chunk_bytes=st.integers(1, 40),
    layout=st.sampled_from([{}, {"indent": 1}, {"ensure_ascii": False}]),
    is_list=st.booleans(),
)
def test_any_records_in_any_chunks_are_what_json_loads_gives(
    tmp_path_factory, records, chunk_bytes, layout, is_list
):
    """Braces in strings, escapes, line breaks and characters cut by a chunk change nothing."""
    folder = tmp_path_factory.mktemp("json")
    text = json.dumps(records, **layout)
    if not is_list:
        text = "\n".join(json.dumps(record, **layout) for record in records) or " {}"
        records = records or [{}]

    found = list(json_records(written(folder, text), chunk_bytes=chunk_bytes))

    assert found == records


@pytest.mark.parametrize("chunk_bytes", [7, 1 << 20])
@pytest.mark.parametrize(
    "broken",
    ['{"id": "b", }', '{"id": "b"', '{"id": b}', '{"id": "b""}', '"b": 1}', "nonsense", "{{{"],
)
def test_a_broken_record_costs_itself_alone(tmp_path, broken, chunk_bytes):
    """What stands on the lines before and behind it is read."""
    lines = ['{"id": "a", "steps": [{"text": "x"}]}', broken, '{"id": "c"}', '{"id": "d"}']
    path = written(tmp_path, "[" + ",\n".join(lines) + "]")

    found = list(json_records(path, chunk_bytes=chunk_bytes))

    assert [r["id"] for r in found if isinstance(r, dict)] == ["a", "c", "d"]
    reasons = [r.reason for r in found if isinstance(r, Broken)]
    assert reasons
    assert set(reasons) == {"malformed_json"}


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_truncated_file_gives_what_is_whole_and_says_so(tmp_path, kept):
    """The last thing is the notice that the file ends too early."""
    records = [{"id": n, "text": "x" * 20} for n in range(50)]
    text = json.dumps(records)
    cut = text[: int(len(text) * kept)]

    found = list(json_records(written(tmp_path, cut)))

    whole = [r for r in found if isinstance(r, dict)]
    assert whole == records[: len(whole)]
    assert len(whole) >= int(50 * kept) - 1
    assert found[-1].reason == "truncated_file"


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_any_wrong_byte_loses_few_records_and_never_raises(tmp_path_factory, position, value):
    """One byte of a file with a record per line is overwritten."""
    lines = [json.dumps({"id": f"r{n}", "text": f'say "{n}" {{'}) for n in range(40)]
    data = bytearray(("[" + ",\n".join(lines) + "]").encode())
    data[1 + position % (len(data) - 2)] = value

    path = written(tmp_path_factory.mktemp("json"), bytes(data))
    found = [r for r in json_records(path, chunk_bytes=64) if isinstance(r, dict)]

    assert len(found) >= 38


@pytest.fixture(scope="module")
def layer1(shared_data):
    """A real file, as it lies on the disk."""
    return (shared_data / "cookbook" / "layer1.json").read_bytes()


@pytest.mark.parametrize("value", [b'"', b"]", b"}", b"{", b"\n", b"\xff"])
def test_a_wrong_byte_in_real_records_costs_one_or_two_of_them(tmp_path, layer1, value):
    """Records hold lists of objects, so what looks like a start or the end may be neither."""
    ids = [record["id"] for record in json.loads(layer1)]
    for number in range(40):
        position = 1 + (number * 7919 * 31) % (len(layer1) - 2)
        path = written(tmp_path, layer1[:position] + value + layer1[position + 1 :])

        records = list(json_records(path))

        found = [r["id"] for r in records if isinstance(r, dict) and "id" in r]
        assert len(set(ids) - set(found)) <= 2, position
        num_records = sum(isinstance(r, dict) for r in records)
        assert num_records == len(found), "an ingredient line was taken for a record"
        assert len(records) < len(ids) + 3


def test_a_closing_bracket_with_records_behind_it_ends_nothing(tmp_path):
    """Two lists that were pasted together: the seam is counted, no record is lost."""
    path = written(tmp_path, '[{"id": 1},\n{"id": 2}\n]\n[{"id": 3},\n{"id": 4}]\n ')
    found = list(json_records(path))
    assert [r["id"] for r in found if isinstance(r, dict)] == [1, 2, 3, 4]
    assert [r.reason for r in found if isinstance(r, Broken)] == ["malformed_json"]


def test_a_number_that_is_too_long_is_a_broken_record(tmp_path):
    """Python refuses to read it, with another error than for wrong JSON."""
    path = written(tmp_path, '{"id": ' + "9" * 5000 + '}\n{"id": "b"}')
    broken, whole = json_records(path)
    assert broken.reason == "malformed_json"
    assert whole == {"id": "b"}


def test_a_broken_last_record_is_no_truncated_file(tmp_path):
    """The list is closed."""
    found = list(json_records(written(tmp_path, '[{"id": "a"}, {"id": "b",}]')))
    assert [r.reason for r in found if isinstance(r, Broken)] == ["malformed_json"]


@pytest.mark.parametrize("text", ["", "  \n", "<html>", "\x1f\x8b\x08", "id,title", "\ufeff"])
def test_what_is_no_json_at_all_is_one_error(tmp_path, text):
    """Empty, a web page, gzip, a table."""
    with pytest.raises(DataError, match="expected"):
        list(json_records(written(tmp_path, text)))


def test_a_record_without_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    """A string that is never closed is given up, and reading continues behind it."""
    monkeypatch.setattr("seje_ray.limits.MAX_RECORD_CHARS", 1000)
    path = written(tmp_path, '[{"id": "' + "x" * 5000 + '"},\n{"id": "next"}]')

    found = list(json_records(path, chunk_bytes=100))

    assert found[0].reason == "record_too_large"
    assert found[-1] == {"id": "next"}


def test_memory_is_bounded_however_large_the_file(tmp_path):
    """Thirty megabytes pass through a few."""
    record = json.dumps({"id": "a", "text": "x" * 3000})
    path = tmp_path / "large.json"
    with path.open("w") as file:
        file.write("[" + ",\n".join([record] * 10_000) + "]")

    tracemalloc.start()
    count = sum(1 for _ in json_records(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 10_000
    assert peak < 8 * 2**20


FLOODS = {  # of 200 kB each, by what is broken
    "many small ones": '{"id": 1 2}\n',
    "commas": "{,\n",
    "never closed, on lines": '\n{"x":[',
    "never closed, in a row": '{"x":[',
    "objects that are no records": "{},",
    "quotes that are not closed": '{"id":"x\n',
    "blanks": "\n",
    "keys without colons": '"a" "b" ',
}


@pytest.mark.parametrize("start", ["[", "", '{"recipes": {"a": {"ingredients": ["b"]}, "c":{,'])
@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_work_grows_as_the_file_does_whatever_is_broken(tmp_path, monkeypatch, start, flood):
    """G01 to G03: tries are as many, and see as much, as the limits say; a twin counts them."""
    for name, value in {"MIN_REREAD_CHARS": 1 << 20, "MAX_REREAD": 2, "ATTEMPT_CHARS": 512}.items():
        monkeypatch.setattr(f"seje_ray.limits.{name}", value)
    pieces = []

    def counted(piece, decoded=json_pieces.decoded):
        found = decoded(piece)
        pieces.append((len(piece), found.seen))
        return found

    monkeypatch.setattr(json_pieces, "decoded", counted)
    path = written(tmp_path, start + "{bad" + flood * (200_000 // len(flood)))

    for records in (json_records(path), json_file_records(path, Reading())):
        pieces.clear()
        list(records)
        allowed = (1 << 20) + 2 * 200_000
        assert len(pieces) <= 8 * (allowed // 512 + 200_000 // 256)
        assert sum(seen for _, seen in pieces) <= 8 * (allowed + 200_000)


def test_a_record_behind_more_damage_than_is_looked_into_is_found_again(tmp_path, monkeypatch):
    """Then a stretch is passed over as a whole; what comes behind it is read."""
    monkeypatch.setattr("seje_ray.limits.MIN_REREAD_CHARS", 2000)
    monkeypatch.setattr("seje_ray.limits.MAX_REREAD", 0)
    flood = '{"id": 1 2},\n' * 2000
    good = "".join(f'{{"id": "{n}", "title": "{"t" * 300}"}},\n' for n in range(9))
    records = json_records(written(tmp_path, f"[{flood}{good}{{}}]"))
    found = [record["id"] for record in records if isinstance(record, dict) and "id" in record]
    assert found[-7:] == [str(n) for n in range(2, 9)]


def test_records_whose_bracket_is_missing_cost_themselves(tmp_path):
    """Each is followed to the end of what may be one record, some 20 MB of them in all."""
    lines = [f'{{"id": "{n}", "x": [1, 2]}}' for n in range(40_000)]
    lines[10] = lines[20_000] = '{"id": "broken", "x": [1, 2}'
    lines[30_000] = '{"id": "broken", "x": [1, 2'
    found = list(json_records(written(tmp_path, "[" + ",\n".join(lines) + "]")))
    assert len([r for r in found if isinstance(r, dict)]) == 39_997


@pytest.mark.parametrize("start", ["", "["])
@given(data=st.data())
def test_small_values_in_a_row_are_those_that_a_look_at_each_gives(start, data):
    """A piece that does for many gives values, errors and places of one piece for each."""
    token = st.sampled_from(
        [
            "{}",
            "1",
            "12",
            "1.5",
            "{",
            "}",
            "[]",
            '"a"',
            '"',
            ",",
            "\n",
            " ",
            '{"id": 1}',
            "tru",
            "true",
        ]
    )
    text = "{}" + "".join(data.draw(st.lists(token, max_size=30)))

    def records() -> list[object]:
        chunks = iter([start + text[:9], text[9:20], text[20:], ""])
        window = Window(Path("x.json"), lambda: next(chunks, ""))
        return list(window.elements() if window.start() else window.lines())

    found = records()
    with pytest.MonkeyPatch.context() as without:
        without.setattr(json_pieces.TextPiece, "value", lambda piece, place: (None, 0))
        without.setattr(json_pieces.TextPiece, "values", lambda *_: iter(()))
        assert records() == found
