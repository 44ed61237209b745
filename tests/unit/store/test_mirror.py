"""Files between a machine and a store: what is read is what the store has, at any time."""

import errno
import hashlib
import os

import pytest

from seje_ray.artifact import write_json, write_text
from seje_ray.errors import StoreError
from seje_ray.store import patience
from seje_ray.store.location import CACHE, mirror_folder
from seje_ray.store.mirror import drop, fetch, fetch_once, pull, push, put, remove, sizes_of
from tests.unit.store.proxy import CUT


def test_what_is_committed_here_is_read_there(on_machine):
    """A file that one machine commits is there for another at once."""
    write_text(on_machine(1).folder / "a" / "one.txt", "first")
    there = on_machine(2).folder / "a" / "one.txt"
    assert fetch(there).read_text() == "first"


def test_a_change_of_the_same_size_within_a_second_is_seen_in_json(on_machine):
    """Small JSON decides what is read next, so it is brought every time."""
    one, two = on_machine(1).folder / "manifest.json", on_machine(2).folder / "manifest.json"
    for value in (1, 2, 3):
        write_json(one, value)
        assert fetch(two).read_text() == f"{value}\n"


def test_what_the_store_has_not_is_gone_here(on_machine):
    """A pulled folder is the store's: stale files go, hidden ones and logs stay."""
    one, two = on_machine(1).folder, on_machine(2).folder
    write_text(one / "a" / "one.txt", "first")
    pull(two / "a")
    for name in ("stale.txt", ".half.tmp", "log.jsonl"):
        (two / "a" / name).write_text("")
    pull(two / "a", keeps_own=True)
    assert (two / "a" / "stale.txt").exists()
    pull(two / "a")
    assert sorted(p.name for p in (two / "a").iterdir()) == [".half.tmp", "log.jsonl", "one.txt"]
    remove(one / "a" / "one.txt")
    assert not pull(two / "a").exists()


def test_a_file_that_is_current_is_not_read_again(on_machine, proxy):
    """A second pull asks for the list alone."""
    one, two = on_machine(1).folder, on_machine(2).folder
    for number in range(5):
        write_text(one / "a" / f"{number}.txt", "x" * number)
    pull(two / "a")
    before = len(proxy.requests)
    pull(two / "a")
    assert [r.method for r in proxy.requests[before:]] == ["GET"]


def test_push_sends_what_is_new_and_what_finishes_last(on_machine, proxy):
    """The manifest comes after everything else, however the folder is walked."""
    one = on_machine(1).folder / "a"
    for name in ("a.bin", "manifest.json", "z.bin", "b/files.json", "b/c.bin", ".hidden"):
        (one / name).parent.mkdir(parents=True, exist_ok=True)
        (one / name).write_bytes(name.encode())
    push(one)
    sent = [r.path.partition("?")[0] for r in proxy.requests if r.method == "PUT"]
    ends = [path.rpartition("/a/")[2] for path in sent]
    assert set(ends[:3]) == {"a.bin", "z.bin", "b/c.bin"}
    assert set(ends[3:]) == {"manifest.json", "b/files.json"}
    before = len(proxy.requests)
    push(one)
    assert all(r.method == "GET" for r in proxy.requests[before:])


def test_sizes_are_the_stores(on_machine):
    """A listing by names below the folder; nothing for a plain one."""
    one = on_machine(1).folder
    write_text(one / "a" / "b" / "one.txt", "12345")
    assert sizes_of(one / "a") == {"b/one.txt": 5}
    assert sizes_of(one.parent.parent) is None


def test_what_a_manifest_notes_is_compared_when_it_is_brought(on_machine):
    """Bytes that are not those of the manifest are refused, and never take their place."""
    one, two = on_machine(1).folder / "a", on_machine(2).folder / "a"
    write_text(one / "x.bin", "right")
    noted = hashlib.sha256(b"right").hexdigest()
    write_json(one / "manifest.json", {"shards": {"x.bin": noted}})
    pull(two)
    write_text(one / "x.bin", "wrong, and longer")
    with pytest.raises(StoreError, match="has changed since it was made"):
        fetch(two / "x.bin")
    assert (two / "x.bin").read_text() == "right"


def test_a_manifest_of_before_does_not_condemn_new_files(on_machine):
    """A machine that still has the old manifest takes the new shard by the new one."""
    one, two = on_machine(1).folder / "a", on_machine(2).folder / "a"
    for text in ("old", "newer"):
        write_text(one / "x.bin", text)
        noted = hashlib.sha256(text.encode()).hexdigest()
        write_json(one / "manifest.json", {"shards": {"x.bin": noted}})
        if text == "old":
            pull(two)
    assert fetch(two / "x.bin").read_text() == "newer"


