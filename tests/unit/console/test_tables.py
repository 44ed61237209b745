"""Tables by hand: in a file a row a line, on a terminal within its width and nothing lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.console.tables import fitted, show, stdout_width, text_table
from tests.unit.console.streams import Terminal

CODES = re.compile(r"\x1b\[[0-9;]*m")
HEADER = ["", "R@1", "MedR", "what to do"]
ROWS = [
    ["full model", "51.0 ± 1.0", "2.0", "nothing: it is well"],
    ["without [key] terms", "9.0 ± 0.1", "1,000.5", ""],
]


def plain(text):
    return CODES.sub("", text)


def test_words_stand_left_and_numbers_right():
    """Two spaces between columns, none at the end, markup as it is, a number five wide."""
    assert text_table(HEADER, ROWS, left=(0, 3)).split("\n") == [
        "                            R@1     MedR  what to do",
        "full model           51.0 ± 1.0      2.0  nothing: it is well",
        "without [key] terms   9.0 ± 0.1  1,000.5",
    ]
    assert text_table(None, [["a", "1"], ["b", "22"]], indent=2) == "  a      1\n  b     22"
    assert text_table(None, []) == ""
    assert text_table(["only", "names"], []) == "only  names"


def test_a_cell_may_hold_lines():
    """The second one stands below the first, whatever the width."""
    rows = [["failed", "disk is full\n-> delete some"], ["ok", "memory"]]
    for width in (None, 40):
        assert text_table(None, rows, left=(0, 1), width=width).split("\n") == [
            "failed  disk is full",
            "        -> delete some",
            "ok      memory",
        ]


def test_a_terminal_breaks_words_behind_the_first_column_and_never_a_number():
    """52 columns: `what to do` has 11 of them left."""
    text = plain(text_table(HEADER, ROWS, left=(0, 3), width=52))
    assert text.split("\n") == [
        "                            R@1     MedR  what to do",
        "full model           51.0 ± 1.0      2.0  nothing:",
        "                                          it is well",
        "without [key] terms   9.0 ± 0.1  1,000.5",
    ]


def test_columns_that_find_no_room_go_below_with_their_names():
    """34 columns hold the name and one column of numbers."""
    text = plain(text_table(HEADER, ROWS, left=(0, 3), width=34))
    assert [line.split() for line in text.split("\n\n")[0].split("\n")] == [
        ["R@1"],
        ["full", "model", "51.0", "±", "1.0"],
        ["without", "[key]", "terms", "9.0", "±", "0.1"],
    ]
    assert text.split("\n\n")[1].split("\n")[0].split() == ["MedR"]


WORDS = st.lists(st.text("ab1", min_size=1, max_size=6), max_size=3).map(" ".join)


@given(
    st.lists(st.tuples(*[WORDS] * 4), min_size=1, max_size=4),
    st.integers(1, 60),
)
def test_no_word_is_lost_and_no_line_too_long(rows, width):
    """Whatever the cells are; only a name beside the longest word needs more than there is."""
    shown = plain(text_table(None, rows, left=(0, 2), width=width))
    words = [word for row in rows for cell in row for word in cell.split()]
    assert set(words) == set(shown.split())
    name, longest = (max(5, *(len(c) for r in rows for c in r[:n])) for n in (1, 4))
    assert max(map(len, shown.split("\n"))) <= max(width, name + 2 + longest)


def test_headings_are_bold_on_a_terminal_alone(monkeypatch):
    """Also in the middle of a table, and not on one that knows no weights."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    rows = [["a", "1"], ["below", "x"], ["b", "2"]]
    lines = text_table(["", "x"], rows, headings=(1,), width=80).split("\n")
    assert ["\x1b[1m" in line for line in lines] == [True, False, True, False]
    assert CODES.search(text_table(["", "x"], rows, headings=(1,))) is None
    monkeypatch.setenv("TERM", "dumb")
    assert CODES.search(text_table(["", "x"], rows, width=80)) is None


def test_prose_is_broken_between_words_and_goes_on_further_in():
    """A path is never broken; nothing happens in a file, nor to a line that fits."""
    text = "short\n  a word and another\nreport: /a/very/long/path/of/a/file"
    assert fitted(text, 14).split("\n") == [
        "short",
        "  a word and",
        "    another",
        "report:",
        "  /a/very/long/path/of/a/file",
    ]
    assert fitted(text, None) == text
    assert fitted("\x1b[1mbold\x1b[0m", 4) == "\x1b[1mbold\x1b[0m"


def test_a_result_knows_whether_it_goes_to_a_terminal(monkeypatch, capsys):
    """Its width there; None in a pipe, so that scripts read whole lines."""
    show(lambda width: f"width {width} " + "and so on " * 20)
    assert capsys.readouterr().out == "width None " + "and so on " * 20 + "\n"

    screen = Terminal()
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr("sys.stdout", screen)
    assert stdout_width() == 30
    show(lambda width: f"width {width} " + "and so on " * 3)
    assert screen.getvalue() == "width 30 and so on and so on\n  and so on\n"


@pytest.mark.parametrize("width", [None, 80])
def test_a_table_depends_on_the_width_it_is_given_alone(monkeypatch, width):
    """And not on the terminal where it is made."""
    monkeypatch.setenv("COLUMNS", "20")
    assert len(plain(text_table(HEADER, ROWS, left=(0, 3), width=width)).split("\n")) == 3


def test_tables_below_each_other_share_the_columns_evenly():
    """Five numbers of 7 columns behind a name of 4: 31 hold four, but three and two look better."""
    text = plain(text_table(["name", *"abcde"], [["one", *["1234567"] * 5]], width=40))
    assert [part.split("\n")[0].split() for part in text.split("\n\n")] == [
        ["name", "a", "b", "c"],
        ["name", "d", "e"],
    ]
