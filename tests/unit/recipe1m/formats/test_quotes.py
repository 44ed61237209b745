"""Tables whose quotes are wrong, or written in another way: no row is lost in silence."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.recipe1m.formats.quoted_rows import BACKSLASHES, QuotedRows
from seje_ray.recipe1m.json_stream import Broken
from seje_ray.recipe1m.records import Recipe
from seje_ray.recipe1m.source import open_source


def rows_of(text, delimiter=",", num_cells=3):
    """Rows, and (line, reason) of what is none."""
    rows = QuotedRows(iter(text.splitlines(keepends=True)), delimiter, "own.csv", num_cells)
    return [(rows.line_num, row.reason) if isinstance(row, Broken) else row for row in rows]


CELLS = st.text(st.sampled_from('ab ,;"\n\\é'), max_size=8)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=6), st.sampled_from(",;\t"))
def test_what_csv_writes_is_read_as_csv_reads_it(rows, delimiter):
    """Whatever is in the cells; the twin is Python's own reader."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    assert rows_of(buffer.getvalue(), delimiter) == rows


@pytest.mark.parametrize("behind", ["2,b,c\n3,d,e\n", '2,"b",c\n3,d,"e, f"\n'])
def test_a_quote_that_is_not_closed_costs_its_line(behind):
    """Whether another one follows or not."""
    found = rows_of('0,a,b\n1,"open,c\n' + behind)
    assert found[:2] == [["0", "a", "b"], (2, "malformed_row")]
    assert [row[0] for row in found[2:]] == ["2", "3"]


def test_the_rest_of_a_bad_row_is_no_row():
    """It begins anew with the next whole one."""
    assert rows_of('1,"a" b, c,"flour\nsalt",x\n2,a,b\n') == [(1, "malformed_row"), ["2", "a", "b"]]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_quotes_inside_cells_that_are_not_quoted_are_text(delimiter):
    """Where the number of cells leaves no doubt; in TSV also one that begins a cell."""
    lines = ['1,"Best" soup,x', '2,12" pizza,y', '3,"Open,z', '4,"Other" one,z']
    found = rows_of("\n".join(lines).replace(",", delimiter) + "\n", delimiter)
    third = ["3", '"Open', "z"] if delimiter == "\t" else (3, "malformed_row")
    assert found == [
        ["1", '"Best" soup', "x"], ["2", '12" pizza', "y"], third, ["4", '"Other" one', "z"]
    ]  # fmt: skip


def test_backslashes_before_quotes_are_read_and_said(tmp_path):
    """As MySQL and Spark write them, also at the end of a cell and over several lines."""
    rows = ['0,"Soup","salt"', r'1,"The \"best\", hot","12\" pan', r'a \\ b, c"', r'2,"6\"","x"']
    path = tmp_path / "own.csv"
    path.write_text("\n".join(["id,title,ingredients", *rows]) + "\n")
    source = open_source(path)
    found = list(source.read())
    assert all(isinstance(one, Recipe) for one in found)
    assert [one.title for one in found] == ["Soup", 'The "best", hot', '6"']
    assert found[1].ingredients == ('12" pan', r"a \ b, c")
    assert BACKSLASHES in source.notes.recognition()
