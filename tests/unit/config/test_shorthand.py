"""One name for several settings."""

import pytest

from seje_ray.config import load_run, named_run_file, with_settings
from seje_ray.errors import ConfigError

WANTED = {
    "model.recipe_encoder": "text",
    "model.head": "published",
    "model.backbone.weights": "download",
    "calibrate.text_tokens.store": "true",
}
SET = [f"{key}={value}" for key, value in WANTED.items()]


def test_a_dual_encoder_is_the_image_network_and_the_text_model():
    """By --set, and in a run file, where it may stand beside the rest of the section."""
    run = load_run(named_run_file("seje"), [*SET, "model.dual_encoder=some/clip"])
    assert run.model.backbone.name == "transformers/some/clip"
    assert run.calibrate.text_model == "some/clip"


def test_in_a_file_it_is_the_same_and_a_later_override_wins(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("model: {dual_encoder: some/clip, embedding_dim: 512}\n")
    run = load_run(file, ["model.backbone.name=timm/test_resnet"])
    assert run.model.backbone.name == "timm/test_resnet"
    assert (run.calibrate.text_model, run.model.embedding_dim) == ("some/clip", 512)


@pytest.mark.parametrize(
    "other", ["model.backbone.name=timm/test_resnet", "model.text.layout=hierarchical"]
)
def test_towers_that_are_not_of_one_model_have_no_published_head(other):
    with pytest.raises(
        ConfigError, match=r"model\.head published: expected the towers of one dual"
    ):
        load_run(named_run_file("seje"), [*SET, "model.dual_encoder=some/clip", other])


def test_a_text_tower_needs_tokens():
    with pytest.raises(ConfigError, match=r"text_tokens\.store=true"):
        load_run(named_run_file("seje"), ["model.recipe_encoder=text"])


def test_settings_of_every_trial_may_name_it(tmp_path):
    """As what it stands for; without a name it is no setting."""
    file = tmp_path / "run.yaml"
    file.write_text("tune: {settings: {model.dual_encoder: some/clip}}\n")
    run = load_run(file)
    changed = with_settings(run, run.tune.settings)
    assert changed.model.backbone.name == "transformers/some/clip"
    assert changed.calibrate.text_model == "some/clip"
    file.write_text("tune: {settings: {model.dual_encoder: 3}}\n")
    with pytest.raises(ConfigError, match=r"no setting is called model\.dual_encoder"):
        load_run(file)
