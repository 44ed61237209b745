"""The loop in one process: it learns, resumes bitwise, stops early and refuses to diverge."""

import json
import time
from dataclasses import replace
from typing import get_args

import pytest
import torch

from seje_ray.config import LossConfig
from seje_ray.config.loss import LossKind
from seje_ray.errors import DivergedError, ResourceError
from seje_ray.features.inputs import Reads
from seje_ray.features.model import build_discriminator
from seje_ray.random_streams import STREAMS
from seje_ray.training.loaders import Loaders
from seje_ray.training.loop import Trainer
from seje_ray.training.pairs import PairLoader
from seje_ray.training.state import Progress
from seje_ray.training.timing import read_timings
from seje_ray.training.worker import LocalWorker
from tests.unit.training.tiny_data import origin, tiny_run, write_shards


@pytest.fixture(scope="module")
def loaders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")

    def of(partition, sizes):
        return PairLoader(
            write_shards(folder, partition, sizes),
            None,
            global_batch_size=8,
            rank=0,
            world_size=1,
            seed=0,
            reads=Reads(texts=True),
        )

    return Loaders(of("train", [30, 34]), of("val", [20]))


def trained(loaders, folder, loss=None, **settings):
    folder.mkdir(exist_ok=True)
    worker = LocalWorker(folder)
    run = replace(tiny_run(**settings), loss=loss or LossConfig())
    trainer = Trainer(run, origin(), loaders, worker)
    trainer.fit()
    return trainer, worker


def test_training_learns_what_can_be_learned(loaders, tmp_path):
    """Text and photo share a meaning: val MedR falls well below chance (10.5 of 20)."""
    _, worker = trained(loaders, tmp_path / "a", num_epochs=25)
    first, last = worker.reports[0], worker.reports[-1]
    assert last["train/loss"] < first["train/loss"]
    assert last["val/median_rank/image_to_recipe"] < 6
    assert last["val/median_rank/recipe_to_image"] < 6


def test_a_resumed_training_equals_an_uninterrupted_one_bitwise(loaders, tmp_path):
    """Weights, discriminator, optimisers, history and patience."""
    whole, _ = trained(loaders, tmp_path / "whole", num_epochs=5)
    trained(loaders, tmp_path / "parts", num_epochs=2)
    parts, worker = trained(loaders, tmp_path / "parts", num_epochs=5)

    assert [report["epoch"] for report in worker.reports] == [3, 4, 5]
    assert_equal_trainings(parts, whole)


def test_an_epoch_reports_gradients_rates_and_times_apart(loaders, tmp_path):
    """Without a backbone the heads' gradient is all of it; no time is in the history."""
    trainer, worker = trained(loaders, tmp_path / "a", num_epochs=2)

    for report in worker.reports:
        assert report["train/gradient_norm/all"] == report["train/gradient_norm/heads"] > 0
        assert report["learning_rate"] == 0.01
        assert not {key for key in report if "pairs_per_s" in key or key.endswith("_s")}
    assert [entry["epoch"] for entry in read_timings(tmp_path / "a")] == [1, 2]
    assert [entry["steps"] for entry in read_timings(tmp_path / "a")] == [8, 8]
    assert trainer.state.progress.history == worker.reports


@pytest.mark.parametrize("loss", [LossConfig(), LossConfig(discriminator="bce")])
def test_a_discriminator_without_weight_is_left_alone(loaders, tmp_path, loss):
    """No step, no moments, and no metric says a thing of it; with a weight all of that is there."""
    without = replace(loss, discriminator_weight=0.0)
    for name, config in (("with", loss), ("without", without)):
        trainer, worker = trained(loaders, tmp_path / name, config, num_epochs=1)
        is_new = all(
            torch.equal(value, trainer.state.discriminator.state_dict()[key])
            for key, value in build_discriminator(trainer.run).state_dict().items()
        )
        told = {key for key in worker.reports[0] if "discriminator" in key}
        has_weight = name == "with"
        assert is_new != has_weight
        assert bool(trainer.state.discriminator_optimizer.state) == has_weight
        expected = {
            "train/discriminator_loss",
            "train/discriminator_alignment",
            "val/discriminator_accuracy",
        }
        assert told == (expected if has_weight else set())


