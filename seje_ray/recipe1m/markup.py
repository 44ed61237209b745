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
_DOCTYPE = re.compile(r"(?i)<!doctype[^<>]*>")
_UNSEEN = re.compile(r"(?i)<(!--|script\b[^<>]*>|style\b[^<>]*>)")
_ENDS = {
    "!": re.compile("-->"),
    "sc": re.compile(r"(?i)</script\s*>"),
    "st": re.compile(r"(?i)</style\s*>"),
}
_NEW_LINE = re.compile(
    r"(?i)</?(?:br|p|li|ul|ol|dl|dt|dd|div|h[1-6]|tr|table|section|article|blockquote|hr|html|head|"
    r"body|title|aside|address|details|summary|fieldset|legend)"
    r"(?:\s[^<>]*)?/?>"
)
_TAG = re.compile(
    r"(?i)</?(?:a|abbr|b|base|big|button|caption|center|cite|code|col|colgroup|data|del|dfn|em|figcaption|figure|font|"
    r"footer|form|header|i|iframe|img|input|ins|kbd|label|link|main|mark|meta|nav|noscript|option|"
    r"picture|pre|q|s|samp|select|small|source|span|strike|strong|sub|sup|svg|tbody|td|textarea|"
    r"tfoot|th|thead|time|tt|u|var|video|wbr)"
    r"(?:\s[^<>]*)?/?>"
)
_RAISED = re.compile(  # 1<sup>1</sup>/<sub>2</sub>
    r"(?i)(\d(?:</[a-z]+>)*)<(?=su[bp]\b[^<>]*>(?:<[^<>]*>)*\s*\d)"
)
_BLANKS = re.compile(r"[^\S\n]+")
_R_ITEM = re.compile(  # a text, also one without an end, or R's null
    r"""(?s)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)|\bNA(?:_character_)?\b"""
)
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
        found = _RAISED.sub(r"\1 <", _without_unseen(found))
        found = _NEW_LINE.sub("\n", _DOCTYPE.sub("", found))
        found = _TAG.sub(
            lambda match: " " if match[0][-3:].lower() in ("td>", "th>") else "", found
        )
    if found == text:
        return text
    lines = (_BLANKS.sub(" ", line).strip() for line in found.split("\n"))
    return "\n".join(line for line in lines if line)


def _without_unseen(text: str) -> str:
    """Without comments, scripts and styles; each end is looked for once where there is none."""
    parts: list[str] = []
    endless: set[str] = set()
    start = position = 0
    while (found := _UNSEEN.search(text, position)) is not None:
        position = found.end()
        kind = "!" if found[1] == "!--" else found[1][:2].lower()
        end = None if kind in endless else _ENDS[kind].search(text, position)
        if end is None:
            endless.add(kind)
            continue
        parts += [text[start : found.start()], " "]
        start = position = end.end()
    return "".join([*parts, text[start:]])


def listed(text: str) -> list[Any] | None:
    """The list that a text is as JSON, in Python, NumPy or R, or None.

    NumPy puts no comma between its texts, and R writes ``c("a", NA)`` and ``character(0)``.
    """
    text = text.strip()
    if text == "character(0)":
        return []
    if text.startswith("c(") and text.endswith(")"):
        text = _R_ITEM.sub(lambda item: item[1] or "None", f"[{text[2:-1]}]")
    if text[:1] + text[-1:] not in ("[]", "()", "{}") or len(text) > MAX_LITERAL_CHARS:
        return None
    if text[0] == "[":
        try:
            return _list_or_none(json.loads(text))
        except (ValueError, RecursionError):
            pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in a user's text
            if _ADJACENT.search(text) and (texts := _texts_side_by_side(text)) is not None:
                return texts
            found = _literal(ast.parse(text, mode="eval").body)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return _list_or_none(found) if text[0] == "[" or _texts_in(found) else None


def _literal(node: ast.expr) -> Any:
    """The value of a literal; tuples and sets are lists in their order, ``nan`` and so on is None.

    Raises:
        ValueError: If it is no literal.
    """
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return [_literal(part) for part in parts]
        case ast.Name(id="nan" | "NaN" | "null" | "NA"):
            return None
        case _:
            return ast.literal_eval(node)


def _list_or_none(value: Any) -> list[Any] | None:
    """A list of texts, numbers, nulls, objects and such lists; of numbers alone it is a text."""
    if not isinstance(value, list) or not all(map(_is_part, value)):
        return None
    return value if _texts_in(value) or all(one is None for one in value) else None


def _is_part(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_part, value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or is_number or isinstance(value, str | dict)


def _texts_in(value: Any) -> bool:
    """Whether a list holds a text or an object, at any depth."""
    return isinstance(value, list) and any(isinstance(x, str | dict) or _texts_in(x) for x in value)


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
