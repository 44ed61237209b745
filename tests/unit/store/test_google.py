"""Workspaces at ``gs://``, on an emulator of Google's store; what S3's tests hold, in short."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gcp_storage_emulator.server import create_server

from seje_ray.errors import OutageError, StoreError
from seje_ray.store import objects
from seje_ray.store.location import CACHE
from seje_ray.store.objects import Objects
from seje_ray.store.patience import patient
from tests.ports import free_port
from tests.unit.store.first_stage import require_bytes_of_a_disk


def uri_at(port: int) -> str:
    """A place that needs no credentials."""
    return f"gs://anonymous@bucket/some/path?endpoint_override=127.0.0.1:{port}&scheme=http"


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A place in the bucket of an emulator."""
    monkeypatch.setenv(CACHE, str(tmp_path / "machine-1"))
    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="bucket")
    server.start()
    try:
        yield uri_at(port)
    finally:
        server.stop()
        objects._connection.cache_clear()


def test_objects_are_written_listed_copied_and_dropped(uri: str, tmp_path: Path) -> None:
    """Of one piece and of several; what is not there is None, and nothing to drop."""
    store = Objects(uri)
    assert store.listed() == {}
    store.write("a/small", b"some bytes")
    large = tmp_path / "large"
    large.write_bytes(b"0123456789" * 2_000_000)
    assert store.write_from("a/large", large).size == 20_000_000
    store.copy(["small"], "a", "b")

    assert {key: one.size for key, one in store.listed().items()} == {
        "a/large": 20_000_000, "a/small": 10, "b/small": 10,
    }  # fmt: skip
    assert store.read("b/small") == b"some bytes"
    store.read_into("a/large", tmp_path / "back", 20_000_000)
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    store.drop(["a/small", "a/large", "never there"])
    assert list(store.listed()) == ["b/small"]
    assert (store.seen("a/small"), store.read("a/small")) == (None, None)


def test_recipes_that_are_read_there_are_the_bytes_of_a_disk(uri: str, tmp_path: Path) -> None:
    require_bytes_of_a_disk(uri, tmp_path)


def test_a_store_that_nobody_answers_for_is_an_outage_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's library by itself tries for a quarter of an hour, each time."""
    monkeypatch.setattr(objects, "CONNECT_S", 1)
    with pytest.raises(OutageError, match="gs://anonymous@bucket/some/path/a: the store does not"):
        Objects(uri_at(free_port())).read("a", tries=1)


def test_missing_credentials_are_told_at_once() -> None:
    """In the words of Google's library."""

    def refused() -> None:
        raise OSError(
            "google::cloud::Status(UNAVAILABLE: Retry policy exhausted, with a last message of "
            "Could not create a OAuth2 access token to authenticate the request."
        )

    with pytest.raises(StoreError, match=r"^gs://b/a: there are no credentials; set those of the"):
        patient("gs://b/a", refused)