def test_weight_or_not_a_discriminators_checkpoint_is_loaded(loaders, tmp_path):
    """A version before this one trained it without weight, too: its checkpoints go on."""
    without = LossConfig(discriminator_weight=0.0)
    trained(loaders, tmp_path / "a", num_epochs=1)
    trained(loaders, tmp_path / "b", without, num_epochs=1)

    resumed, _ = trained(loaders, tmp_path / "a", without, num_epochs=2)
    again, worker = trained(loaders, tmp_path / "b", num_epochs=2)

    assert resumed.state.progress.num_epochs == again.state.progress.num_epochs == 2
    assert "val/discriminator_accuracy" in worker.reports[-1]
    for field in ("loss", "retrieval", "category_alignment"):
        assert all(f"train/{field}" in entry for entry in resumed.state.progress.history)


class ShownWorker(LocalWorker):
    """Keeps what it is shown."""

    def __init__(self, folder):
        super().__init__(folder)
        self.shown = []

    def show(self, images, recipes, *, epoch, is_last):
        self.shown.append((tuple(images.shape), tuple(recipes.shape), epoch, is_last))


def test_each_epochs_val_embeddings_are_shown_and_the_last_ones_known(loaders, tmp_path):
    """The last allowed epoch, or the one that stops early."""
    worker = ShownWorker(tmp_path)
    Trainer(tiny_run(num_epochs=2), origin(), loaders, worker).fit()
    assert worker.shown == [((20, 6), (20, 6), 1, False), ((20, 6), (20, 6), 2, True)]

    (tmp_path / "b").mkdir()
    early = ShownWorker(tmp_path / "b")
    run = tiny_run(num_epochs=99, learning_rate=1e-30, stop_patience=1, lr_drop_patience=1)
    progress = Trainer(run, origin(), loaders, early).fit()
    assert progress.stopped_early
    assert [entry[3] for entry in early.shown] == [False] * (progress.num_epochs - 1) + [True]


class KilledError(Exception):
    """What ends a training in these tests."""


class DyingWorker(LocalWorker):
    """Dies at its ``lives``-th sign of life: a step, a checkpoint begun, or one just kept."""

    def __init__(self, folder, lives):
        super().__init__(folder)
        self.lives = lives

    def _live(self):
        self.lives -= 1
        if self.lives == 0:
            raise KilledError

    def progress(self, done, total, text):
        self._live()

    def checkpoint(self, checkpoint_dir, name):
        self._live()
        super().checkpoint(checkpoint_dir, name)
        self._live()


@pytest.mark.parametrize(("every", "lives", "num_kills"), [(1, 4, 15), (3, 6, 5), (None, 11, 1)])
def test_a_training_killed_again_and_again_equals_an_uninterrupted_one_bitwise(
    loaders, tmp_path, every, lives, num_kills
):
    """Two epochs of eight steps; each attempt dies one sign of life after its first checkpoint.

    With one after each step that is 15 kills before the last step's attempt gets through; with
    one after three, at the end of segments of 3, 3, 2, 3, 3 steps; else after the first epoch.
    """
    whole, reports = trained(loaders, tmp_path / "whole", num_epochs=2, checkpoint_steps=None)
    run = tiny_run(num_epochs=2, checkpoint_steps=every)
    for _ in range(num_kills):
        with pytest.raises(KilledError):
            Trainer(run, origin(), loaders, DyingWorker(tmp_path, lives)).fit()
    worker = DyingWorker(tmp_path, lives)
    trainer = Trainer(run, origin(), loaders, worker)
    trainer.fit()

    assert_equal_trainings(trainer, whole)
    assert worker.reports[-1] == reports.reports[-1]


