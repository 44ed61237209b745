"""The manifest of a finished training: kind and version, and those of older versions."""

import json

import pytest

from seje_ray import __version__
from seje_ray.errors import ArtifactError
from seje_ray.schema import VERSIONS
from seje_ray.training.run_manifest import RunManifest, is_finished

WRITTEN = RunManifest(
    best_checkpoint="checkpoint-00002",
    best_epoch=2,
    num_epochs=5,
    stopped_early=True,
    metrics={"val/selection_score": 0.1 + 0.2},
    calibrated="data",
    vocabulary_hash="words",
)

NEWER = VERSIONS["run"] + 1
AGAIN, OTHER = "seje-ray train --run mine", "another name with --run, or delete"


def stored(folder):
    return json.loads((folder / "manifest.json").read_text())


def rewritten(folder, **changed):
    raw = {key: value for key, value in (stored(folder) | changed).items() if value is not None}
    (folder / "manifest.json").write_text(json.dumps(raw))
    return folder


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    """Every digit of a metric, the program, the kind and its version."""
    assert not is_finished(tmp_path)
    WRITTEN.write(tmp_path)

    assert is_finished(tmp_path)
    assert RunManifest.read(tmp_path) == WRITTEN
    known = stored(tmp_path)
    assert (known["kind"], known["schema_version"]) == ("run", VERSIONS["run"])
    assert known["seje_ray_version"] == __version__


def test_an_older_manifest_is_read(tmp_path):
    """It named neither kind nor version."""
    WRITTEN.write(tmp_path)
    found = RunManifest.read(rewritten(tmp_path, kind=None, schema_version=None))

    assert found.schema_version == 1
    assert (found.best_epoch, found.metrics) == (WRITTEN.best_epoch, WRITTEN.metrics)


@pytest.mark.parametrize(
    ("changed", "message", "advice"),
    [
        ({"kind": "recipes"}, "expected run of schema .* found recipes", OTHER),
        ({"schema_version": NEWER}, f"found run of schema {NEWER}", OTHER),
        ({"schema_version": NEWER, "something": 1}, f"found run of schema {NEWER}", OTHER),
        ({"best_epoch": None}, "not the manifest of a run .*best_epoch", AGAIN),
        ({"something": 1}, "not the manifest of a run .*something", AGAIN),
        ({"schema_version": "two"}, "not the manifest of a run", AGAIN),
    ],
)
def test_what_is_no_manifest_of_a_run_is_refused(tmp_path, changed, message, advice):
    """Another kind, a newer program's, one that lacks something or has too much."""
    folder = tmp_path / "mine"
    folder.mkdir()
    WRITTEN.write(folder)
    with pytest.raises(ArtifactError, match=message) as caught:
        RunManifest.read(rewritten(folder, **changed))
    assert advice in str(caught.value)
