"""Parts of the model in turn: what is frozen stays bit by bit, what is not learns."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from seje_ray.config import load_run, run_from_json
from seje_ray.errors import ConfigError
from seje_ray.features.model import FeatureDims, build_model, pixel_spec
from seje_ray.models.blocks import parameter_blocks
from seje_ray.training.freezing import begin_epoch, trained_parts
from seje_ray.training.loaders import Loaders
from seje_ray.training.loop import Trainer
from seje_ray.training.optimisation import gradient_norms, learning_rates, model_optimizer
from seje_ray.training.pairs import PairLoader
from seje_ray.training.worker import LocalWorker
from tests.unit.training.tiny_data import origin, tiny_run, write_shards


def run_of(*, backbone="timm/test_resnet", **train):
    """A run that trains a small network on photos."""
    backbone = {"name": backbone, "resize": 36, "crop": 32}
    model = {"embedding_dim": 6, "lstm_dim": 4, "backbone": backbone}
    settings = {"global_batch_size": 8, "learning_rate": 0.01} | train
    return run_from_json(json.dumps({"model": model, "train": settings}), "a test")


def loaders_of(folder, run, sizes=(16,)):
    pixels = pixel_spec(run)

    def of(partition, rows):
        return PairLoader(
            write_shards(folder, partition, rows),
            pixels,
            global_batch_size=8,
            rank=0,
            world_size=1,
            seed=0,
            augmentation=run.train.augmentation,
        )

    return Loaders(of("train", list(sizes)), of("val", [8]))


class RememberingWorker(LocalWorker):
    """Keeps the weights and statistics of both parts after each epoch."""

    def __init__(self, folder):
        super().__init__(folder)
        self.states = []

    def start(self, trainer):
        self._model = trainer.state.model
        self._remember()

    def report(self, metrics, timings, checkpoint_dir, name):
        super().report(metrics, timings, checkpoint_dir, name)
        self._remember()

    def _remember(self):
        self.states.append({k: v.clone() for k, v in self._model.state_dict().items()})

    def changed(self, epoch):
        """Names that an epoch, 1 for the first, changed, by part."""
        before, after = self.states[epoch - 1 : epoch + 1]
        names = {name for name, value in after.items() if not value.equal(before[name])}
        backbone = {name for name in names if name.startswith("backbone.")}
        return backbone, names - backbone


def trained(folder, run):
    folder.mkdir(exist_ok=True)
    worker = RememberingWorker(folder)
    trainer = Trainer(run, origin(), loaders_of(folder, run), worker)
    worker.start(trainer)
    trainer.fit()
    return worker


def test_turns_by_hand():
    """Two epochs each; without a schedule both parts learn always."""

    def turns(schedule):
        config = run_of(freeze_schedule=schedule, freeze_epochs=2).train
        return [trained_parts(config, epoch) for epoch in range(6)]

    both, heads, backbone = (True, True), (False, True), (True, False)
    assert turns("none") == [both] * 6
    assert turns("warm") == [heads] * 2 + [both] * 4
    assert turns("alternate") == [heads] * 2 + [backbone] * 2 + [heads] * 2


def test_a_warm_up_leaves_the_backbone_alone_and_then_trains_it(tmp_path):
    """Weights and BatchNorm statistics; the gradient norm says 0."""
    worker = trained(tmp_path, run_of(freeze_schedule="warm", freeze_epochs=1, num_epochs=2))

    backbone, heads = worker.changed(1)
    assert backbone == set()
    assert "image_head.projection.linear.weight" in heads
    backbone, heads = worker.changed(2)
    assert any(name.endswith("conv1.weight") for name in backbone)
    assert any(name.endswith("running_mean") for name in backbone)
    assert "image_head.projection.linear.weight" in heads
    norms = [report["train/gradient_norm/backbone"] for report in worker.reports]
    assert norms[0] == 0 < norms[1]


def test_parts_take_turns(tmp_path):
    """In the backbone's turn the heads keep their weights; their statistics follow it."""
    worker = trained(tmp_path, run_of(freeze_schedule="alternate", freeze_epochs=1, num_epochs=3))

    assert [bool(worker.changed(epoch)[0]) for epoch in (1, 2, 3)] == [False, True, False]
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    learnt = [
        {name for name in worker.changed(epoch)[1] if not name.endswith(statistics)}
        for epoch in (1, 2, 3)
    ]
    assert learnt[0]
    assert learnt[1] == set()
    assert learnt[2] == learnt[0]
    assert "image_head.projection.norm.running_mean" in worker.changed(2)[1]
    assert [r["train/gradient_norm/heads"] > 0 for r in worker.reports] == [True, False, True]


def test_frozen_statistics_stay_while_the_weights_learn(tmp_path):
    """batch_norm: frozen is evaluation for the backbone's BatchNorm alone."""
    worker = trained(tmp_path, run_of(batch_norm="frozen", num_epochs=1))

    backbone, heads = worker.changed(1)
    assert not {name for name in backbone if name.endswith(("running_mean", "running_var"))}
    assert any(name.endswith("bn1.weight") for name in backbone)
    assert "image_head.projection.norm.running_mean" in heads


