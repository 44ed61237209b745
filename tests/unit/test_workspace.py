"""The layout of a workspace, and what of it survives a move."""

from pathlib import Path

import pytest

from seje_ray.errors import ArtifactError, WorkspaceError
from seje_ray.workspace import Workspace


def test_every_part_lies_below_the_folder():
    """Also where a person typed a relative location."""
    workspace = Workspace.at("somewhere/w")

    assert workspace.folder == Path.cwd() / "somewhere/w"
    parts = [
        workspace.recipes,
        workspace.calibrator,
        workspace.calibrated_run,
        workspace.cookbook(10, 3),
        workspace.embeddings("a", "test"),
        workspace.run("a"),
        workspace.tune("a"),
        workspace.ablation("a"),
        workspace.variant("k").calibrated,
        workspace.report("a"),
        workspace.search_page,
        workspace.logs,
    ]
    assert len(set(parts)) == len(parts)
    assert all(part.is_relative_to(workspace.folder) for part in parts)


@pytest.mark.parametrize("location", ["s3://bucket/w", "gs://bucket", "s3:/bucket/w"])
def test_a_place_in_a_store_is_one(location):
    """Also as pathlib leaves its URI."""
    workspace = Workspace.at(location)
    assert workspace.is_stored
    assert str(workspace) == location.replace(":/b", "://b")


def test_another_scheme_is_refused():
    """With what works instead."""
    with pytest.raises(WorkspaceError, match="a URI that begins with s3://, gs:// or abfs://"):
        Workspace.at("hdfs://host/w")


def test_a_variant_in_a_store_reads_the_recipes_of_its_source():
    """By its own URI, too; a folder that only lies in one called variants has its own."""
    source = Workspace.at("s3://bucket/w?region=eu")
    variant = source.variant("0123456789ab")
    own = Workspace.at("s3://bucket/w/variants/0123456789ab?region=eu")
    assert variant.recipes == own.recipes == source.recipes
    plain = Workspace(Path("/w/variants/0123456789ab"))
    for other in (plain, Workspace.at("s3://bucket/variants/mine")):
        assert other.recipes == other.folder / "recipes"


def test_a_stored_path_is_true_after_a_move(tmp_path):
    """It says nothing of where the workspace was."""
    before, after = Workspace(tmp_path / "before"), Workspace(tmp_path / "after")
    inside = before.variant("k").calibrated

    stored = before.stored(inside)

    assert stored == "variants/k/calibrated"
    assert after.resolved(stored) == after.variant("k").calibrated
    with pytest.raises(ValueError, match="not in the subpath"):
        before.stored(tmp_path)


def test_what_is_missing_names_the_command(tmp_path):
    """Each part by its own."""
    workspace = Workspace(tmp_path)
    for opened, command in (
        (workspace.open_recipes, "calibrate --stage ingest"),
        (workspace.open_calibrator, "calibrate --stage fit"),
        (workspace.open_calibrated, "calibrate"),
    ):
        with pytest.raises(ArtifactError, match=f"not there; run `seje-ray {command}`"):
            opened()


def test_what_several_commands_need_is_made_once(tmp_path):
    """Found before the lock, found behind it, or made; a finished one needs no lock."""
    workspace, asked = Workspace(tmp_path), []

    def find(answers=("made", None, "by another", None, None)):
        asked.append(answers[len(asked)])
        return asked[-1]

    def make(held):
        assert held.lease.is_held()
        return "by us"

    part = workspace.embeddings("a", "test")
    found = [workspace.found_or_made(part, find, make) for _ in range(3)]
    assert found == ["made", "by another", "by us"]
    assert asked == ["made", None, "by another", None, None]
    assert list(tmp_path.iterdir()) == []
