"""A tiny server that speaks the API of ``seje-ray serve``, for tests of the page alone.

``python -m tests.browser.standin`` shows the page at http://127.0.0.1:8123.
"""

import json
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np

import seje_ray
from tests.browser.standin_shelf import (
    Entry,
    Facts,
    Query,
    RefusedError,
    Shelf,
    colours,
    facts,
    words,
)

PAGE = Path(seje_ray.__file__).parent / "serving" / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
LISTS = ("with", "without", "plus", "minus", "partitions", "categories")
LIMITS = {
    "upload_bytes": 12 * 1024**2,
    "photos": 5,
    "pixels": 50_000_000,
    "text_characters": 2000,
    "results": 50,
    "terms": 20,
}


@dataclass
class Standin:
    """What the server does, and what was asked of it."""

    shelf: Shelf = field(default_factory=Shelf)
    token: str = ""  # "" for none
    num_busy: int = 0  # searches that are sent away before one is answered
    paths: list[str] = field(default_factory=list)  # in order
    forms: list[Facts] = field(default_factory=list)  # options of searches by photo
    recipes: list[Facts] = field(default_factory=list)  # of the visitor that were searched with
    url: str = ""


@contextmanager
def standin(port: int = 0) -> Iterator[Standin]:
    """A server on loopback until the end of the block."""
    state = Standin()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers["Content-Length"])))

        def answer(self, body: bytes) -> None:
            state.paths.append(self.path)
            try:
                self.send(200, *respond(state, self.path, self.headers, body))
            except RefusedError as error:
                status, type_, message, hint = error.args
                told = {"type": type_, "message": message, "hint": hint}
                self.send(status, "application/json", as_json(told))

        def send(self, status: int, media_type: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("X-Content-Type-Options", "nosniff")
            if status == 503:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def respond(state: Standin, path: str, headers: Message, body: bytes) -> tuple[str, bytes]:
    """Type and bytes of an answer."""
    if not path.startswith("/v1/"):
        return page_file(path)
    if state.token and headers["Authorization"] != f"Bearer {state.token}":
        raise RefusedError(401, "unauthorized", "a token is wanted", "")
    if path == "/v1/collection":
        return "application/json", as_json(collection(state.shelf))
    if path.startswith("/v1/search/"):
        return "application/json", as_json(searched(state, path, headers, body))
    entry = entry_of(state.shelf, path)
    if path.startswith("/v1/thumbnails/"):
        if entry.jpeg is None:
            raise missing(path)
        return "image/jpeg", entry.jpeg
    return "application/json", as_json(facts(state.shelf, entry))


def page_file(path: str) -> tuple[str, bytes]:
    """A file of the page."""
    name = "index.html" if path == "/" else path.removeprefix("/page/")
    if name not in {file.name for file in PAGE.iterdir()}:
        raise missing(path)
    return mimetypes.guess_type(name)[0] or "text/plain", (PAGE / name).read_bytes()


def entry_of(shelf: Shelf, path: str) -> Entry:
    """The recipe or photo at the end of a path."""
    kind, id_ = path.split("/")[-2:]
    side = shelf.recipes if kind == "recipes" else shelf.photos
    if unquote(id_) not in side:
        raise missing(path)
    return side[unquote(id_)]


def searched(state: Standin, path: str, headers: Message, body: bytes) -> Facts:
    """The answer of a search."""
    if state.num_busy:
        state.num_busy -= 1
        raise RefusedError(503, "busy", "the server is busy", "try again")
    options: Facts = {"find": "recipes", "count": 12, "heat_map": False}
    options |= {name: [] for name in LISTS}
    if path == "/v1/search/photo":
        query = photo_query(headers, body, options)
        state.forms.append(options)
        return state.shelf.found(query, options)
    asked = json.loads(body)
    options |= {name: value for name, value in asked.items() if name in options}
    if path == "/v1/search/text":
        return state.shelf.found(Query("text", asked["text"], words(asked["text"])), options)
    if path == "/v1/search/recipe":
        own = asked["recipe"]
        text = " ".join([own["title"], *own["ingredients"], *own["instructions"]])
        state.recipes.append(own)
        return state.shelf.found(Query("recipe", own["title"], words(text)), options)
    entry = entry_of(state.shelf, f"/v1/{asked['kind']}s/{asked['id']}")
    looks = None if entry.jpeg is None else entry.colours
    query = Query(entry.kind, entry.title, entry.words, looks, entry.id, entry.recipe.id)
    return state.shelf.found(query, options)


def photo_query(headers: Message, body: bytes, options: Facts) -> Query:
    """The query of a form by the mean of its photos; its options go into ``options``."""
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    photos = []
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name, data = part["Content-Disposition"].params["name"], part.get_payload(decode=True)
        if name == "photo":
            photos.append(colours(data))
        elif name in LISTS:
            options[name].append(data.decode())
        else:
            options[name] = int(data) if name == "count" else data.decode()
    seen = ({"category": "tomato soup", "probability": 0.71},)
    return Query("photo", "a photo", colours=np.mean(photos, axis=0), sees=seen)


def collection(shelf: Shelf) -> Facts:
    """What the page shows before any search."""
    examples = [entry for entry in shelf.recipes.values() if entry.thumbnail][:8]
    return {
        "run": "standin",
        "is_made_up": True,
        "num_recipes": len(shelf.recipes),
        "num_photos": len(shelf.photos),
        "embedding_dim": 48,
        "partitions": ["train", "val", "test"],
        "categories": sorted({entry.category for entry in shelf.recipes.values()}),
        "limits": LIMITS,
        "formats": ["image/jpeg", "image/png", "image/webp"],
        "examples": [{"kind": "recipe", **facts(shelf, one)} for one in examples],
    }


def as_json(value: Facts) -> bytes:
    """JSON as bytes."""
    return json.dumps(value).encode()


def missing(what: str) -> RefusedError:
    """404."""
    return RefusedError(404, "not_found", f"{what}: there is no such thing here", "")


if __name__ == "__main__":
    with standin(8123):
        threading.Event().wait()
