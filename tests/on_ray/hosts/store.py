"""An S3-compatible server that keeps what it has when it is started again, and can refuse.

``python -m tests.on_ray.hosts.store PORT FOLDER``. At SIGTERM it writes its objects into the
folder and ends; it begins with those that are there. While a file ``refusal`` is in the folder,
every request is answered by what stands in it: a status and a code of S3's.
"""

import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

ACCOUNT, PARTITION = "123456789012", "aws"  # moto's own
OBJECTS, REFUSAL = "objects", "refusal"  # in the folder
Start = Callable[[str, list[tuple[str, str]]], object]


class Refusing:
    """The server's application, unless a file says how all requests are answered."""

    def __init__(self, application: Any, refusal: Path) -> None:
        self._application, self._refusal = application, refusal

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Answer a request."""
        try:
            status, code = self._refusal.read_text().split()
        except FileNotFoundError:
            return self._application(environ, start)  # type: ignore[no-any-return]
        start(f"{status} {code}", [("Content-Type", "application/xml")])
        is_head = environ["REQUEST_METHOD"] == "HEAD"  # S3 gives no reason then
        return [] if is_head else [f"<Error><Code>{code}</Code></Error>".encode()]


def objects() -> dict[tuple[str, str], tuple[bytes, Any]]:
    """Bytes and time of every object, by bucket and key."""
    buckets = s3_backends[ACCOUNT][PARTITION].buckets
    return {
        (name, key): (found.value, found.last_modified)
        for name, bucket in buckets.items()
        for key, found in bucket.keys.items()
    }


def put_back(kept: dict[tuple[str, str], tuple[bytes, Any]]) -> None:
    """Make the objects that an earlier server had."""
    backend = s3_backends[ACCOUNT][PARTITION]
    for (bucket, key), (value, changed) in kept.items():
        if bucket not in backend.buckets:
            backend.create_bucket(bucket, "us-east-1")
        backend.put_object(bucket, key, value).last_modified = changed


def serve(port: int, folder: Path) -> None:
    """Serve until SIGTERM."""
    application = Refusing(DomainDispatcherApplication(create_backend_app), folder / REFUSAL)
    server = make_server("0.0.0.0", port, application, threaded=True)
    if (folder / OBJECTS).is_file():
        put_back(pickle.loads((folder / OBJECTS).read_bytes()))  # noqa: S301  # our own
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print("ready", flush=True)  # noqa: T201  # who started it waits for that
    server.serve_forever(0.05)
    (folder / OBJECTS).write_bytes(pickle.dumps(objects()))


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
