"""Forms of a request, read in memory: no part of an upload ever lies in a file."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl

from seje_ray.serving.failures import ApiError, bad_query
from seje_ray.serving.limits import Limits

PHOTO = "photo"  # field of a photo
HEADER_BYTES = 8_192  # of a part
FIELD_BYTES = 8_192  # of what is no photo
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb'(?:^|[;\s])name=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)


class Form(NamedTuple):
    """What a form holds."""

    photos: list[bytes]
    fields: dict[str, list[str]]  # by name, in the order of the form


def read_form(content_type: str, query: str, body: bytes, limits: Limits) -> Form:
    """Photos and fields of a request: of a form, or a body that is the photo itself.

    Args:
        content_type: Header of the request.
        query: Of its URL; holds the fields where the body is a photo.
        body: All of it.
        limits: Bounds.

    Raises:
        ApiError: If it is no form, has too much of something, or has no photo.
    """
    if content_type.lower().startswith("multipart/form-data"):
        form = Form([], {})
        for name, value in _parts(content_type, body, limits):
            _add(form, name, value)
    else:
        form = Form([body], {})
        for name, text in _pairs(query, limits):
            form.fields.setdefault(name, []).append(text)
    if not form.photos:
        raise bad_query(f"{PHOTO}: expected a photo, found none", "a form's field of this name")
    if len(form.photos) > limits.photos:
        raise bad_query(f"{PHOTO}: expected at most {limits.photos}, found {len(form.photos)}")
    return form


def _pairs(query: str, limits: Limits) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=limits.fields)
    except ValueError as error:
        told = f"the URL cannot be read: it has more than {limits.fields} fields"
        raise ApiError(400, "bad_request", told) from error


def _add(form: Form, name: str, value: bytes) -> None:
    if name == PHOTO:
        form.photos.append(value)
        return
    if len(value) > FIELD_BYTES:
        raise bad_query(f"{name}: expected at most {FIELD_BYTES:,} bytes, found {len(value):,}")
    try:
        form.fields.setdefault(name, []).append(value.decode())
    except UnicodeDecodeError as error:
        raise bad_query(f"{name}: expected UTF-8") from error


def _parts(content_type: str, body: bytes, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Name and value of each part; bytes are only looked for, never gone through one by one."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _broken("the header Content-Type names no boundary")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
    first = -2 if body.startswith(delimiter[2:]) else body.find(delimiter)
    if first == -1:
        raise _broken("its boundary is not there")
    start, number = first + len(delimiter), 0
    while not body.startswith(b"--", start):
        if number == limits.fields:
            raise _broken(f"it has more than {limits.fields} parts")
        end = body.find(delimiter, start)
        if end < 0:
            raise _broken("it is cut off")
        yield _named(body, start, end)
        start, number = end + len(delimiter), number + 1


def _named(body: bytes, start: int, end: int) -> tuple[str, bytes]:
    """Name and value of the part that lies there."""
    blank = body.find(b"\r\n\r\n", start, min(end, start + HEADER_BYTES))
    if blank < 0:
        raise _broken("a part has no headers, or long ones")
    for line in body[start:blank].split(b"\r\n"):
        if line.lower().startswith(b"content-disposition:"):
            name = _NAME.search(line)
            if name is not None:
                named = name[1] if name[1] is not None else name[2]
                return named[:100].decode("utf-8", "replace"), body[blank + 4 : end]
    raise _broken("a part has no name")


def _broken(what: str) -> ApiError:
    return ApiError(400, "bad_request", f"the form cannot be read: {what}")
