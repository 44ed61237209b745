"""Checked fields of raw records, whose origin cannot be trusted."""

import hashlib
from typing import Any

from seje_ray import limits
from seje_ray.recipe1m.records import PARTITIONS

_IDS = (str, int)
SHARES = {"train": 0.70, "val": 0.15}  # of recipes without a partition; the rest is test


class FieldError(ValueError):
    """A record cannot be used: ``reason`` is counted, the message says what is wrong."""

    def __init__(self, reason: str, message: str) -> None:
        # Names and values of a record may hold what no UTF-8 file can.
        if not message.isascii():
            message = message.encode("utf-8", "backslashreplace").decode()
        super().__init__(message)
        self.reason = reason


def object_of(record: Any) -> dict[str, Any]:
    """A record.

    Raises:
        FieldError: not_an_object.
    """
    if not isinstance(record, dict):
        raise FieldError("not_an_object", f"expected an object, found {type(record).__name__}")
    return record


def id_of(record: Any) -> str:
    """The id of a record.

    Raises:
        FieldError: not_an_object, missing_id, wrong_type, invalid_unicode or id_too_long.
    """
    found = object_of(record).get("id")
    if found is None or found == "":
        raise FieldError("missing_id", f"keys: {', '.join(map(str, list(record)[:8]))}")
    if isinstance(found, float) and found.is_integer():
        found = int(found)  # what a table with a gap in the column makes of whole numbers
    if isinstance(found, bool) or not isinstance(found, _IDS):
        raise FieldError("wrong_type", f"id: expected text, found {type(found).__name__}")
    text = text_of(str(found), "id")
    if len(text) > limits.MAX_ID_LENGTH:
        raise FieldError("id_too_long", f"{len(text)} characters: {text[:40]}...")
    return text


def text_of(value: Any, name: str) -> str:
    """A text field.

    Raises:
        FieldError: wrong_type, or invalid_unicode where no UTF-8 file could hold it.
    """
    if not isinstance(value, str):
        raise FieldError("wrong_type", f"{name}: expected text, found {type(value).__name__}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise FieldError("invalid_unicode", f"{name}: {error.reason}") from error
    return value


def lines_of(value: Any, name: str) -> tuple[str, ...]:
    """A list of texts, or of objects with a ``text``, or one text with a line each.

    A list keeps its blank lines: entities are matched to ingredients by their position.

    Raises:
        FieldError: wrong_type or invalid_unicode.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        value = [line for line in value.splitlines() if line.strip()]
    return tuple(_line(line, name) for line in list_of(value, name))


def without_blanks(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines that say something."""
    return tuple(line for line in lines if line.strip())


def list_of(value: Any, name: str) -> list[Any]:
    """A list field.

    Raises:
        FieldError: wrong_type.
    """
    if not isinstance(value, list):
        raise FieldError("wrong_type", f"{name}: expected a list, found {type(value).__name__}")
    return value


def _line(value: Any, name: str) -> str:
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    return text_of(value, f"{name}[]")


def partition_of(value: Any, recipe_id: str) -> str:
    """The record's partition; if it has none, drawn by a hash of the id.

    Raises:
        FieldError: unknown_partition.
    """
    if isinstance(value, str):
        value = value.strip().lower() or None
    if value is None:
        digest = hashlib.sha256(recipe_id.encode()).digest()
        draw = int.from_bytes(digest[:8], "big") / 2**64
        if draw < SHARES["train"]:
            return "train"
        return "val" if draw < SHARES["train"] + SHARES["val"] else "test"
    if value not in PARTITIONS:
        raise FieldError("unknown_partition", f"expected train, val or test, found {value!r:.40}")
    return str(value)
