"""The page: static files, read once, so that no path of a client is ever opened."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

INDEX = "index.html"
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/x-icon",
    "webmanifest": "application/manifest+json",
    "woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of the page."""

    content: bytes
    media_type: str
    etag: str


def page_files() -> dict[str, StaticFile]:
    """All files of the page by name."""
    found = {}
    for entry in files("seje_ray.serving").joinpath("page").iterdir():
        media_type = MEDIA_TYPES.get(entry.name.rpartition(".")[2])
        if media_type is not None and entry.is_file():
            found[entry.name] = static_file(entry.read_bytes(), media_type)
    return found


def static_file(content: bytes, media_type: str) -> StaticFile:
    """A file with the tag by which a browser knows whether it has it already."""
    return StaticFile(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:24]}"')
