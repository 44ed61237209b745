"""Settings under names they no longer have: run files, overrides, stored runs, search spaces."""

import json
from copy import deepcopy

import pytest
import yaml

from seje_ray.config import (
    Dimension,
    RunConfig,
    load_run,
    run_from_json,
    run_to_dict,
    with_settings,
    with_space,
)
from seje_ray.config.loss import LossConfig, SoftMarginConfig
from seje_ray.config.renamed import RENAMED, present_name, with_present_names
from seje_ray.errors import ConfigError

OLD = {"loss": {"scale": 8.0, "margin": 0.25, "negatives": "category"}}
LOSS = LossConfig(soft_margin=SoftMarginConfig(scale=8.0, margin=0.25), negatives="category")


def written(folder, raw, name="run.yaml"):
    path = folder / name
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return path


def old_form(run):
    """The complete run as the version before stored it."""
    raw = run_to_dict(run)
    return raw | {"loss": {**raw["loss"].pop("soft_margin"), **raw["loss"]}}


@pytest.mark.parametrize("new", RENAMED.values())
def test_a_new_name_is_a_setting_and_no_old_one(new):
    """What the table promises can be set, and leads no further."""
    node = run_to_dict(RunConfig())
    for part in new.split("."):
        node = node[part]
    assert present_name(new) == new


def test_a_run_file_may_say_the_old_names(tmp_path):
    """As the files of the version before do; the argument is left as it was."""
    before = deepcopy(OLD)

    assert load_run(written(tmp_path, OLD)).loss == LOSS
    with_present_names(OLD)

    assert before == OLD


def test_a_stored_run_is_the_same_run(tmp_path):
    """Complete, as YAML and as JSON, its search included."""
    run = RunConfig(loss=LOSS)
    raw = old_form(run)
    raw["tune"]["settings"] = {"loss.margin": 0.5}
    raw["tune"]["space"] = {"loss.scale": {"uniform": [1, 2]}}
    assert "soft_margin" not in raw["loss"]

    found = run_from_json(json.dumps(raw), "run.json")

    assert found.loss == LOSS
    assert found.tune.settings == {"loss.soft_margin.margin": 0.5}
    assert found.tune.space == {"loss.soft_margin.scale": Dimension(uniform=(1, 2))}
    assert load_run(written(tmp_path, raw)) == found


def test_overrides_may_say_the_old_names(tmp_path):
    """Over files with either name."""
    new = {"loss": {"soft_margin": {"scale": 8.0, "margin": 0.1}, "negatives": "category"}}

    for raw in (OLD, new):
        path = written(tmp_path, raw)
        assert load_run(path, ["loss.margin=0.25"]).loss == LOSS
        assert load_run(path, ["loss.soft_margin.margin=0.25"]).loss == LOSS
        section = "loss={scale: 8.0, margin: 0.25, negatives: category}"
        assert load_run(path, [section]).loss == LOSS
    assert with_settings(RunConfig(loss=LOSS), {"loss.scale": 3.0}).loss.soft_margin.scale == 3.0


@pytest.mark.parametrize("preset", [{"margin": 0.25}, {"soft_margin": {"margin": 0.25}}])
@pytest.mark.parametrize(
    "workspace",
    [{"scale": 8.0, "margin": 1.5}, {"soft_margin": {"scale": 8.0, "margin": 1.5}}],
)
def test_a_preset_lies_over_a_workspace_whichever_names_they_say(tmp_path, workspace, preset):
    """The preset's margin holds, and the workspace's scale stays."""
    below = written(tmp_path, {"loss": workspace}, "workspace.yaml")
    above = written(tmp_path, {"base": "workspace", "loss": preset})

    found = load_run(above, workspace_run=below)

    assert found.loss.soft_margin == SoftMarginConfig(scale=8.0, margin=0.25)


def test_a_search_space_may_say_the_old_names(tmp_path):
    """As keys and in conditions."""
    space = {
        "loss.scale": {"choice": [4.0, 8.0]},
        "loss.margin": {"uniform": [0.0, 0.5], "when": {"loss.scale": 4.0}},
    }

    found = with_space(RunConfig(), written(tmp_path, space)).tune.space

    assert found == {
        "loss.soft_margin.scale": Dimension(choice=(4.0, 8.0)),
        "loss.soft_margin.margin": Dimension(
            uniform=(0.0, 0.5), when={"loss.soft_margin.scale": 4.0}
        ),
    }


def test_both_names_at_once_are_refused(tmp_path):
    """Neither value is dropped in silence."""
    both = {"loss": {"margin": 0.1, "soft_margin": {"margin": 0.2}}}
    space = {"loss.margin": {"uniform": [0, 1]}, "loss.soft_margin.margin": {"uniform": [0, 2]}}

    with pytest.raises(ConfigError, match=r"loss\.margin: no such setting"):
        load_run(written(tmp_path, both))
    found = with_present_names({"tune": {"space": space}})
    assert found["tune"]["space"] == space


@pytest.mark.parametrize(
    "raw",
    [
        {"loss": 3},
        {"loss": None},
        {"loss": {"margin": 0.1, "soft_margin": 3}},
        {"tune": None},
        {"tune": {"space": [1]}},
        {"tune": {"space": {"loss.kind": [1]}}},
        {"tune": {"space": {"loss.kind": {"when": 3}}}},
    ],
)
def test_what_is_no_section_is_left_to_the_check_of_the_run(tmp_path, raw):
    """And is an error there, never a traceback here."""
    assert with_present_names(raw) == raw
    with pytest.raises(ConfigError, match="not a valid run"):
        load_run(written(tmp_path, raw))
