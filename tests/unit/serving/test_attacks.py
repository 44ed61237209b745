"""Uploads that mean harm: each gets its status, and the next good request is answered."""

import asyncio
import io
import struct
import tempfile
import tracemalloc
import zlib

import httpx
import pytest
from PIL import Image

from seje_ray.serving.limits import Limits
from tests.unit.serving.conftest import asked, client_of, run

MEBIBYTE = 2**20


def picture(
    kind: str = "JPEG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **how
) -> bytes:
    """A picture's file."""
    stream = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(stream, kind, **how)
    return stream.getvalue()


def png_that_says(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header has these numbers of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(MEBIBYTE))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def animation() -> bytes:
    """A GIF of three frames."""
    frames = [Image.new("P", (40, 40), colour) for colour in (1, 2, 3)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return stream.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
UPLOADS = {
    "text as .jpg": (b"this is no photo at all", 415, "not_a_photo"),
    "svg": (SVG, 415, "not_a_photo"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", 415, "not_a_photo"),
    "30,000 x 30,000 png": (png_that_says(30_000, 30_000), 413, "too_large"),
    "8,000 x 8,000 png": (png_that_says(8_000, 8_000), 413, "too_large"),
    "truncated jpeg": (picture(size=(640, 480))[:900], 422, "bad_photo"),
    "half a png": (picture("PNG", (640, 480))[:300], 422, "bad_photo"),
    "empty": (b"", 422, "bad_photo"),
    "one pixel": (picture("PNG", (1, 1)), 422, "bad_photo"),
    "a line": (picture("PNG", (4_000, 20)), 422, "bad_photo"),
    "50 MB": (bytes(50 * MEBIBYTE), 413, "too_large"),
    "animated gif": (animation(), 200, None),
    "cmyk tiff": (picture("TIFF", mode="CMYK"), 200, None),
    "16-bit png": (picture("PNG", mode="I;16"), 200, None),
    "a photo named .exe": (picture(), 200, None),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_a_bad_upload_gets_its_status_and_the_next_request_is_answered(ask, name):
    """By what its bytes are, whatever its name says."""
    upload, status, kind = UPLOADS[name]
    files = {"photo": ("photo.exe" if name.endswith(".exe") else "photo.jpg", upload)}
    answer = ask("POST", "/v1/search/photo", files=files)
    assert answer.status_code == status
    if kind is not None:
        assert answer.json()["type"] == kind
    good = ask("POST", "/v1/search/photo", files={"photo": picture()}, data={"count": "1"})
    assert good.status_code == 200


@pytest.mark.parametrize("kind", ["photos", "fields"])
def test_a_form_of_a_thousand_parts_is_refused_and_the_next_request_is_answered(ask, kind):
    """Before any of its photos is looked at."""
    photos = [("photo", picture())] * (1_000 if kind == "photos" else 1)
    fields = {} if kind == "photos" else {"without": ["egg"] * 1_000}
    answer = ask("POST", "/v1/search/photo", files=photos, data=fields)
    assert (answer.status_code, answer.json()["type"]) == (400, "bad_request")
    assert ask("POST", "/v1/search/photo", files={"photo": picture()}).status_code == 200


def test_a_picture_of_too_many_pixels_is_never_decoded(ask):
    """It would take 2,700 MB, and 200 MB."""
    for size in (30_000, 8_000):
        upload = png_that_says(size, size)
        tracemalloc.start()
        try:
            ask("POST", "/v1/search/photo", files={"photo": upload})
            assert tracemalloc.get_traced_memory()[1] < 32 * MEBIBYTE
        finally:
            tracemalloc.stop()


def test_uploads_lie_in_no_file_and_in_no_log(ask, monkeypatch, caplog):
    """Not even large ones, which other servers put into temporary files."""

    def refused(*args, **options):
        raise AssertionError("a temporary file")

    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refused)
    large = picture("BMP", (1_400, 1_400))
    assert len(large) > 4 * MEBIBYTE
    assert ask("POST", "/v1/search/photo", files={"photo": large}).status_code == 200
    secret = "tomato, of which nobody may know"
    assert ask("POST", "/v1/search/text", json={"text": secret}).status_code == 200
    assert (
        ask("POST", "/v1/search/text", json={"text": secret, "plus": [secret]}).status_code == 422
    )
    assert secret not in caplog.text


@pytest.mark.parametrize(
    "place", ["/etc/passwd", "file:///etc/passwd", "../../../etc/passwd", "http://127.0.0.1:1/x"]
)
def test_no_path_and_no_address_of_a_client_is_opened(ask, place):
    """As an id, a text or a photo it is just that."""
    body = {"id": place}
    assert ask("POST", "/v1/search/recipe", json=body).status_code == 404
    assert ask("POST", "/v1/search/like", json={**body, "kind": "photo"}).status_code == 404
    assert ask("POST", "/v1/search/text", json={"text": f"tomato, {place}"}).status_code == 200
    assert ask("POST", "/v1/search/photo", files={"photo": place.encode()}).status_code == 415
    fields = ask("POST", "/v1/search/photo", data={"photo": place, "url": place})
    assert fields.status_code == 415


def test_markup_in_a_query_comes_back_as_text(ask):
    """In JSON, which no browser takes for a page."""
    answer = ask("POST", "/v1/search/text", json={"text": "tomato, <script>alert(1)</script>"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["query"]["text"] == "tomato, <script>alert(1)</script>"


def test_an_upload_that_takes_too_long_is_ended(serve):
    """A byte now and then; the server answers others meanwhile."""
    app = serve(Limits(client_rate=0, upload_s=0.2))

    async def slowly():
        for _ in range(1_000):
            yield b"x"
            await asyncio.sleep(0.02)

    async def both() -> list[httpx.Response]:
        async with client_of(app) as client:
            slow = client.post("/v1/search/photo", content=slowly())
            return await asyncio.gather(slow, client.get("/healthz"), client.get("/v1/collection"))

    answers = run(both())
    assert [answer.status_code for answer in answers] == [408, 200, 200]
    assert answers[0].json()["type"] == "too_slow"


def test_a_body_that_does_not_say_its_size_is_counted(ask):
    """And one that says less than it has."""

    async def endless():
        while True:
            yield bytes(MEBIBYTE)

    assert ask("POST", "/v1/search/photo", content=endless()).status_code == 413
    for absurd in ("9" * 18, "9" * 5_000):  # more digits than Python makes a number of
        headers = {"content-length": absurd}
        assert ask("POST", "/v1/search/photo", content=b"", headers=headers).status_code == 413
    lying = {"content-length": "10"}
    answer = ask("POST", "/v1/search/photo", content=bytes(13 * MEBIBYTE), headers=lying)
    assert answer.status_code == 413


def test_more_requests_than_there_is_room_for_are_told_to_come_back(serve):
    """503, and when; those that have room are answered."""
    app = serve(Limits(client_rate=0, requests=3))

    async def many() -> list[httpx.Response]:
        async with client_of(app) as client:
            body = {"text": "tomato"}
            return await asyncio.gather(
                *(client.post("/v1/search/text", json=body) for _ in range(12))
            )

    answers = run(many())
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [503] * 9
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert (refused.json()["type"], refused.headers["retry-after"]) == ("busy", "1")
    assert asked(app, "POST", "/v1/search/text", json={"text": "tomato"}).status_code == 200


def test_a_client_that_asks_too_often_is_told_to_wait_whatever_its_headers_say(serve):
    """An address in a header is anyone's to write."""
    app = serve(Limits(client_rate=0.01, client_burst=2))
    answers = [
        asked(app, "POST", "/v1/search/text", json={"text": "tomato"}, headers=headers)
        for headers in ({}, {"x-forwarded-for": "9.9.9.9"}, {"x-forwarded-for": "8.8.8.8"})
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 1
    assert asked(app, "GET", "/healthz").status_code == 200


def test_bodies_of_all_requests_together_have_a_bound(serve):
    """Of many large ones some are told to come back; nothing of them is kept."""
    app = serve(Limits(client_rate=0, held_bytes=3 * MEBIBYTE))

    async def large():
        for _ in range(2):
            yield bytes(MEBIBYTE)
            await asyncio.sleep(0.01)

    async def many() -> list[httpx.Response]:
        async with client_of(app) as client:
            return await asyncio.gather(
                *(client.post("/v1/search/photo", content=large()) for _ in range(6))
            )

    statuses = {answer.status_code for answer in run(many())}
    assert statuses == {415, 503}
    assert "seje_ray_held_bytes 0.0" in asked(app, "GET", "/metrics").text


def test_an_answer_that_takes_too_long_is_ended(serve):
    """504, and the next one is answered."""
    app = serve(Limits(client_rate=0, answer_s=0.0))
    answer = asked(app, "POST", "/v1/search/text", json={"text": "tomato"})
    assert (answer.status_code, answer.json()["type"]) == (504, "timeout")


def test_many_errors_of_photos_leave_nothing_behind(ask):
    """Requests under way are counted down again."""
    for _ in range(3):
        ask("POST", "/v1/search/photo", files={"photo": b"no photo"})
    assert "seje_ray_requests_under_way 0.0" in ask("GET", "/metrics").text
