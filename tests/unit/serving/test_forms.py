"""Forms in memory: what browsers send is read, and what is broken is told."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seje_ray.serving.failures import ApiError
from seje_ray.serving.forms import read_form
from seje_ray.serving.limits import Limits

LIMITS = Limits()


def encoded(photos: list[bytes], fields: dict[str, list[str]]) -> tuple[str, bytes]:
    """A form as a client writes it."""
    files = [("photo", ("a.jpg", photo)) for photo in photos]
    request = httpx.Request("POST", "http://here", files=files, data=fields)
    return request.headers["content-type"], request.read()


@settings(max_examples=40)
@given(
    st.lists(st.binary(max_size=60), min_size=1, max_size=5),
    st.lists(st.text(max_size=20), max_size=5),
)
def test_a_form_is_read_as_it_was_written(photos, words):
    """Whatever the bytes are, line ends and dashes included."""
    fields = {"without": words} if words else {}
    form = read_form(*_with_query(*encoded(photos, fields)), LIMITS)
    assert form.photos == photos
    assert form.fields == fields


def test_a_body_that_is_the_photo_has_its_fields_in_the_url():
    """Repeated for lists."""
    form = read_form("image/png", "count=3&without=egg&without=a%20b", b"photo", LIMITS)
    assert form == ([b"photo"], {"count": ["3"], "without": ["egg", "a b"]})


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("multipart/form-data", b"--x\r\n", 400),  # no boundary
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x--", 422),  # no photo
        ("multipart/form-data; boundary=x", b"--x\r\nno headers\r\n--x--", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\nvalue\r\n--x--", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A" * 9_000 + b"\r\n\r\n\r\n--x--", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="photo"\r\n\r\ncut off',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="count"\r\n\r\n\xff\r\n--x--',
            422,
        ),
    ],
)
def test_a_broken_form_is_told(content_type, body, status):
    """With a status of its own."""
    with pytest.raises(ApiError) as refused:
        read_form(content_type, "", body, LIMITS)
    assert refused.value.status == status


def test_a_thousand_parts_are_too_many():
    """A hundred are read."""
    few = encoded([b"photo"], {"with": ["x"] * 99})
    assert len(read_form(*_with_query(*few), LIMITS).fields["with"]) == 99
    for many in (encoded([b"photo"], {"with": ["x"] * 1_000}), encoded([b"photo"] * 1_000, {})):
        with pytest.raises(ApiError, match="parts") as refused:
            read_form(*_with_query(*many), LIMITS)
        assert refused.value.status == 400


def test_a_thousand_fields_in_the_url_are_too_many():
    """A hundred are read."""
    form = read_form("image/png", "&".join(["with=x"] * 100), b"photo", LIMITS)
    assert len(form.fields["with"]) == 100
    with pytest.raises(ApiError, match="more than 100 fields") as refused:
        read_form("image/png", "&".join(["with=x"] * 1_000), b"photo", LIMITS)
    assert refused.value.status == 400


def _with_query(content_type: str, body: bytes) -> tuple[str, str, bytes]:
    return content_type, "", body