def test_a_large_file_in_pieces(on_machine):
    """More than one part of an upload, byte for byte."""
    one, two = on_machine(1).folder / "big.bin", on_machine(2).folder / "big.bin"
    one.parent.mkdir(parents=True)
    data = os.urandom(2**20) * 13
    one.write_bytes(data)
    put(one)
    assert fetch(two).read_bytes() == data


def test_fetch_once_asks_only_for_what_is_not_here(on_machine, proxy):
    """A photo of a data set never changes, so nothing is asked about one that is here."""
    one = on_machine(1).folder / "photo.jpg"
    write_text(one, "pixels")
    before = len(proxy.requests)
    assert fetch_once(one).read_text() == "pixels"
    assert len(proxy.requests) == before
    assert fetch_once(on_machine(2).folder / "photo.jpg").read_text() == "pixels"


def test_dropping_a_folder_takes_its_manifest_first(on_machine, proxy):
    """Half a deletion leaves no artifact that looks finished."""
    one = on_machine(1).folder / "a"
    for name in ("a.bin", "manifest.json", "z.bin"):
        write_text(one / name, name)
    before = len(proxy.requests)
    drop(one)
    gone = [r.path for r in proxy.requests[before:] if r.method == "DELETE"]
    assert gone[0].endswith("a/manifest.json")
    assert len(gone) == 3


@pytest.mark.parametrize("fault", [500, 503, CUT])
def test_every_third_request_may_fail(on_machine, proxy, fault):
    """What was interrupted is asked again, and comes out whole."""
    proxy.fault = lambda request: fault if request.number % 3 == 0 else None
    one, two = on_machine(1).folder / "a", on_machine(2).folder / "a"
    contents = {f"{n}.txt": str(n) * 3000 * n for n in range(1, 6)}
    for name, text in contents.items():
        write_text(one / name, text)
    pull(two)
    assert {p.name: p.read_text() for p in two.iterdir()} == contents
    assert proxy.num_failed > 0


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "no permission"), (507, "the store is full"), (500, "does not answer as it should")],
)
def test_what_a_store_refuses_for_good_is_one_line(on_machine, proxy, status, words):
    """The place, what is wrong, and what to do; no secret and no traceback of a library."""
    proxy.fault = lambda request: status if request.method in ("PUT", "POST") else None
    with pytest.raises(StoreError, match=words) as refused:
        write_text(on_machine(1).folder / "a.txt", "text")
    said = str(refused.value)
    assert said.startswith("s3://bucket-")
    assert "\n" not in said
    assert "nobody" not in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("400 ExpiredToken", "the credentials have expired; renew them"),
        ("403 InvalidAccessKeyId", "the credentials are refused"),
        ("403 RequestTimeTooSkewed", "the clock of this machine is wrong; set it"),
        ("403 AccessDenied", "no permission"),
    ],
)
def test_a_reason_that_is_not_given_is_asked_for(on_machine, proxy, answer, words):
    """To HEAD a store answers without one: expired credentials are a bare 400, as is much else."""
    path = on_machine(1).folder / "a.txt"
    write_text(path, "text")
    before = len(proxy.requests)
    proxy.fault = lambda request: answer
    for refused in (fetch, drop, lambda path: write_text(path, "other")):
        with pytest.raises(StoreError, match=words):
            refused(path)
    assert len(proxy.requests) - before < patience.TRIES  # told at once


def test_a_reason_that_nothing_gives_stays_the_first_answer(on_machine, proxy):
    """What may be listed and not read is a right that is missing."""
    path = on_machine(1).folder / "a.txt"
    proxy.fault = lambda request: 403 if request.method == "HEAD" else None
    with pytest.raises(StoreError, match="no permission"):
        fetch(path)


def test_a_disk_without_room_is_no_store_that_does_not_answer(
    on_machine, uri, proxy, disk_of, monkeypatch
):
    """Told at once, with the file that has none."""
    write_text(on_machine(1).folder / "a.txt", "text" * 50_000)
    monkeypatch.setenv(CACHE, str(disk_of("64k")))
    before = len(proxy.requests)
    with pytest.raises(OSError, match="No space left") as refused:
        fetch(mirror_folder(uri) / "a.txt")
    assert refused.value.errno == errno.ENOSPC
    assert "a.txt" in refused.value.filename
    assert len(proxy.requests) - before < patience.TRIES
