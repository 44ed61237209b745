"""Packaged runs of other papers' methods: each loads over any workspace's run, and trains."""

import json
from typing import get_args

import pytest
import yaml

from seje_ray.cli.run_files import read_run
from seje_ray.config import load_run, named_run_file, run_to_dict
from seje_ray.config.loss import LossKind
from seje_ray.errors import ConfigError
from seje_ray.training.loaders import Loaders
from seje_ray.training.loop import Trainer
from seje_ray.training.pairs import PairLoader
from seje_ray.training.worker import LocalWorker
from seje_ray.workspace import Workspace
from tests.unit.training.tiny_data import origin, tiny_run, write_shards

PRESETS = ("im2recipe", "vse++", "adamine", "acme", "msje")
TOWERS = ("h-t", "tfood", "clip", "siglip")
EVERYWHERE = {  # what any of them changes, all of them say: none leaves another's behind
    "model.recipe_encoder",
    "model.use_key_terms",
    "model.use_sentences",
    "model.use_image_category",
    "model.lexical",
    "model.ridge_share",
    "model.part_dropout",
    "loss.kind",
    "loss.negatives",
    "loss.category_weight",
    "loss.background_weight",
    "loss.discriminator_weight",
    "train.freeze_schedule",
    "train.global_batch_size",
    "evaluate.hubness.weight",
}
OF_ITS_KIND = {  # and besides, only constants of their own kind
    "im2recipe": {"loss.pairwise_cosine.margin", "loss.pairwise_cosine.positive_share"},
    "vse++": {"loss.hinge.margin"},
    "adamine": {"loss.adamine.margin", "loss.adamine.semantic_weight"},
    "acme": {"loss.hinge.margin", "loss.discriminator", "loss.gradient_penalty"},
    "msje": {"loss.discriminator", "loss.gradient_penalty"},
}


def written(folder, run):
    path = folder / "calibrated" / "run.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(run_to_dict(run)))
    return path


def settings_of(mapping, prefix=""):
    """Dotted settings."""
    found = {}
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        found |= settings_of(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return found


def said_by(name):
    return settings_of(yaml.safe_load(named_run_file(name).read_text()))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_its_source_and_says_what_any_of_them_says(name):
    said = said_by(name)

    assert said.keys() == {"base", "name"} | EVERYWHERE | OF_ITS_KIND[name]
    assert said["name"] == name
    head = named_run_file(name).read_text().partition("base:")[0]
    assert "20" in head
    assert "Deviations" in head


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_changes_what_it_says_and_nothing_else(tmp_path, name):
    """Over a workspace's run, whatever that trains; its own name; and --set comes last."""
    below = tiny_run(learning_rate=0.007, freeze_schedule="warm")
    written(tmp_path, below)

    run = read_run(name, ("train.warmup_steps=3",), Workspace(tmp_path))

    before, after = (settings_of(run_to_dict(r)) for r in (below, run))
    said = {key: value for key, value in said_by(name).items() if key != "base"}
    assert {key: after[key] for key in said} == said
    assert after == before | said | {"train.warmup_steps": 3}


@pytest.mark.parametrize("name", PRESETS)
def test_without_a_workspace_a_preset_is_laid_over_the_papers_run(tmp_path, name):
    run = read_run(name, (), Workspace(tmp_path))

    assert run.model.backbone.name == "torchvision/resnet50"
    assert (run.train.global_batch_size, run.train.learning_rate) == (100, 1e-4)


@pytest.mark.parametrize("name", TOWERS)
def test_a_preset_of_text_towers_is_a_run_by_itself(tmp_path, name):
    """Without a workspace and without --set; over one it leaves out what another method wants."""
    run = read_run(name, (), Workspace(tmp_path))

    assert (run.name, run.model.recipe_encoder) == (name, "text")
    assert run.calibrate.text_tokens.store
    assert run.calibrate.image_categorizer.freeze_backbone  # that of small: minutes
    head = named_run_file(name).read_text().partition("base:")[0]
    assert "Deviations" in head
    assert "seje-ray[text]" in head
    assert {key for key in EVERYWHERE if key not in said_by(name)} == set()
    written(tmp_path, tiny_run(learning_rate=0.007))
    over = read_run(name, (), Workspace(tmp_path))
    assert over.calibrate.categories == tiny_run().calibrate.categories
    assert over.model.lexical == "none"


def test_modern_trains_the_image_network_over_the_calibration_of_small(tmp_path):
    """Without a workspace it is a run by itself, calibrated as ``small`` is."""
    run = read_run("modern", (), Workspace(tmp_path))

    assert run.calibrate == read_run("small", (), Workspace(tmp_path)).calibrate
    assert not run.model.freeze_backbone
    assert {key for key in EVERYWHERE if key not in said_by("modern")} == set()
    written(tmp_path, tiny_run(learning_rate=0.007, num_epochs=2))
    over = read_run("modern", (), Workspace(tmp_path))
    assert over.calibrate.categories == tiny_run().calibrate.categories
    assert over.train == run.train


def test_presets_of_dual_encoders_have_both_towers_of_one_model(tmp_path):
    for name in ("clip", "siglip"):
        run = read_run(name, ("model.dual_encoder=/models/own",), Workspace(tmp_path))
        assert run.model.backbone.name == "transformers//models/own"
        assert run.calibrate.text_model == "/models/own"
        assert run.model.head == "published"


def test_another_base_is_refused(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("base: demo")
    with pytest.raises(ConfigError, match="base must be workspace, got 'demo'"):
        load_run(path)


@pytest.fixture(scope="module")
def loaders(tmp_path_factory) -> Loaders:
    folder = tmp_path_factory.mktemp("shards")

    def of(partition, sizes):
        return PairLoader(
            write_shards(folder, partition, sizes),
            None,
            global_batch_size=8,
            rank=0,
            world_size=1,
            seed=0,
        )

    return Loaders(of("train", [16]), of("val", [10]))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_trains_on_the_artifact_of_another_run(tmp_path, loaders, name):
    """Two epochs of two steps on stored features: finite numbers, and every head's gradient."""
    path = written(tmp_path, tiny_run(num_epochs=2))
    run = load_run(named_run_file(name), workspace_run=path)
    worker = LocalWorker(tmp_path)

    trainer = Trainer(run, origin(), loaders, worker)
    trainer.fit()

    assert len(worker.reports) == 2
    json.dumps(worker.reports, allow_nan=False)
    for report in worker.reports:
        assert report["train/gradient_norm/heads"] > 0
        assert "train/logit_scale" not in report


def test_presets_are_of_known_kinds():
    assert {said_by(name)["loss.kind"] for name in (*PRESETS, *TOWERS)} < set(get_args(LossKind))
