"""Texts of others are data: nothing of them moves a cursor, names a window or begins a formula."""

import json
import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.cli.search import _as_text
from seje_ray.console.tables import text_table
from seje_ray.log import event, logged_to
from seje_ray.pipeline.index.page import Answer
from seje_ray.plain_text import as_cell, printable, printable_lines, without_controls
from seje_ray.report.plots import category_terms
from seje_ray.retrieval.index.collection import Hit, Query

CLEAR, TITLE, C1 = "\x1b[2J", "\x1b]0;owned\x07", "\x9b31m"
TURNED = "abc\u202egpj.exe"
ANY = st.text(max_size=30) | st.sampled_from([CLEAR, TITLE, C1, TURNED, "a\rb", "a\nb", "a\0b"])


def obeyed(text, allowed="\n"):
    """Characters that a terminal obeys rather than shows."""
    turning = "\u061c\u200e\u200f\u2028\u2029" + "".join(map(chr, range(0x202A, 0x202F)))
    found = [c for c in text if ord(c) < 32 or 127 <= ord(c) < 160 or c in turning]
    return [c for c in found if c not in allowed]


@given(text=ANY)
def test_nothing_that_a_terminal_obeys_is_left(text):
    """One line, or several, or a cell of a table."""
    assert not obeyed(printable(text), "")
    assert not obeyed(printable_lines(text))
    assert not obeyed(as_cell(text), "")
    assert not obeyed(without_controls(text).replace("\x1b[1m", ""), "\n\t") or "\x1b[" in text


def test_texts_of_every_alphabet_stay():
    """Joined letters, emoji of several, and blanks that are not the plain one."""
    assert (
        printable("Käse\u200dspätzle, क्\u200dष, 👩\u200d🍳")
        == "Käse\u200dspätzle, क्\u200dष, 👩\u200d🍳"
    )
    assert printable("1\u00a0kg") == "1 kg"
    assert without_controls("a\tb\n\x1b[1mbold\x1b[0m") == "a\tb\n\x1b[1mbold\x1b[0m"


@pytest.mark.parametrize("evil", [CLEAR, TITLE, C1, TURNED, "\x1b[1mbold"])
@pytest.mark.parametrize("width", [None, 60])
def test_search_prints_no_title_that_a_terminal_obeys(evil, width):
    """F07: title, ids and the query; on a terminal, headings alone are bold."""
    hit = Hit(1, 0.5, "photo", evil, f"Soup {evil}", "test", evil, evil, evil, key_terms=(evil,))
    query = Query(np.ones(1, np.float32), evil, key_terms=(evil,), category=evil)
    text = _as_text(Answer(query, "photos", (hit,)), True, width)
    assert not obeyed(text)
    table = text_table(["a", evil], [["x", evil]], width=width)
    assert not obeyed(table.replace("\x1b[1m", "").replace("\x1b[0m", ""))


def test_a_log_may_be_shown_on_a_terminal(tmp_path):
    """It is JSON with everything escaped that some terminal obeys, and the same text."""
    with logged_to(tmp_path / "log.jsonl"):
        event("read", title=CLEAR + C1 + TURNED)
    logging.captureWarnings(capture=False)
    [line] = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert not obeyed(line)
    assert json.loads(line)["title"] == CLEAR + C1 + TURNED


def test_a_cell_is_no_formula():
    """R01d: of the table that TensorBoard's projector reads, and anyone's spreadsheet."""
    assert as_cell("=cmd|' /C calc'!A0") == "'=cmd|' /C calc'!A0"
    assert as_cell("a\tb\nc") == "a b c"
    assert as_cell("Soup - hot") == "Soup - hot"


def test_a_dollar_in_a_name_is_a_dollar():
    """R01e: no mathematics is looked for in categories and terms."""
    assert "<svg" in category_terms({"$\\frac{$": {"$x_$^": 1.0}, "a$b$c": {"salt": 2.0}})