class CountingWorker(LocalWorker):
    """Notes which checkpoints are there after each."""

    def __init__(self, folder):
        super().__init__(folder)
        self.kept = []

    def checkpoint(self, checkpoint_dir, name):
        super().checkpoint(checkpoint_dir, name)
        self.kept.append(sorted(path.name for path in self.folder.glob("*checkpoint-*")))


def test_a_training_holds_the_newest_checkpoint_and_the_best_one(loaders, tmp_path):
    """Never more, also inside an epoch; at a high learning rate, so that not each epoch gains."""
    worker = CountingWorker(tmp_path)
    run = tiny_run(num_epochs=8, checkpoint_steps=4, learning_rate=0.1)
    progress = Trainer(run, origin(), loaders, worker).fit()

    scores = [report["val/selection_score"] for report in worker.reports]
    bests = {max(range(epoch), key=scores.__getitem__) for epoch in range(1, len(scores) + 1)}
    assert 1 < len(bests) < len(scores)  # gains, and epochs without
    expected = []
    for epoch in range(progress.num_epochs):
        before = {f"checkpoint-{1 + scores.index(max(scores[:epoch])):05d}"} if epoch else set()
        best = {f"checkpoint-{1 + scores.index(max(scores[: epoch + 1])):05d}"}
        expected.append(sorted({f"checkpoint-{epoch:05d}-00000004"} | before))
        expected.append(sorted({f"checkpoint-{epoch + 1:05d}"} | best))
    assert worker.kept == expected


def test_every_single_kill_is_survived_bitwise(loaders, tmp_path):
    """One epoch of eight steps with a checkpoint after every second: each sign of life the last."""
    whole, _ = trained(loaders, tmp_path / "whole", num_epochs=1)
    lives = 0
    while True:
        lives += 1
        folder = tmp_path / str(lives)
        folder.mkdir()
        run = tiny_run(num_epochs=1, checkpoint_steps=2)
        try:
            Trainer(run, origin(), loaders, DyingWorker(folder, lives)).fit()
            break
        except KilledError:
            trainer = Trainer(run, origin(), loaders, LocalWorker(folder))
            trainer.fit()
            assert_equal_trainings(trainer, whole)
    assert lives == 8 + 2 * 4 + 1  # steps, both ends of 3 checkpoints inside and 1 after the epoch


