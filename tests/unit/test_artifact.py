"""A stage's folder: finished, resumable, or refused."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seje_ray.artifact import (
    Plan,
    command_of,
    finished,
    open_artifact,
    partial_folder,
    require_equal_hash,
    shard_name,
    stage_of,
    write_rejects,
    write_table,
)
from seje_ray.building import begin, build_manifest, finish
from seje_ray.errors import ArtifactError
from seje_ray.schema import REJECTS, UPGRADES, VERSIONS

PLAN = Plan(kind="recipes", section={"limit": 3}, inputs={"layer1.json": "ab12"}, seed=4)


def make(folder: Path, plan: Plan = PLAN, rows: int = 2):
    partial = begin(folder, plan)
    write_table(partial / shard_name("train", 0), pa.table({"n": list(range(rows))}))
    write_table(partial / shard_name("test", 0), pa.table({"n": [7]}))
    return finish(folder, plan, build_manifest(plan, partial, rejected={"no_text": 2}))


def test_a_finished_artifact_opens_with_its_rows_and_rejects(tmp_path):
    """What was written is what is found, partition by partition."""
    made = make(tmp_path / "recipes")

    opened = open_artifact(tmp_path / "recipes", "recipes")

    assert opened.content_hash == made.content_hash
    assert dict(opened.manifest.rows) == {"test": 1, "train": 2}
    assert opened.num_rows() == 3
    assert opened.num_rows("train") == 2
    assert opened.num_rows("val") == 0
    assert [path.name for path in opened.shards("train")] == ["train-000000.parquet"]
    assert opened.manifest.rejected == {"no_text": 2}
    assert not partial_folder(tmp_path / "recipes").exists()


def test_an_interrupted_run_finds_its_shards_again(tmp_path):
    """The same plan keeps the building folder; another plan starts afresh."""
    folder = tmp_path / "recipes"
    write_table(begin(folder, PLAN) / shard_name("train", 0), pa.table({"n": [1]}))

    assert (begin(folder, PLAN) / "train-000000.parquet").is_file()
    assert not (begin(folder, replace(PLAN, seed=5)) / "train-000000.parquet").exists()


def test_an_interrupted_run_of_a_version_before_goes_on(tmp_path):
    """A plan that gives the same content keeps the shards and takes this version's name."""
    folder, before = tmp_path / "recipes", replace(PLAN, section={"limit": 3, "old": 1})
    shard = begin(folder, before) / shard_name("train", 0)
    write_table(shard, pa.table({"n": [1]}))

    assert begin(folder, PLAN, None, before) == shard.parent
    assert shard.is_file()
    assert json.loads((shard.parent / "plan.json").read_text()) == PLAN.to_dict()
    begin(folder, replace(PLAN, seed=5), before)  # the folder is no longer of that plan
    assert not shard.exists()


def test_a_finished_artifact_stays_until_its_replacement_is_complete(tmp_path):
    """Building anew with another plan leaves the old folder readable."""
    folder = tmp_path / "recipes"
    old = make(folder)
    begin(folder, replace(PLAN, seed=5))

    assert open_artifact(folder, "recipes").content_hash == old.content_hash

    new = make(folder, replace(PLAN, seed=5), rows=4)
    assert open_artifact(folder, "recipes").num_rows("train") == 4
    assert new.content_hash != old.content_hash


def test_finished_only_for_the_very_same_plan(tmp_path):
    """Another seed, input or setting is another artifact."""
    folder = tmp_path / "recipes"
    make(folder)

    assert finished(folder, PLAN) is not None
    assert finished(folder, replace(PLAN, seed=5)) is None
    assert finished(folder, replace(PLAN, inputs={"layer1.json": "cd34"})) is None
    assert finished(folder, replace(PLAN, section={"limit": 4})) is None
    assert finished(tmp_path / "other", PLAN) is None


def test_the_hash_follows_the_content(tmp_path):
    """Equal content has an equal hash in any folder; one changed row changes it."""
    first, again = make(tmp_path / "a"), make(tmp_path / "b")

    assert first.content_hash == again.content_hash
    assert make(tmp_path / "c", rows=3).content_hash != first.content_hash


def test_what_cannot_be_used_is_refused_with_the_command_that_mends_it(tmp_path):
    """Missing, unfinished, of another kind, of another schema, not a manifest."""
    folder = tmp_path / "recipes"
    with pytest.raises(ArtifactError, match=r"not there.*seje-ray calibrate --stage ingest"):
        open_artifact(folder, "recipes")
    begin(folder, PLAN)
    with pytest.raises(ArtifactError, match="unfinished"):
        open_artifact(folder, "recipes")
    make(folder)
    with pytest.raises(ArtifactError, match="expected calibrated, found recipes"):
        open_artifact(folder, "calibrated")
    manifest = folder / "manifest.json"
    raw = json.loads(manifest.read_text())
    raw["plan"]["schema_version"] = 99
    manifest.write_text(json.dumps(raw))
    with pytest.raises(ArtifactError, match=r"schema 99.*reads schema 2: stage ingest has to run"):
        open_artifact(folder, "recipes")
    manifest.write_text("{")
    with pytest.raises(ArtifactError, match="not a manifest"):
        open_artifact(folder, "recipes")


