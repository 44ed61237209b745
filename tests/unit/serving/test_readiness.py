"""A server is waited for until it answers with the training that was asked for."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from seje_ray.errors import ResourceError
from seje_ray.serving.readiness import ready_run, wait_until_ready

Answer = tuple[int, bytes]


@contextmanager
def answering(answers: list[Answer]) -> Iterator[int]:
    """The port of a server that gives one answer after another, the last one again and again."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def ready(run: str) -> Answer:
    """As the server answers that serves a training."""
    return 200, json.dumps({"status": "ready", "run": run}).encode()


def test_it_waits_through_errors_and_the_former_training() -> None:
    """503, what is no JSON, another training: none of them is the server that is waited for."""
    with answering(
        [(503, b"{}"), (200, b"<html>"), (200, b"[]"), ready("old"), ready("new")]
    ) as port:
        wait_until_ready("127.0.0.1", port, "new", 60.0)
        assert ready_run("127.0.0.1", port) == "new"


def test_patience_ends_with_what_is_there_instead() -> None:
    """The former training by its name; or that nobody answers."""
    with answering([ready("old")]) as port, pytest.raises(ResourceError, match="still serves old"):
        wait_until_ready("127.0.0.1", port, "new", 0.0)
    with closing(socket.socket()) as probe:  # bound, but nobody listens
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(ResourceError, match="does not answer"):
            wait_until_ready("127.0.0.1", probe.getsockname()[1], "new", 0.0)
