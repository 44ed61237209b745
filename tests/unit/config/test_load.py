"""Run files: strict, complete, and equal to what ``show-run`` prints."""

import json

import pytest
import yaml

from seje_ray.config import (
    LossConfig,
    RunConfig,
    load_run,
    named_run_file,
    run_from_json,
    run_to_dict,
)
from seje_ray.config.loss import SoftMarginConfig
from seje_ray.errors import ConfigError


def written(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return path


def test_an_empty_file_is_the_papers_run(tmp_path):
    """Defaults are the paper's settings."""
    run = load_run(written(tmp_path, ""))

    assert run == RunConfig()
    assert run.loss.soft_margin == SoftMarginConfig(scale=16.0, margin=0.0)
    assert run.model.embedding_dim == 1024
    assert (run.train.global_batch_size, run.train.learning_rate) == (100, 1e-4)


def test_file_beats_default_and_override_beats_file(tmp_path):
    """Precedence: default < file < --set."""
    path = written(tmp_path, "loss: {soft_margin: {margin: 0.3, scale: 8.0}}")

    run = load_run(path, ["loss.soft_margin.margin=0.5", "calibrate.word_vectors.dim=64"])

    assert run.loss == LossConfig(soft_margin=SoftMarginConfig(margin=0.5, scale=8.0))
    assert run.calibrate.word_vectors.dim == 64


@pytest.mark.parametrize("number", ["3e-4", "3.e-4", "3.0E-4", "0.0003"])
def test_a_number_may_be_written_with_an_exponent(tmp_path, number):
    """YAML 1.1 takes 3e-4 for text."""
    path = written(tmp_path, f"loss: {{category_weight: {number}}}")
    run = load_run(path, [f"train.learning_rate={number}"])
    assert (run.loss.category_weight, run.train.learning_rate) == (3e-4, 3e-4)


def test_all_wrong_keys_are_named_at_once(tmp_path):
    """A typo, a wrong type and a value out of range in one message."""
    path = written(tmp_path, "loss: {margn: 0.3}\ntrain: {num_epochs: many}\nmodel: {dropout: 2}")

    with pytest.raises(ConfigError) as error:
        load_run(path)

    for part in (str(path), "loss.margn", "train.num_epochs", "dropout must be in [0, 1), got 2"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a list", "a mapping of sections"),
        ("loss: [", "not YAML at line"),
        ("name: '../up'", "name must be 1 to 100 letters"),
        ("seed: 2026-01-01", "no number, text or list"),
        ("loss: {negatives: hardest}", "loss.negatives"),
        ("train: {learning_rate: '0.1'}", "train.learning_rate"),
    ],
)
def test_broken_files_are_one_error(tmp_path, text, message):
    """What a user can fix is a ConfigError that names the place."""
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        load_run(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("name: one\n", "utf-16", "expected UTF-8, found"),
        ("name: one\n", "utf-16-le", "found character 0x0, as in UTF-16"),
        ("name: one # crème\n", "cp1252", "save it as UTF-8"),
    ],
)
def test_a_run_file_in_another_encoding_is_named(tmp_path, text, encoding, message):
    path = tmp_path / "run.yaml"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(ConfigError, match=message):
        load_run(path)
    path.write_bytes("name: one # crème\n".encode("utf-8-sig"))
    assert load_run(path).name == "one"


@pytest.mark.parametrize("encoder", ["{backend: file}", "{file: vectors.parquet}"])
def test_a_file_of_sentence_vectors_and_its_back_end_go_together(tmp_path, encoder):
    """Neither is ignored where the other was forgotten."""
    path = written(tmp_path, f"calibrate: {{sentence_encoder: {encoder}}}")
    with pytest.raises(ConfigError, match="file must be a Parquet file where backend is file"):
        load_run(path)
    both = written(tmp_path, "calibrate: {sentence_encoder: {backend: file, file: v.parquet}}")
    assert load_run(both).calibrate.sentence_encoder.file == "v.parquet"


@pytest.mark.parametrize("off", [0, -1, 0.5])
@pytest.mark.parametrize(
    "key", ["checkpoint_steps", "hang_minutes", "picture_epochs", "micro_batch_size"]
)
def test_what_may_be_off_is_null_and_no_number_below_one(tmp_path, key, off):
    """Minutes may be less than one, but not none."""
    path = written(tmp_path, "")
    assert getattr(load_run(path, [f"train.{key}=null"]).train, key) is None
    assert getattr(load_run(path, [f"train.{key}=7"]).train, key) == 7
    if key == "hang_minutes" and off > 0:
        assert load_run(path, [f"train.{key}={off}"]).train.hang_minutes == off
    else:
        with pytest.raises(ConfigError, match=key):
            load_run(path, [f"train.{key}={off}"])


@pytest.mark.parametrize("override", ["margin", "=3", "seed.deeper=1", "loss.hinge.margin=[1"])
def test_broken_overrides_are_one_error(tmp_path, override):
    """An override that is no KEY=VALUE, or goes through a value."""
    with pytest.raises(ConfigError, match="override"):
        load_run(written(tmp_path, "seed: 3"), [override])


def test_a_missing_file_lists_the_packaged_runs(tmp_path):
    """Both ways to name a run fail with a reason."""
    with pytest.raises(ConfigError, match="cannot read"):
        load_run(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"clip, demo, .*, seje, siglip, small, tfood, vse\+\+"):
        named_run_file("none")


@pytest.mark.parametrize("name", ["demo", "seje"])
def test_a_packaged_run_survives_being_printed(tmp_path, name):
    """The complete run as YAML is itself a run file, and so is its JSON."""
    run = load_run(named_run_file(name))

    assert run.name == name
    assert load_run(written(tmp_path, yaml.safe_dump(run_to_dict(run)))) == run
    assert run_from_json(json.dumps(run_to_dict(run)), "a checkpoint") == run


@pytest.mark.parametrize(
    "settings",
    [
        ["model.backbone.views=[]"],
        ["model.backbone.views=[whole, whole]"],
        ["model.backbone.views=[crop, whole]"],  # of a network that is trained
        ["calibrate.image_categorizer.backbone.views=[crop, whole]"],
        ["model.backbone.whole_size=[256, 192]"],  # of no view
        ["model.backbone.views=[whole]", "model.backbone.whole_size=[256, 8]"],
    ],
)
def test_views_that_cannot_be_are_refused(tmp_path, settings):
    """Each names its setting."""
    with pytest.raises(ConfigError, match=r"views|whole_size"):
        load_run(written(tmp_path, ""), settings)


def test_settings_of_views_decide_a_stored_feature_only_where_they_are_used(tmp_path):
    """Plans of features as older versions stored them stay as they are."""
    plain = load_run(written(tmp_path, "")).model.backbone
    assert plain.decisive().keys() == {"name", "weights", "resize", "crop"}

    run = load_run(
        written(tmp_path, ""), ["model.freeze_backbone=true", "model.backbone.views=[crop, whole]"]
    )

    assert run.model.backbone.decisive() == plain.decisive() | {"views": ["crop", "whole"]}
    assert run_from_json(json.dumps(run_to_dict(run)), "stored") == run