def test_a_checkpoint_inside_an_epoch_holds_its_place_and_sums(loaders, tmp_path):
    """After three of eight steps; the sums are those of three steps."""
    worker = DyingWorker(tmp_path, 6)  # three steps, both ends of the checkpoint, and a step
    trainer = Trainer(tiny_run(checkpoint_steps=3), origin(), loaders, worker)
    with pytest.raises(KilledError):
        trainer.fit()

    resumed = Trainer(tiny_run(checkpoint_steps=3), origin(), loaders, LocalWorker(tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-00000-00000003"]
    progress = resumed.state.progress
    assert (progress.num_epochs, progress.step, progress.history) == (0, 3, [])
    assert 0 < progress.sums["loss"] < trainer.state.progress.sums["loss"]


@pytest.mark.parametrize(
    ("lives", "is_told"), [(6, True), (12, False)], ids=["inside an epoch", "between epochs"]
)
def test_an_older_checkpoint_inside_an_epoch_goes_on_with_a_warning(
    loaders, tmp_path, lives, is_told
):
    """Its progress names no streams; after an epoch all is drawn anew anyway."""
    every = 3 if is_told else None
    with pytest.raises(KilledError):
        Trainer(
            tiny_run(num_epochs=2, checkpoint_steps=every),
            origin(),
            loaders,
            DyingWorker(tmp_path, lives),
        ).fit()
    run = tiny_run(num_epochs=2, checkpoint_steps=None)
    current = LocalWorker(tmp_path)
    Trainer(run, origin(), loaders, current)
    [path] = tmp_path.glob("*/progress.json")
    known = json.loads(path.read_text())
    assert known.pop("streams") == STREAMS
    path.write_text(json.dumps(known))

    worker = LocalWorker(tmp_path)
    trainer = Trainer(run, origin(), loaders, worker)

    assert current.warnings == []
    assert len(worker.warnings) == is_told
    assert all("drawn anew" in line for line in worker.warnings)
    assert trainer.fit().num_epochs == 2


def assert_equal_trainings(one, other):
    assert one.state.progress == other.state.progress
    for name in ("model", "discriminator", "optimizer", "discriminator_optimizer"):
        first, second = (getattr(t.state, name).state_dict() for t in (one, other))
        assert_equal_states(first, second)


@pytest.mark.parametrize("kind", ["info_nce", "sigmoid", "pairwise_cosine"])
def test_what_a_loss_learns_and_draws_is_resumed_too(loaders, tmp_path, kind):
    """Scale, bias and their moments are in the checkpoint; a step draws what it would have."""
    loss = LossConfig(kind=kind, mining_pool=3)
    whole, _ = trained(loaders, tmp_path / "whole", loss, num_epochs=2, weight_decay=0.1)
    trained(loaders, tmp_path / "parts", loss, num_epochs=1, weight_decay=0.1)
    parts, _ = trained(loaders, tmp_path / "parts", loss, num_epochs=2, weight_decay=0.1)

    assert parts.state.progress == whole.state.progress
    for name in ("model", "optimizer"):
        first, second = (getattr(t.state, name).state_dict() for t in (whole, parts))
        assert_equal_states(first, second)


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_every_kind_learns_what_can_be_learned(loaders, tmp_path, kind):
    """Val MedR falls well below chance (10.5 of 20), with pools of four of eight pairs."""
    _, worker = trained(
        loaders, tmp_path / "a", LossConfig(kind=kind, mining_pool=4), num_epochs=25
    )

    assert worker.reports[-1]["val/median_rank/image_to_recipe"] < 6
    assert worker.reports[-1]["val/median_rank/recipe_to_image"] < 6


def test_the_transformer_recipe_encoder_learns_and_is_resumed(loaders, tmp_path):
    """The title's vector says what the photo says; half way, then the rest, bit by bit."""
    settings = {"recipe_encoder": "transformer"}
    whole, worker = trained(loaders, tmp_path / "whole", num_epochs=25, **settings)
    trained(loaders, tmp_path / "parts", num_epochs=12, **settings)
    parts, _ = trained(loaders, tmp_path / "parts", num_epochs=25, **settings)

    assert worker.reports[-1]["val/median_rank/image_to_recipe"] < 6
    assert worker.reports[-1]["val/median_rank/recipe_to_image"] < 6
    assert_equal_trainings(parts, whole)


def test_weights_of_the_network_decay_and_a_temperature_does_not(loaders, tmp_path):
    """A step without gradients shrinks by learning rate times decay, 0.1 * 0.5."""
    run = replace(tiny_run(learning_rate=0.1, weight_decay=0.5), loss=LossConfig(kind="sigmoid"))
    state = Trainer(run, origin(), loaders, LocalWorker(tmp_path)).state
    for parameter in state.model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = {name: value.clone() for name, value in state.model.state_dict().items()}

    state.optimizer.step()

    for name, parameter in state.model.named_parameters():
        kept = 1.0 if name.startswith("logit_scale.") else 0.95
        torch.testing.assert_close(parameter.detach(), kept * before[name])
    assert [len(group["params"]) for group in state.optimizer.param_groups[1:]] == [2]


def assert_equal_states(first, second):
    assert type(first) is type(second)
    if isinstance(first, torch.Tensor):
        assert first.equal(second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal_states(first[key], second[key])
    elif isinstance(first, list):
        for one, other in zip(first, second, strict=True):
            assert_equal_states(one, other)
    else:
        assert first == second


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(loaders, tmp_path):
    """Determinism of the whole loop."""
    first, _ = trained(loaders, tmp_path / "a")
    again, _ = trained(loaders, tmp_path / "b")
    assert first.state.progress.history == again.state.progress.history


def test_a_loss_that_is_not_finite_raises_with_its_place(loaders, tmp_path):
    """An absurd learning rate cannot go on unnoticed; the next attempt begins without the file."""
    message = r"diverged: loss, .* not finite at epoch \d+, step \d+; .*a/diverged.json; lower"
    with pytest.raises(DivergedError, match=message):
        trained(loaders, tmp_path / "a", learning_rate=1e30, num_epochs=9)
    assert (tmp_path / "a" / "diverged.json").is_file()

    trained(loaders, tmp_path / "a", num_epochs=1)
    assert not (tmp_path / "a" / "diverged.json").exists()


def test_a_batch_that_workers_cannot_share_is_refused(loaders, tmp_path):
    """More workers than pairs would leave some without work."""
    worker = LocalWorker(tmp_path)
    worker.world_size = 9
    with pytest.raises(ResourceError, match="8 pairs cannot be shared by 9 workers"):
        Trainer(tiny_run(), origin(), loaders, worker)


def test_a_collapsed_epoch_is_flagged_and_told_of(loaders, tmp_path):
    """A recipe branch whose last layer gives the same for all."""
    worker = LocalWorker(tmp_path)
    trainer = Trainer(tiny_run(num_epochs=1, learning_rate=1e-9), origin(), loaders, worker)
    norm = trainer.state.model.recipe_encoder.projection.norm
    torch.nn.init.zeros_(norm.weight)
    torch.nn.init.ones_(norm.bias)
    trainer.fit()

    (report,) = worker.reports
    assert report["val/is_collapsed"] == 1.0
    assert report["val/mean_cosine/recipe"] == pytest.approx(1)
    assert report["val/effective_rank/recipe"] == pytest.approx(1, abs=1e-3)
    assert worker.warnings == [
        "the model collapses in epoch 1: recipe embeddings are nearly all the same, mean cosine "
        "1.000"
    ]


def test_a_learning_model_is_no_collapsed_one(loaders, tmp_path):
    """No warning from the first epoch to the last."""
    _, worker = trained(loaders, tmp_path / "a", num_epochs=12)

    assert [report["val/is_collapsed"] for report in worker.reports] == [0.0] * 12
    assert worker.warnings == []


class SlowWorker(LocalWorker):
    """Sleeps a little in the first step."""

    def progress(self, done, total, text):
        if done == 1:
            time.sleep(0.3)


def test_a_step_that_hangs_leaves_the_stacks_of_all_threads(loaders, tmp_path):
    """And the training continues."""
    worker = SlowWorker(tmp_path)
    run = tiny_run(num_epochs=1, hang_minutes=0.1 / 60)
    Trainer(run, origin(), loaders, worker).fit()

    assert "in progress" in (tmp_path / "hang-0.txt").read_text()
    assert worker.warnings[0].startswith("worker 0: no step has ended for")
    assert [report["epoch"] for report in worker.reports] == [1.0]


def test_the_rate_drops_once_and_then_training_stops():
    """Patience 2, then 3 more, by hand."""
    progress = Progress()
    dropped = [
        progress.note(score, drop_patience=2, stop_patience=3)
        for score in (1.0, 0.9, 0.9, 0.5, 1.1, 1.0, 1.0)
    ]
    assert dropped == [False, False, True, False, False, False, False]
    assert (progress.best_epoch, progress.best_score) == (5, 1.1)
    assert not progress.stopped_early
    progress.note(1.1, drop_patience=2, stop_patience=3)  # an equal score is no gain
    assert progress.stopped_early
    assert progress.num_epochs == 8


def test_without_a_drop_training_stops_by_the_second_patience_alone():
    """As under a cosine schedule."""
    progress = Progress()
    for score in (1.0, 0.5, 0.5):
        assert not progress.note(score, drop_patience=None, stop_patience=2)
    assert progress.stopped_early
    assert not progress.lr_dropped