def test_a_vision_transformer_trains_by_its_name(tmp_path):
    """At the run's image size, not at the 224 pixels that it is named for: positions learn, too."""
    worker = trained(tmp_path, run_of(backbone="timm/vit_tiny_patch16_224", num_epochs=1))

    backbone, heads = worker.changed(1)
    assert {"backbone.network.pos_embed", "backbone.network.blocks.11.attn.qkv.weight"} <= backbone
    assert worker.states[-1]["backbone.network.pos_embed"].shape == (1, 2 * 2 + 1, 192)
    assert "image_head.projection.linear.weight" in heads
    assert 0 < worker.reports[0]["train/loss"] < 100


@pytest.mark.parametrize("schedule", ["none", "alternate"])
def test_a_model_without_a_backbone_is_all_trained(tmp_path, schedule):
    """Frozen features: there is nothing to take turns with, whoever's turn it would be."""
    folder = tmp_path
    loaders = Loaders(
        *(
            PairLoader(
                write_shards(folder, partition, [8]),
                None,
                global_batch_size=8,
                rank=0,
                world_size=1,
                seed=0,
            )
            for partition in ("train", "val")
        )
    )
    run = tiny_run(freeze_schedule=schedule, freeze_epochs=1)
    model = Trainer(run, origin(), loaders, LocalWorker(folder)).state.model.eval()

    begin_epoch(model, run.train, 1)

    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_micro_batches_of_a_frozen_backbone_are_refused(tmp_path):
    """The line names both settings."""
    (tmp_path / "run.yaml").write_text("")
    setting = "train.micro_batch_size=4"
    with pytest.raises(ConfigError, match=r"must be null where model.freeze_backbone is true"):
        load_run(tmp_path / "run.yaml", ["model.freeze_backbone=true", setting])
    assert load_run(tmp_path / "run.yaml", [setting])


def test_a_training_goes_on_in_the_turn_it_was_in(tmp_path):
    """Stopped after the second of three epochs: bit by bit what three in one go give."""
    settings = {"freeze_schedule": "alternate", "freeze_epochs": 1}
    whole = trained(tmp_path / "whole", run_of(**settings, num_epochs=3))
    trained(tmp_path / "parts", run_of(**settings, num_epochs=2))
    parts = trained(tmp_path / "parts", run_of(**settings, num_epochs=3))

    assert parts.reports[-1] == whole.reports[-1]
    for name, value in whole.states[-1].items():
        assert torch.equal(value, parts.states[-1][name]), name


def test_first_blocks_stay_as_they_are_and_the_others_learn(tmp_path):
    """Weights and statistics of three of five blocks, also after a warm-up of the heads."""
    run = run_of(frozen_blocks=3, num_epochs=2, freeze_schedule="warm", freeze_epochs=1)
    worker = trained(tmp_path, run)

    backbone, heads = worker.changed(2)
    prefixes = {name.removeprefix("backbone.network.").split(".")[0] for name in backbone}
    assert prefixes == {"layer3", "layer4"}
    assert any(name.endswith("running_mean") for name in backbone)
    assert "image_head.projection.linear.weight" in heads


def test_more_frozen_blocks_than_there_are_is_told(tmp_path):
    """Before anything is trained."""
    with pytest.raises(ConfigError, match=r"fewer than the 5 blocks of the image .*, found 5"):
        trained(tmp_path, run_of(frozen_blocks=5, num_epochs=1))


def test_a_fine_tuning_goes_on_bit_by_bit(tmp_path):
    """Rates by depth, frozen blocks, a mean of the weights, augmentation, stochastic depth."""
    settings = {"layer_decay": 0.7, "frozen_blocks": 1, "ema_decay": 0.9, "drop_path": 0.1,
                "augmentation": "rand_augment", "schedule": "cosine", "num_epochs": 2}  # fmt: skip
    whole = trained(tmp_path / "whole", run_of(**settings))
    folder = tmp_path / "parts"
    shutil.copytree(tmp_path / "whole", folder)
    shutil.rmtree(folder / "checkpoint-00002")
    parts = trained(folder, run_of(**settings))

    assert parts.reports[-1] == whole.reports[-1]
    for name, value in whole.states[-1].items():
        assert torch.equal(value, parts.states[-1][name]), name
    kept = [
        load_file(f / "checkpoint-00002/model.safetensors") for f in (tmp_path / "whole", folder)
    ]
    for name, value in kept[0].items():
        assert torch.equal(value, kept[1][name]), name
    learnt = "image_head.projection.linear.weight"
    assert not torch.equal(kept[0][learnt], whole.states[-1][learnt])


def test_learning_rates_fall_from_block_to_block():
    """By hand, of five blocks; every parameter of the model is in one group."""
    run = run_of(layer_decay=0.5, learning_rate=0.01, backbone_learning_rate=0.16)
    model = build_model(run, FeatureDims.of(origin().facts))

    optimizer = model_optimizer(model, run)

    groups = optimizer.param_groups
    names = {id(parameter): name for name, parameter in model.backbone.network.named_parameters()}
    assert [g["lr"] for g in groups] == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.16, 0.01])
    own = [[names[id(p)] for p in g["params"]] for g in groups[:5]]
    assert own == parameter_blocks(model.backbone.network)
    of_groups = [id(p) for g in groups for p in g["params"]]
    assert sorted(of_groups) == sorted(map(id, model.parameters()))
    assert learning_rates(optimizer)["learning_rate/backbone"] == pytest.approx(0.16)
    assert gradient_norms(optimizer).keys() == {"backbone", "heads", "all"}
