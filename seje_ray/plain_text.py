"""Texts of others, made fit for a terminal, a line of a log and a cell of a table."""

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_ORDER = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the order of letters
_COLOURS = r"\x1b\[[0-9;]*m"  # of our own tables, on a terminal
_CONTROL = re.compile(rf"({_COLOURS})|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_ORDER}]")
_RAW_IN_JSON = re.compile(rf"[\x7f-\x9f\u2028\u2029{_ORDER}]")  # the others JSON escapes itself
_JOINERS = "\u200c\u200d"  # of letters of many alphabets, and of emoji
_FORMULA = ("=", "+", "-", "@")  # how a cell begins that a spreadsheet calculates


def printable(text: str) -> str:
    """A text as one line that any terminal and any UTF-8 file can show."""
    return "".join(c if c.isprintable() else _shown(c) for c in text)


def printable_lines(text: str) -> str:
    """A text of several lines, each as ``printable`` gives it."""
    return "\n".join(map(printable, text.split("\n")))


def _shown(character: str) -> str:
    if character in _JOINERS:
        return character
    return " " if unicodedata.category(character) == "Zs" else REPLACEMENT


def without_controls(text: str) -> str:
    """Output for a terminal: line ends, tabs and our colours stay, nothing else that moves it."""
    return _CONTROL.sub(lambda found: found[1] or REPLACEMENT, text)


def as_json_line(line: str) -> str:
    """A line of JSON with the characters escaped that some terminal obeys."""
    return _RAW_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def as_cell(text: str) -> str:
    """A cell of a table of tabs, which no spreadsheet takes for a formula."""
    shown = printable(" ".join(text.split()))
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
