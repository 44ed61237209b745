"""The tune section: a space is checked against the run it belongs to, when it is read."""

import pytest
import yaml

from seje_ray.config import load_run, named_run_file, run_to_dict, with_settings, with_space
from seje_ray.errors import ConfigError


@pytest.fixture
def run():
    return load_run(named_run_file("demo"))


def space_file(tmp_path, text):
    path = tmp_path / "space.yaml"
    path.write_text(text)
    return path


def test_a_space_is_read_with_every_kind_of_dimension(tmp_path, run):
    """And survives being printed as part of the run file."""
    text = """
      loss.soft_margin.scale: {log_uniform: [2, 64]}
      loss.soft_margin.margin: {uniform: [0, 0.5], grid_points: 4}
      train.global_batch_size: {integer: [16, 64]}
      loss.discriminator: {choice: [bce, wgan_gp]}
      loss.gradient_penalty: {log_uniform: [1, 30], when: {loss.discriminator: wgan_gp}}
    """
    found = with_space(run, space_file(tmp_path, text))

    assert found.tune.space["loss.soft_margin.scale"].log_uniform == (2.0, 64.0)
    assert found.tune.space["loss.soft_margin.margin"].grid_points == 4
    assert found.tune.space["train.global_batch_size"].bounds == (16, 64)
    assert found.tune.space["loss.gradient_penalty"].when == {"loss.discriminator": "wgan_gp"}
    printed = space_file(tmp_path, yaml.safe_dump(run_to_dict(found)))
    assert load_run(printed) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss.margn: {uniform: [0, 1]}", "loss.margn: no such setting"),
        ("loss.soft_margin.margin: {uniform: [0, 3]}", r"margin must be in \[0, 2\], got 3.0"),
        (
            "loss.hinge.margin: {uniform: [1, 1]}",
            r"uniform must be \[low, high\], got \[1.0, 1.0\]",
        ),
        ("loss.soft_margin.scale: {log_uniform: [0, 1]}", "log_uniform must begin above 0"),
        ("loss.soft_margin.margin: {}", "expected exactly one of .*, found none"),
        ("loss.soft_margin.margin: {uniform: [0, 1], choice: [1]}", "found uniform, choice"),
        ("loss.soft_margin.margin: {choice: []}", "at least one value"),
        ("loss.negatives: {choice: [both, hardest]}", "loss.negatives.*found 'hardest'"),
        ("loss.soft_margin.margin: {unifrom: [0, 1]}", "unifrom: no such setting"),
        ("train.global_batch_size: {uniform: [16, 64.5]}", "train.global_batch_size"),
        ("loss.soft_margin.scale.deeper: {choice: [1]}", "'scale' is a value, not a section"),
        ("data.shorter_side: {integer: [64, 128]}", "tuning changes loss"),
        ("calibrate.tagger: {choice: [det_ingrs]}", "tuning changes loss"),
        ("calibrate.rater: {choice: [tfidf, bm25]}", "calibrate.rater.*found 'bm25'"),
        ("model.backbone.name: {choice: [a]}", "tuning changes loss"),
        ("train.num_epochs: {integer: [1, 9]}", "tuning changes loss"),
        (
            "loss.hinge.margin: {uniform: [0.1, 1], when: {loss.category_share: 1}}",
            "a dimension above",
        ),
        ("loss.soft_margin.margin: {uniform: [0, 1], grid_points: 1}", "grid_points must be >= 2"),
        ("- loss.soft_margin.margin", "a search space is a mapping"),
    ],
)
def test_what_no_trial_could_take_is_an_error_that_names_it(tmp_path, run, text, message):
    """Before anything starts, with the file's name."""
    path = space_file(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as error:
        with_space(run, path)
    assert str(path) in str(error.value)


def test_a_condition_names_a_value_that_can_be_chosen(tmp_path, run):
    """A value outside of the choice would leave the dimension out for ever."""
    text = """
      loss.discriminator: {choice: [bce]}
      loss.gradient_penalty: {uniform: [1, 2], when: {loss.discriminator: wgan_gp}}
    """
    with pytest.raises(ConfigError, match=r"when loss\.discriminator=wgan_gp"):
        with_space(run, space_file(tmp_path, text))


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("tune.num_trials", 0, "num_trials must be >= 1 or null, got 0"),
        ("tune.grace_epochs", 0, "grace_epochs must be >= 1"),
        ("tune.reduction_factor", 1, "reduction_factor must be >= 2"),
        ("tune.perturbation_epochs", 0, "perturbation_epochs must be >= 1"),
        ("tune.num_seeds", 0, "num_seeds must be >= 1"),
        ("tune.searcher", "bayes", "tune.searcher"),
        ("tune.settings", {"loss.margn": 1}, "tune.settings.*loss.margn"),
    ],
)
def test_settings_out_of_range_are_named(run, setting, value, message):
    """As everywhere in a run file."""
    with pytest.raises(ConfigError, match=message):
        with_settings(run, {setting: value})


def test_a_search_that_a_run_cannot_have_is_no_obstacle_to_its_other_commands(run):
    """The demo's trials need the categorizer's network, which another run may not have."""
    wide = {"calibrate.image_categorizer.backbone.name": "torchvision/wide_resnet50_2"}
    other = with_settings(run, wide)
    with pytest.raises(ConfigError, match="the name, resize, crop, flip and scales of"):
        with_settings(other, other.tune.settings)


def test_pbt_and_a_grid_exclude_each_other(run):
    """PBT changes the values that a grid means to compare."""
    with pytest.raises(ConfigError, match="random or optuna where scheduler is pbt"):
        with_settings(run, {"tune.scheduler": "pbt", "tune.searcher": "grid"})


def test_the_categorizers_features_are_those_of_the_same_network(run):
    """A run cannot read another network's features, nor train through stored ones."""
    frozen = {"model.freeze_backbone": True, "model.backbone.weights": "categorizer"}
    assert with_settings(run, frozen).model.freeze_backbone
    with pytest.raises(ConfigError, match=r"expected model\.freeze_backbone"):
        with_settings(run, {"model.backbone.weights": "categorizer"})
    with pytest.raises(ConfigError, match="found freeze_backbone True and timm/other"):
        with_settings(run, frozen | {"model.backbone.name": "timm/other"})
