"""What a training was begun with, and whether it goes on with that."""

import pytest

from seje_ray.errors import ArtifactError
from seje_ray.pipeline.runs import begin_run, require_same_run
from tests.unit.pipeline.calibrated import tiny_run


def text_model(folder, weights):
    """A folder with weights, as far as its identity goes."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return str(folder)


def text_run(source):
    """A run whose text tower begins with the weights of a folder."""
    return tiny_run(
        calibrate__text_model=source,
        calibrate__text_tokens__store=True,
        model__recipe_encoder="text",
    )


def test_a_training_on_other_text_weights_is_another_training(workspace, tmp_path):
    """Equal weights in another folder are the same; other towers have none to compare."""
    one, same, other = (
        text_run(text_model(tmp_path / name, weights))
        for name, weights in (("one", b"1"), ("same", b"1"), ("other", b"2"))
    )
    folder, calibrated = workspace.run("a"), workspace.open_calibrated()
    (folder / "checkpoint-00001").mkdir(parents=True)
    begin_run(folder, one, calibrated)

    require_same_run(folder, same, calibrated)
    with pytest.raises(ArtifactError, match=r"another text model \(calibrate.text_model\)"):
        require_same_run(folder, other, calibrated)

    begin_run(folder, tiny_run(), calibrated)
    assert "text_weights" not in (folder / "run.json").read_text()
    require_same_run(folder, tiny_run(), calibrated)


def test_a_training_goes_on_with_what_changes_no_number(workspace):
    """Who decodes photos, and how long it is; the seed decides."""
    folder, calibrated = workspace.run("a"), workspace.open_calibrated()
    (folder / "checkpoint-00001").mkdir(parents=True)
    begin_run(folder, tiny_run(train__decode="cluster"), calibrated)

    require_same_run(folder, tiny_run(train__num_epochs=9), calibrated)
    with pytest.raises(ArtifactError, match=r"other settings \(seed: "):
        require_same_run(folder, tiny_run(seed=5), calibrated)
