"""The JSON value that a piece of text begins with, and how much of the piece that took."""

import json
from typing import Any, NamedTuple

TAIL = 16  # characters at the end of a piece where an error may mean "cut", not "wrong"
_DECODER = json.JSONDecoder()


class Decoded(NamedTuple):
    """What a piece of text begins with."""

    value: Any
    seen: int  # characters
    problem: str = ""  # why it begins with no value
    may_be_cut: bool = False  # the piece ends too early, rather than being wrong


def decoded(piece: str) -> Decoded:
    """What a piece of text begins with."""
    try:
        value, end = _DECODER.raw_decode(piece)
    except json.JSONDecodeError as error:
        is_open = error.msg.startswith("Unterminated")
        may_be_cut = is_open or error.pos >= len(piece) - TAIL
        return Decoded(None, len(piece) if is_open else error.pos, str(error), may_be_cut)
    except (ValueError, RecursionError) as error:  # ValueError: a far too long number
        return Decoded(None, len(piece), str(error))
    is_number = isinstance(value, int | float)
    return Decoded(value, end, may_be_cut=is_number and end == len(piece))  # it may go on
