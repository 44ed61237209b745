"""Nothing but images is got from an image: no program is started, no pipe is waited for."""

import io
import os
import socket
import stat
import subprocess
import sys

import pytest
from PIL import Image

from seje_ray.recipe1m.images import decode, load_image, to_jpeg
from seje_ray.recipe1m.photo_formats import FORMATS, opened, stored
from seje_ray.recipe1m.records import ImageFile
from seje_ray.report.audit_page import preview

POSTSCRIPT = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n"
    b"(started) print flush showpage\n%%EOF\n"
)


def encoded(kind):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def started(monkeypatch):
    """Programs that anything tries to start."""
    programs = []

    def start(command, *_, **__):
        programs.append(command)
        raise subprocess.CalledProcessError(1, command)

    for name in ("check_call", "check_output", "call", "run", "Popen"):
        monkeypatch.setattr(subprocess, name, start)
    monkeypatch.setattr(os, "system", start)
    return programs


@pytest.mark.parametrize("body", [POSTSCRIPT, POSTSCRIPT.replace(b"(started)", b"{} loop (x)")])
def test_postscript_is_no_photo_and_starts_nothing(tmp_path, started, body):
    """B50, D18, D19: whatever it is called, and also for a page that shows bad photos."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(body)
    file = ImageFile("photo.jpg", str(path))
    assert load_image(file, shorter_side=64).reason == "undecodable_image"
    assert preview(str(path)) == ""
    assert not started


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_of_the_list_is_read(kind):
    """As this Pillow is built."""
    photo = to_jpeg(encoded(kind), shorter_side=64)
    assert isinstance(photo, bytes)
    assert decode(photo).size == (40, 40)


@pytest.mark.parametrize("kind", ["ICO", "PCX", "PPM", "SGI", "TGA", "EPS", "PDF", "DDS"])
def test_a_format_that_is_not_in_the_list_is_no_photo(kind, started):
    """Formats of old or of few are written by nobody's camera, and their decoders by few."""
    assert to_jpeg(encoded(kind), shorter_side=64)[0] == "undecodable_image"
    assert not started


def test_a_stored_photo_is_of_the_formats_that_are_stored():
    """An artifact that was tampered with starts nothing either."""
    assert stored(encoded("JPEG")).size == opened(encoded("JPEG")).size
    with pytest.raises(Image.UnidentifiedImageError):
        stored(POSTSCRIPT)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are files on POSIX only")
def test_what_is_no_regular_file_is_told_at_once(tmp_path):
    """D15, E22: a pipe without a writer, a socket, a folder; nothing is waited for."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    listening = socket.socket(socket.AF_UNIX)
    where = os.getcwd()
    try:
        os.chdir(tmp_path)  # a socket's path is short
        listening.bind("socket.jpg")
    finally:
        os.chdir(where)
        listening.close()
    for name in ("pipe.jpg", "folder.jpg", "socket.jpg"):
        found = load_image(ImageFile(name, str(tmp_path / name)), shorter_side=64)
        assert (found.reason, found.detail.endswith("no regular file")) == ("unreadable_file", True)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs /dev/zero")
@pytest.mark.parametrize("name", ["/dev/zero", "/dev/urandom", "/proc/kmsg", "/proc/self/mem"])
def test_a_file_without_end_costs_no_memory(tmp_path, name):
    """D16: through a link, too."""
    if not os.path.exists(name):
        pytest.skip(f"{name} is not there")
    (tmp_path / "photo.jpg").symlink_to(name)
    found = load_image(ImageFile("photo.jpg", str(tmp_path / "photo.jpg")), shorter_side=64)
    assert found.reason in ("unreadable_file", "undecodable_image")


def test_a_file_that_becomes_a_pipe_is_told(tmp_path, monkeypatch):
    """Between the look at it and its opening."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded("JPEG"))
    looked_at = os.stat(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda *_, **__: looked_at)
    found = load_image(ImageFile("photo.jpg", str(path)), shorter_side=64)
    assert stat.S_ISREG(looked_at.st_mode)
    assert found.detail.endswith("no regular file")
