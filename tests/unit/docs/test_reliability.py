"""The page of what was tried is whole, and each test that it names is there."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reliability.md"
TRIED = {"passed": 148, "failed": 39, "unfriendly": 35, "not made": 4}  # on 2026-11-28
BY_HAND = "by hand"


def rows():
    """Cells of each row: ids, what was tried, then, now, test."""
    lines = PAGE.read_text().splitlines()
    found = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:2] == "| "]
    return [row for row in found if len(row) == 5 and row[2] in TRIED]


def test_every_test_that_the_page_names_is_there():
    """Files, and functions in them."""
    named = set(re.findall(r"`((?:unit|on_ray)/[\w/]+\.py)(?:::(\w+))?`", PAGE.read_text()))
    assert len(named) > 30
    for path, function in sorted(named):
        text = (ROOT / "tests" / path).read_text()
        assert f"def {function}(" in text if function else "def test_" in text, (path, function)


def test_each_thing_that_was_tried_stands_there_once():
    """As many of each outcome as there were, and what went wrong has a test."""
    then = {id_: row[2] for row in rows() for id_ in row[0].split(", ")}
    assert sum(len(row[0].split(", ")) for row in rows()) == len(then) == sum(TRIED.values())
    assert Counter(then.values()) == TRIED
    for ids, _, before, _, test in rows():
        assert test.startswith("`") or (test == BY_HAND and before == "passed"), ids


def test_the_counts_of_the_page_are_those_of_its_rows():
    """Of each outcome then: how many rows, and how many a test holds."""
    held = Counter(
        before for ids, _, before, _, test in rows() for _ in ids.split(", ") if test != BY_HAND
    )
    told = re.findall(r"^\| ([a-z ]+) \| (\d+) \| (\d+) \|$", PAGE.read_text(), re.MULTILINE)
    assert {before: (int(all_), int(with_test)) for before, all_, with_test in told} == {
        before: (TRIED[before], held[before]) for before in TRIED
    }
