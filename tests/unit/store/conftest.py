"""An S3-compatible server on loopback, buckets in it, and machines with mirrors of their own."""

import http.client
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from seje_ray.store import objects, patience
from seje_ray.store.location import CACHE
from seje_ray.workspace import Workspace
from tests.unit.store.proxy import FaultyProxy

NUMBERS = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, int]]:
    """Host and port of the server."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield running.get_host_and_port()
    running.stop()


@pytest.fixture
def proxy(server: tuple[str, int]) -> Iterator[FaultyProxy]:
    """What stands between the program and the server; lets all pass until it is told otherwise."""
    with FaultyProxy(*server) as running:
        yield running


@pytest.fixture
def uri(
    proxy: FaultyProxy,
    server: tuple[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """A place in a bucket of its own, reached through the proxy by the provider's own settings."""
    bucket = f"bucket-{next(NUMBERS)}"
    connection = http.client.HTTPConnection(*server)
    connection.request("PUT", f"/{bucket}")
    assert connection.getresponse().status == 200
    connection.close()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-id-of-nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-nobody")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv(CACHE, str(tmp_path / "machine-1"))
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.001)
    yield f"s3://{bucket}/some/path"
    objects._connection.cache_clear()


@pytest.fixture
def on_machine(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Workspace]:
    """``on_machine(N)``: the workspace as machine N has it from now on; the first one is there."""

    def moved(number: int) -> Workspace:
        monkeypatch.setenv(CACHE, str(tmp_path / f"machine-{number}"))
        return Workspace.at(uri)

    return moved