def test_a_newer_version_of_one_kind_leaves_the_others_readable(tmp_path, monkeypatch):
    """Only the stage that makes it has to run again, and the error names it."""
    calibrated = replace(PLAN, kind="calibrated")
    text = replace(PLAN, kind="calibrator_text")
    for plan in (PLAN, calibrated, text):
        make(tmp_path / plan.kind, plan)
    monkeypatch.setitem(VERSIONS, "calibrated", 3)

    assert finished(tmp_path / "recipes", PLAN) is not None
    assert finished(tmp_path / "calibrator_text", text) is not None
    newer = Plan(kind="calibrated", section={"limit": 3}, inputs=PLAN.inputs, seed=4)
    assert newer.schema_version == 3
    assert finished(tmp_path / "calibrated", newer) is None
    with pytest.raises(ArtifactError, match=r"schema 2, .*: stage transform has to run again"):
        open_artifact(tmp_path / "calibrated", "calibrated")
    monkeypatch.setitem(VERSIONS, "calibrator_text", 3)
    with pytest.raises(ArtifactError, match="stage fit, component text has to run again"):
        open_artifact(tmp_path / "calibrator_text", "calibrator_text")


def test_an_older_version_that_is_still_read_stays_what_it_is(tmp_path, monkeypatch):
    """Two versions on, with a fact that each of them added: nothing is made again."""
    made = make(tmp_path / "recipes")
    monkeypatch.setitem(VERSIONS, "recipes", 4)
    monkeypatch.setitem(UPGRADES, ("recipes", 2), lambda facts: {**facts, "three": 3})
    monkeypatch.setitem(UPGRADES, ("recipes", 3), lambda facts: {**facts, "four": facts["three"]})
    now = Plan(kind="recipes", section=PLAN.section, inputs=PLAN.inputs, seed=PLAN.seed)

    found = finished(tmp_path / "recipes", now)

    assert found is not None
    assert found.manifest.facts == {"three": 3, "four": 3}
    assert found.content_hash == made.content_hash, "what was made from it would be made again"
    assert finished(tmp_path / "recipes", replace(now, seed=5)) is None


@pytest.mark.parametrize("kind", VERSIONS)
def test_every_kind_says_which_stage_and_command_make_it(kind):
    """A kind without them would end in a traceback where it is missing."""
    assert stage_of(kind)
    assert command_of(kind).startswith("seje-ray ")


def test_two_hashes_that_differ_are_both_shown(tmp_path):
    """A vocabulary mismatch names what was found and what was expected."""
    require_equal_hash("vocabulary", tmp_path, "a" * 64, "a" * 64, "seje-ray train")
    with pytest.raises(ArtifactError, match=r"expected bbbbbbbbbbbb, found aaaaaaaaaaaa.*train"):
        require_equal_hash("vocabulary", tmp_path, "a" * 64, "b" * 64, "seje-ray train")


def test_rejects_of_many_pieces_become_one_file(tmp_path):
    """Counts by reason, rows in the order of the pieces."""
    for name, reasons in {"b": ["no_text"], "a": ["missing_id", "no_text"]}.items():
        rows = [{"id": name, "reason": reason, "detail": ""} for reason in reasons]
        write_table(tmp_path / f"{name}.parquet", pa.Table.from_pylist(rows, schema=REJECTS))

    counts = write_rejects(tmp_path, tmp_path.glob("?.parquet"))

    assert counts == {"missing_id": 1, "no_text": 2}
    merged = pq.read_table(tmp_path / "rejects.parquet").to_pylist()
    assert [row["id"] for row in merged] == ["a", "a", "b"]
    assert write_rejects(tmp_path, []) == {}


def test_photos_and_vectors_are_stored_as_they_are_and_all_else_is_compressed(tmp_path):
    """Also those within lists and structures; and a usual shard is one row group."""
    vector = pa.list_(pa.list_(pa.float32(), 3))
    image = pa.list_(pa.struct({"id": pa.string(), "jpeg": pa.binary()}))
    schema = pa.schema({"id": pa.string(), "images": image, "vectors": vector, "n": pa.int32()})
    rows = [
        {"id": str(n), "images": [{"id": "a", "jpeg": b"1"}], "vectors": [[0, 1, n]], "n": n}
        for n in range(256)
    ]
    table, path = pa.Table.from_pylist(rows, schema=schema), tmp_path / "train-000000.parquet"
    write_table(path, table)

    written = pq.ParquetFile(path).metadata
    columns = [written.row_group(0).column(n) for n in range(written.num_columns)]
    assert {column.path_in_schema: column.compression for column in columns} == {
        "id": "ZSTD",
        "images.list.element.id": "ZSTD",
        "images.list.element.jpeg": "UNCOMPRESSED",
        "vectors.list.element.list.element": "UNCOMPRESSED",
        "n": "ZSTD",
    }
    assert written.num_row_groups == 1
    assert pq.read_table(path).equals(table)
