"""A calibrator that another workspace has fitted."""

import pytest

from seje_ray.artifact import manifest_in
from seje_ray.errors import ArtifactError
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import calibrated_locally, copied, rows_of


def files_of(workspace):
    """Hash of every file of the fitted components, by component."""
    return {
        path.parent.name: manifest_in(path.parent).shards
        for path in workspace.calibrator.glob("*/manifest.json")
    }


@pytest.fixture
def source(tmp_path, calibrated, cookbook):
    """A calibrated workspace that a test may change."""
    copied(cookbook, tmp_path / "big", "recipes", "calibrator", "calibrated", "cookbook-120-0")
    return Workspace(tmp_path / "big")


def test_a_given_calibrator_is_taken_as_it_is(tmp_path, source):
    """Nothing is fitted: the files are the same, and so a recipe of both has the same features.

    The second time nothing is left to do; a change of the other workspace is seen.
    """
    run = tiny_run("data.cookbook_recipes=60", f"calibrate.calibrator_from={source}")
    own = Workspace(tmp_path / "small")

    made = calibrated_locally(run, None, own)

    assert files_of(own) == files_of(source)
    theirs = source.open_calibrated().manifest.facts
    assert made.calibrated is not None
    for fact in ("vocabulary_hash", "category_names", "sentence_dim"):
        assert made.calibrated.manifest.facts[fact] == theirs[fact]
    assert len(rows_of(made.calibrated)) < 60
    before = {p: p.stat().st_mtime_ns for p in own.folder.rglob("*.safetensors")}
    assert before
    again = calibrated_locally(run, None, own)
    assert again.calibrated is not None
    assert again.calibrated.content_hash == made.calibrated.content_hash
    assert {p: p.stat().st_mtime_ns for p in before} == before

    words = source.component("word_vectors") / "words.json"
    words.write_text(words.read_text() + " ")
    with pytest.raises(ArtifactError, match=r"words.json: expected .* changed since it was fitted"):
        calibrated_locally(run, None, Workspace(tmp_path / "third"))


def test_a_given_calibrator_is_read_by_its_own_settings(tmp_path, source):
    """What differs is named; the workspace itself is no source, and one not calibrated neither."""
    taken = f"calibrate.calibrator_from={source}"
    other = tiny_run(taken, "calibrate.word_vectors.window=3")
    with pytest.raises(ArtifactError, match=r"calibrate.word_vectors.window: \d+ there, 3 here"):
        calibrated_locally(other, None, Workspace(tmp_path / "small"))
    with pytest.raises(ArtifactError, match="expected another workspace, found this one"):
        calibrated_locally(tiny_run(taken), None, source)
    with pytest.raises(ArtifactError, match="this calibrator artifact is not there"):
        calibrated_locally(
            tiny_run(f"calibrate.calibrator_from={tmp_path / 'none'}"),
            None,
            Workspace(tmp_path / "small"),
        )
