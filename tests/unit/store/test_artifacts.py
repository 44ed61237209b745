"""Artifacts in a store: finished or not there, resumed from any machine, never mixed."""

import pyarrow as pa
import pytest

from seje_ray.artifact import finished, open_artifact, partial_folder, shard_name, write_table
from seje_ray.building import begin, build_manifest, finish
from seje_ray.errors import ArtifactError, StoreError
from seje_ray.manifest import Plan
from seje_ray.pipeline.stage import missing_shards
from seje_ray.store.mirror import sizes_of

NAMES = [shard_name("train", number) for number in range(3)]


def _plan(seed=0):
    return Plan(kind="embeddings", section={}, inputs={}, seed=seed)


def _shard(partial, name, rows=2):
    write_table(partial / name, pa.table({"id": [f"{name}-{n}" for n in range(rows)]}))


def _made(folder, seed=0, names=NAMES, rows=2):
    partial = begin(folder, _plan(seed))
    for name in missing_shards(partial, names):
        _shard(partial, name, rows)
    return finish(folder, _plan(seed), build_manifest(_plan(seed), partial))


def test_an_artifact_equals_the_local_one(on_machine, tmp_path):
    """The same manifest and content hash, read by another machine, and nothing beside it."""
    local = _made(tmp_path / "plain" / "e")
    stored = _made(on_machine(1).folder / "e")
    assert stored.content_hash == local.content_hash
    there = on_machine(2).folder / "e"
    found = finished(there, _plan())
    assert found.manifest == local.manifest
    for path, known in zip(found.shards("train"), local.shards("train"), strict=True):
        assert path.read_bytes() == known.read_bytes()
    assert set(sizes_of(there.parent)) == {f"e/{name}" for name in [*NAMES, "manifest.json"]}


def test_another_machine_resumes(on_machine):
    """What one committed before it died, the next one does not make again."""
    _shard(begin(on_machine(1).folder / "e", _plan()), NAMES[1])
    there = on_machine(2).folder / "e"
    partial = begin(there, _plan())
    assert missing_shards(partial, NAMES) == [NAMES[0], NAMES[2]]
    assert _made(there).num_rows() == 6
    assert sizes_of(partial) == {}


def test_another_plan_begins_anew(on_machine):
    """Shards of other settings go, here and in the store."""
    one, two = on_machine(1).folder / "e", on_machine(2).folder / "e"
    _shard(begin(one, _plan(seed=1)), NAMES[0], rows=7)
    partial = begin(two, _plan(seed=2))
    assert missing_shards(partial, NAMES) == NAMES
    assert set(sizes_of(partial)) == {"plan.json"}
    assert _made(two, seed=2).num_rows() == 6


def test_what_takes_a_place_leaves_nothing_of_what_was_there(on_machine):
    """Shards that the new artifact has not are gone; the old machine reads the new ones."""
    one, two = on_machine(1).folder / "e", on_machine(2).folder / "e"
    old = _made(one, seed=1)
    new = _made(two, seed=2, names=NAMES[:2], rows=5)
    assert set(sizes_of(one)) == {*NAMES[:2], "manifest.json"}
    assert finished(one, _plan(seed=1)) is None
    found = open_artifact(one, "embeddings")
    assert found.content_hash == new.content_hash != old.content_hash
    assert [p.read_bytes() for p in found.shards()] == [p.read_bytes() for p in new.shards()]


@pytest.mark.parametrize("cut_after", [1, 2, 4, 6, 8])
def test_cut_off_at_any_request_it_is_finished_or_not_there(on_machine, proxy, cut_after):
    """However far a commit comes, one finds the old, the new, or none; then it resumes."""
    one, two = on_machine(1).folder / "e", on_machine(2).folder / "e"
    _made(one, seed=1)
    partial = begin(one, _plan(seed=2))
    for name in NAMES:
        _shard(partial, name, rows=5)
    manifest = build_manifest(_plan(seed=2), partial)
    before = sum(r.method != "GET" and r.method != "HEAD" for r in proxy.requests)

    def fault(request):
        changes = sum(r.method not in ("GET", "HEAD") for r in proxy.requests) - before
        return 403 if request.method not in ("GET", "HEAD") and changes >= cut_after - 1 else None

    proxy.fault = fault
    try:
        finish(one, _plan(seed=2), manifest)
    except StoreError as error:
        assert "no permission" in str(error)  # noqa: PT017  # at the last ones it has all it needs
    proxy.fault = lambda request: None
    try:
        assert open_artifact(two, "embeddings").require_whole("full").num_rows() in (6, 15)
    except ArtifactError as error:
        assert "unfinished" in str(error) or "not there" in str(error)  # noqa: PT017
    assert finished(two, _plan(seed=2)) or _made(two, seed=2, rows=5)
    assert open_artifact(one, "embeddings").require_whole("full").num_rows() == 15


def test_damage_is_told_by_its_size(on_machine):
    """A shard that is gone or short in the store is a fault, which the stage mends."""
    one, two = on_machine(1).folder / "e", on_machine(2).folder / "e"
    artifact = _made(one)
    write_table(one / NAMES[1], pa.table({"id": ["another"]}))
    assert f"{NAMES[1]} has" in artifact.fault("size")
    assert finished(two, _plan()) is None
    assert _made(two).fault("full") is None
    assert partial_folder(one).exists() is False
