"""Files that changed since they were made are told from those that did not."""

import hashlib
import json
import os
from dataclasses import asdict, replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.artifact import finished, open_artifact, outdated, shard_name, write_table
from seje_ray.building import begin, build_manifest, finish
from seje_ray.errors import ArtifactError
from seje_ray.integrity import file_hash, first_fault, known_hash, known_hashes
from seje_ray.manifest import Manifest, Plan, manifest_in

PLAN = Plan(kind="calibrated", section={}, inputs={}, seed=0)


def noted(folder):
    """Hashes and sizes of all files of a folder, by the plain functions of the library."""
    files = sorted(folder.iterdir())
    hashes = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    return hashes, {p.name: len(p.read_bytes()) for p in files}


def make(folder, plan=PLAN):
    building = begin(folder, plan)
    for partition in ("train", "val"):
        write_table(building / shard_name(partition, 0), pa.table({"n": [1, 2, 3]}))
    return finish(folder, plan, build_manifest(plan, building))


@given(
    content=st.binary(min_size=1, max_size=300),
    at=st.integers(0, 299),
    bit=st.integers(0, 7),
)
def test_every_bit_counts(tmp_path_factory, content, at, bit):
    """E25: of 300 single flips not one may pass; the size alone sees none of them."""
    folder = tmp_path_factory.mktemp("flip")
    (folder / "a").write_bytes(content)
    (folder / "b").write_bytes(b"other")
    hashes, sizes = noted(folder)
    assert first_fault(folder, hashes, sizes, "full") is None
    changed = bytearray(content)
    changed[at % len(content)] ^= 1 << bit
    (folder / "a").write_bytes(changed)

    assert first_fault(folder, hashes, sizes, "size") is None
    fault = first_fault(folder, hashes, sizes, "full")
    assert fault is not None
    assert fault.startswith(f"{folder / 'a'} has changed since it was made: expected sha256")


@given(content=st.binary(min_size=2, max_size=300), cut=st.integers(0, 298))
def test_a_file_that_is_cut_short_is_seen_by_its_size(tmp_path_factory, content, cut):
    """Whatever is left of it; where no size was noted, nothing left is still seen."""
    folder = tmp_path_factory.mktemp("cut")
    (folder / "a").write_bytes(content)
    hashes, sizes = noted(folder)
    kept = content[: cut % (len(content) - 1)]
    (folder / "a").write_bytes(kept)

    fault = first_fault(folder, hashes, sizes, "size")
    assert fault == f"{folder / 'a'} has {len(kept)} bytes, expected {len(content)}"
    assert (first_fault(folder, hashes, {}, "size") is None) == bool(kept)
    assert first_fault(folder, hashes, {}, "full") is not None


def test_a_file_that_is_empty_by_right_is_whole(tmp_path):
    """An empty file has a hash, too."""
    (tmp_path / "a").touch()
    hashes, sizes = noted(tmp_path)
    assert first_fault(tmp_path, hashes, sizes, "full") is None
    assert first_fault(tmp_path, {}, {}, "full") is None


def test_a_file_is_hashed_once_until_it_changes(tmp_path):
    """Other bytes under the same size and time are not looked at; another time or size is."""
    path = tmp_path / "layer1.json"
    path.write_text("one")
    os.utime(path, ns=(1, 1))
    first = hashlib.sha256(b"one").hexdigest()
    assert known_hash(path) == file_hash(path) == first

    path.write_text("two")
    os.utime(path, ns=(1, 1))
    assert known_hash(path) == first
    os.utime(path, ns=(2, 2))
    assert known_hash(path) == hashlib.sha256(b"two").hexdigest()
    path.write_text("three")
    os.utime(path, ns=(2, 2))
    assert known_hashes([path]) == {path: hashlib.sha256(b"three").hexdigest()}


@pytest.mark.parametrize("verify", ["full", "size"])
def test_a_missing_or_short_shard_is_one_error_that_names_the_stage(tmp_path, verify):
    """E02, E03, E05: whatever is compared."""
    made = make(tmp_path / "calibrated")
    assert made.require_whole(verify) is made
    path = made.folder / "val-000000.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    short = rf"val-000000.parquet has 100 bytes, expected {len(whole):,}; stage transform has to "
    with pytest.raises(ArtifactError, match=short + "make it again: run `seje-ray calibrate`"):
        made.require_whole(verify)
    path.unlink()
    with pytest.raises(ArtifactError, match=r"val-000000.parquet is missing \(No such file"):
        made.require_whole(verify, "train")  # also where only another partition is read


def test_hashes_are_compared_of_what_is_read(tmp_path):
    """A command that reads train alone does not wait for the rest."""
    made = make(tmp_path / "calibrated")
    path = made.folder / "val-000000.parquet"
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)

    made.require_whole("full", "train")
    made.require_whole("size", "val")
    for partitions in ((), ("val",), ("train", "val")):
        with pytest.raises(ArtifactError, match=r"val-000000\.parquet has changed"):
            made.require_whole("full", *partitions)


def test_what_is_damaged_is_not_finished_and_is_made_again(tmp_path):
    """P09a: the command that the error names does make it again, and says why."""
    folder = tmp_path / "calibrated"
    first = make(folder)
    (folder / "train-000000.parquet").unlink()

    assert finished(folder, PLAN) is None
    assert outdated(folder, "calibrated") == (
        f"stage transform runs again, since {folder / 'train-000000.parquet'} is missing "
        "(No such file or directory)"
    )
    assert make(folder).content_hash == first.content_hash
    assert outdated(folder, "calibrated", "full") is None
    (folder / "manifest.json").write_text("")
    assert finished(folder, PLAN) is None
    assert outdated(folder, "calibrated") == (
        f"stage transform runs again, since {folder / 'manifest.json'} cannot be read"
    )


def test_sizes_and_rows_change_no_hash_and_older_manifests_have_none(tmp_path):
    """What was made of an artifact by a version before stays valid."""
    made = make(tmp_path / "calibrated")
    path = made.folder / "manifest.json"
    raw = json.loads(path.read_text())
    assert raw.pop("sizes") == {
        p.name: p.stat().st_size for p in sorted(made.folder.glob("*.parquet"))
    }
    assert raw.pop("shard_rows") == {"train-000000.parquet": 3, "val-000000.parquet": 3}
    path.write_text(json.dumps(raw))

    older = open_artifact(made.folder, "calibrated")
    assert older.content_hash == made.content_hash
    assert older.require_whole("full").manifest.sizes == {}
    assert older.counts() == made.counts() == [3, 3]
    # As versions before computed it: every field that they knew.
    text = json.dumps(raw, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert made.content_hash == hashlib.sha256(text.encode()).hexdigest()
    known = manifest_in(made.folder)
    assert isinstance(known, Manifest)
    assert asdict(replace(made.manifest, sizes={}, shard_rows={})) == asdict(known)
