"""Settings that decide a result, and the refusal to resume with others."""

from pathlib import Path

import pytest

from seje_ray.config import load_run, named_run_file, with_settings
from seje_ray.config.changes import changed_settings, decisive_settings, require_same_settings
from seje_ray.errors import ArtifactError


@pytest.fixture
def run():
    return load_run(named_run_file("demo"))


def test_settings_are_dotted_and_those_free_to_change_left_out(run):
    """A section is taken apart, a single value stands under its own name."""
    free = ("evaluate.num_repeats", "evaluate.hubness")
    found = decisive_settings(run, ("seed", "evaluate"), free)

    assert found == {"seed": 0, "evaluate.gallery_sizes": list(run.evaluate.gallery_sizes)}
    assert decisive_settings(run, ("evaluate",), ("evaluate",)) == {}


def test_a_change_deep_inside_is_named_with_both_values(run):
    """Also of a setting that only one side has."""
    changed = with_settings(
        run,
        {"model.backbone.crop": 32, "tune.space": {"train.weight_decay": {"uniform": [0.0, 0.1]}}},
    )
    before, now = (decisive_settings(r, ("model", "tune")) for r in (run, changed))

    found = changed_settings(before, now)
    assert found["model.backbone.crop"] == (run.model.backbone.crop, 32)
    assert found["tune.space.train.weight_decay.uniform"] == (None, [0.0, 0.1])
    assert not any(key.startswith("loss") for key in found)


def test_other_settings_are_refused_by_name(run):
    """The message holds both values and the option that gives another name."""
    before, now = ({"loss.margin": value, "seed": 0} for value in (0.0, 0.5))

    require_same_settings(Path("runs/one"), "run", before, dict(before), "--run")
    with pytest.raises(
        ArtifactError,
        match=r"^runs/one: this run .* other settings \(loss.margin: 0.0 -> 0.5\); .* with --run$",
    ):
        require_same_settings(Path("runs/one"), "run", before, now, "--run")
