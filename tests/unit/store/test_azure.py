"""Workspaces at ``abfs://``, on the emulator of Azure's store; what S3's tests hold, in short."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest

from seje_ray.errors import OutageError, StoreError
from seje_ray.store import azure, objects, patience
from seje_ray.store.location import CACHE, as_uri
from seje_ray.store.objects import AzureObjects
from seje_ray.store.patience import patient
from tests.ports import free_port
from tests.unit.store.first_stage import require_bytes_of_a_disk

NUMBERS = count(1)
EMULATOR = shutil.which("azurite-blob")
ACCOUNT = "devstoreaccount1"  # the emulator's own, with a key that everybody knows
PUBLIC_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
needs_emulator = pytest.mark.skipif(
    EMULATOR is None, reason="needs azurite-blob (npm install --global azurite)"
)


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    """Of the emulator, which answers."""
    found = free_port()
    command = [str(EMULATOR), "--blobHost", "127.0.0.1", "--blobPort", str(found)]
    command += ["--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert any("successfully listens" in line for line in running.stdout)
        yield found
        running.kill()


@pytest.fixture
def uri(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A place in a container of its own."""
    monkeypatch.setenv(CACHE, str(tmp_path / "machine-1"))
    monkeypatch.setenv(azure.KEY, PUBLIC_KEY)
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.001)
    found = uri_at(port, f"box-{next(NUMBERS)}")
    store = AzureObjects(found)
    store.at("")[0].create_dir(store.at("")[1].partition("/")[0])
    yield found
    store.drop(store.listed())
    objects._connection.cache_clear()


def uri_at(port: int, container: str) -> str:
    """A place at the emulator."""
    options = f"endpoint_override=127.0.0.1:{port}&scheme=http"
    found = as_uri(f"abfs://{container}@{ACCOUNT}.dfs.core.windows.net/some/path?{options}")
    assert found is not None
    return found


@needs_emulator
@pytest.mark.parametrize("most_copied", [azure.MOST_COPIED, 1000])
def test_objects_are_written_listed_copied_and_dropped(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_copied: int
) -> None:
    """Also such as the store does not copy in one step; nothing else is left there."""
    monkeypatch.setattr(azure, "MOST_COPIED", most_copied)
    store = AzureObjects(uri)
    assert store.listed() == {}
    store.write("a/small", b"some bytes")
    large, empty = tmp_path / "large", tmp_path / "empty"
    large.write_bytes(b"0123456789" * 2_000_000)
    empty.touch()
    assert store.write_from("a/large", large).size == 20_000_000
    assert store.write_from("a/empty", empty).size == 0
    store.copy(["small", "large"], "a", "b")

    assert {key: one.size for key, one in store.listed().items()} == {
        "a/large": 20_000_000, "a/small": 10, "b/small": 10, "b/large": 20_000_000,
    }  # fmt: skip
    assert set(store.listed("b")) == {"b/small", "b/large"}
    assert store.read("b/small") == b"some bytes"
    store.read_into("b/large", tmp_path / "back", 20_000_000)
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    store.drop(["a/small", "a/large", "b/large", "never there"])
    assert list(store.listed()) == ["b/small"]
    assert (store.seen("a/small"), store.read("a/small")) == (None, None)


@needs_emulator
def test_a_reader_sees_an_object_of_before_or_of_after(uri: str) -> None:
    """While it is replaced again and again; pyarrow's stream alone shows an empty one meanwhile."""
    writer, reader = AzureObjects(uri), AzureObjects(uri)
    texts = {b"before" * 100, b"after." * 100}
    writer.write("lock", b"before" * 100)
    is_over = threading.Event()
    seen: set[bytes | None] = set()

    def read() -> None:
        while not is_over.is_set():
            seen.add(reader.read("lock"))

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(8):
        for text in sorted(texts):
            writer.write("lock", text)
    is_over.set()
    thread.join()
    assert seen == texts


@needs_emulator
def test_an_object_whose_bytes_are_on_their_way_is_not_there(uri: str) -> None:
    """What a killed process leaves of a large one is never taken for finished."""
    store = AzureObjects(uri)
    files, path = store.at("shards/large")
    stream = files.open_output_stream(path)
    stream.write(b"half")
    assert (store.listed(), store.seen("shards/large"), store.read("shards/large")) == (
        {},
        None,
        None,
    )
    stream.close()
    assert store.read("shards/large") == b"half"


@pytest.mark.slow  # the emulator lets each of its errors wait for seconds
@needs_emulator
def test_recipes_that_are_read_there_are_the_bytes_of_a_disk(uri: str, tmp_path: Path) -> None:
    require_bytes_of_a_disk(uri, tmp_path)


@needs_emulator
def test_a_wrong_key_and_a_container_that_is_not_there_are_one_line(
    uri: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a second try."""
    with pytest.raises(StoreError, match=f"^abfs://nobody@{ACCOUNT}.* there is no such bucket; "):
        AzureObjects(uri_at(port, "nobody")).write("a", b"1", tries=1)
    monkeypatch.setenv(azure.KEY, "AAAA" + PUBLIC_KEY[4:])
    with pytest.raises(StoreError, match="the credentials are refused; set those"):
        AzureObjects(uri).seen("a")


def test_missing_credentials_are_told_at_once() -> None:
    """In the words of Azure's library, which does not call it an error of input or output."""

    def refused() -> None:
        raise pa.ArrowException(
            "Unknown error: Check for Hierarchical Namespace support on 'https://...' failed: "
            "AuthenticationException: Failed to get token from DefaultAzureCredential."
        )

    with pytest.raises(StoreError, match=r"^abfs://b/a: there are no credentials; set those of"):
        patient("abfs://b/a", refused)


def test_a_store_that_nobody_answers_for_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key, since without one nobody would be asked."""
    monkeypatch.setenv(azure.KEY, PUBLIC_KEY)
    with pytest.raises(OutageError, match="the store does not answer as it should"):
        AzureObjects(uri_at(free_port(), "box")).read("a", tries=1)


@pytest.mark.parametrize("text", ["abfs://box/path", "abfs://account.dfs.core.windows.net/path"])
def test_a_uri_without_container_or_account_is_one_line(text: str) -> None:
    """With the form that is expected."""
    with pytest.raises(StoreError, match="expected a container and an account, as in abfs://CONT"):
        AzureObjects(text)
