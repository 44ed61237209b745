"""Texts as web pages and tables leave them: entities, tags, and lists written as text."""

import ast
import html
import io
import json
import re
import tokenize
import warnings
from typing import Any

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_UNSEEN = re.compile(r"(?is)<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>")
_NEW_LINE = re.compile(
    r"(?i)</?(?:br|p|li|ul|ol|dl|dt|dd|div|h[1-6]|tr|table|section|article|blockquote|hr)"
    r"(?:\s[^<>]*)?/?>"
)
_TAG = re.compile(
    r"(?i)</?(?:a|abbr|article|b|big|button|caption|center|cite|code|del|em|figcaption|figure|font|"
    r"footer|form|header|i|iframe|img|input|ins|label|main|mark|meta|nav|noscript|picture|pre|s|"
    r"small|source|span|strike|strong|sub|sup|svg|tbody|td|tfoot|th|thead|time|tt|u|video)"
    r"(?:\s[^<>]*)?/?>"
)
_BLANKS = re.compile(r"[^\S\n]+")
_ADJACENT = re.compile(r"""['"]\s+['"]""")
MAX_LITERAL_CHARS = 1 << 20
OTHER_TOKENS = (tokenize.OP, tokenize.NAME, tokenize.NUMBER, tokenize.ERRORTOKEN)


def has_marks(text: str) -> bool:
    """Whether there may be something to take away; cheap."""
    return "<" in text or "&" in text


def plain_text(text: str) -> str:
    """Text without tags and entities; ``<br>``, ``</p>`` and ``<li>`` end a line.

    Entities are read twice at most (``&amp;deg;``). What is no tag of HTML stays: "boil < 5 min".
    """
    found = text
    for _ in range(2):
        if "&" in found:
            found = _ENTITY.sub(lambda match: html.unescape(match[0]).replace("\xa0", " "), found)
    if "<" in found:
        found = _NEW_LINE.sub("\n", _UNSEEN.sub(" ", found))
        found = _TAG.sub(
            lambda match: " " if match[0][-3:].lower() in ("td>", "th>") else "", found
        )
    if found == text:
        return text
    lines = (_BLANKS.sub(" ", line).strip() for line in found.split("\n"))
    return "\n".join(line for line in lines if line)


def listed(text: str) -> list[Any] | None:
    """The list that a text is as JSON, in Python, NumPy or R; None if it is none.

    NumPy puts no comma between its texts, and R writes ``c("a", "b")``.
    """
    text = text.strip()
    if text.startswith("c(") and text.endswith(")"):
        text = f"[{text[2:-1]}]"
    if not (text.startswith("[") and text.endswith("]")) or len(text) > MAX_LITERAL_CHARS:
        return None
    try:
        return _list_or_none(json.loads(text))
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in a user's text
            if _ADJACENT.search(text) and (texts := _texts_side_by_side(text)) is not None:
                return texts
            return _list_or_none(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _list_or_none(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


def _texts_side_by_side(text: str) -> list[Any] | None:
    """A list of texts without commas, which Python itself would join to one text."""
    found: list[Any] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.STRING:
                found.append(ast.literal_eval(token.string))
            elif token.type in OTHER_TOKENS and token.string not in ("[", "]"):
                return None
    except tokenize.TokenError:
        return None
    return found
