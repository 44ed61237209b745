"""One process of a training: the pure loop of ``training`` inside Ray Train."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch
from torch import Tensor

from seje_ray.artifact import Artifact, open_artifact, write_text
from seje_ray.config import RunConfig, run_from_json
from seje_ray.errors import ArtifactError, SejeError
from seje_ray.features.backbones import as_settings
from seje_ray.features.checkpoint import Origin
from seje_ray.features.model import photos_of, pixel_spec
from seje_ray.log import event, logged
from seje_ray.models.libraries import BackboneError
from seje_ray.on_ray.group import COLLECTIVE_TIMEOUT_S, KEEP, GroupMember
from seje_ray.on_ray.progress import reporter
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.report.tensorboard import TrainingCurves
from seje_ray.training.checkpoints import commit_checkpoint, newest_checkpoint
from seje_ray.training.loop import Loaders, Trainer
from seje_ray.training.pairs import PairLoader
from seje_ray.training.timing import note_timings
from seje_ray.training.worker import Process


def write_history(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """One line of metrics per epoch."""
    lines = [json.dumps(entry) for entry in history]
    write_text(folder / "history.jsonl", "\n".join(lines) + "\n")


def train_on_worker(config: Mapping[str, Any]) -> dict[str, Any]:
    """Run the loop in one Ray Train process."""
    run = run_from_json(config["run"], "train_loop_config")
    calibrated = open_artifact(Path(config["calibrated"]), "calibrated")
    workers_here = ray.train.get_context().get_local_world_size()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers_here))
    folder = Path(config["folder"])
    log = folder / "logs" / f"worker-{ray.train.get_context().get_world_rank()}.jsonl"
    with logged(log), RayWorker(run, calibrated, folder, config["board"]) as worker:
        event("joined", rank=worker.rank, world_size=worker.world_size, device=worker.device)
        try:
            trainer = Trainer(
                run, origin_of(run, calibrated), loaders_of(run, calibrated, worker), worker
            )
            worker.start(trainer)
            progress = trainer.fit()
        except BackboneError:  # may strike one worker alone, so Ray has to end the others
            raise
        except SejeError as error:  # repeats itself: no restart of the worker group would mend it
            event("refused", error=error)
            return {"error": str(error)}
    return {"num_epochs": progress.num_epochs}


def origin_of(run: RunConfig, calibrated: Artifact) -> Origin:
    """What a checkpoint remembers of its data, and of how its own backbone sees photos."""
    facts = dict(calibrated.manifest.facts)
    photos = None
    if not run.model.freeze_backbone:
        photos = as_settings(photos_of(run.model.backbone))
    return Origin(calibrated.content_hash, facts["vocabulary_hash"], facts, photos)


def loaders_of(run: RunConfig, calibrated: Artifact, process: Process) -> Loaders:
    """Train and val pairs of a calibrated artifact.

    Raises:
        ArtifactError: If a partition holds fewer than two pairs.
    """
    for partition in ("train", "val"):
        if calibrated.num_rows(partition) < 2:
            raise ArtifactError(
                f"{calibrated.folder}: expected at least 2 recipes with photos in partition "
                f"{partition!r}, found {calibrated.num_rows(partition)}; add some and run "
                "`seje-ray calibrate`"
            )
    pixels = pixel_spec(run)
    loaders = [loader_of(run, calibrated.shards(p), pixels, process) for p in ("train", "val")]
    return Loaders(*loaders)


def loader_of(
    run: RunConfig, shards: Sequence[Path], pixels: PixelSpec | None, process: Process
) -> PairLoader:
    """Pairs of one partition, as one of the workers of a training reads them."""
    return PairLoader(
        shards,
        pixels,
        global_batch_size=run.train.global_batch_size,
        rank=process.rank,
        world_size=process.world_size,
        seed=run.seed,
        shuffle_window=run.train.shuffle_window,
        num_threads=max(2, torch.get_num_threads()),
        use_texts=run.model.recipe_encoder == "transformer",
    )


def collective_timeout_s(run: RunConfig) -> float:
    """Seconds after which a worker gives up on the others: after the watchdog has told of it."""
    return max(COLLECTIVE_TIMEOUT_S, 2 * 60 * (run.train.hang_minutes or 0))


def _renamed(checkpoint: ray.train.Checkpoint, name: str) -> ray.train.Checkpoint:
    """Put a checkpoint in its place in one stroke, where Ray itself would copy file by file."""
    return ray.train.Checkpoint.from_directory(commit_checkpoint(Path(checkpoint.path), name))


class RayWorker(GroupMember):
    """The ``training.worker.Worker`` of a Ray Train process."""

    def __init__(self, run: RunConfig, calibrated: Artifact, folder: Path, board: Any) -> None:
        super().__init__()
        self.folder, self._config, self._calibrated = folder, run.train, calibrated
        self._board, self._tell = board, reporter(board, "training")
        self._trainer: Trainer | None = None
        self._curves: TrainingCurves | None = None

    def __enter__(self) -> "RayWorker":
        return self

    def __exit__(self, *_: object) -> None:
        if self._curves is not None:
            self._curves.close()

    def start(self, trainer: Trainer) -> None:
        """Open TensorBoard on rank 0, going on after the epochs that are done."""
        self._trainer = trainer
        if self.rank == 0:
            done = trainer.state.progress.num_epochs
            self._curves = TrainingCurves(self.folder, self._calibrated, num_epochs=done)

    def show(self, images: Tensor, recipes: Tensor, *, epoch: int, is_last: bool) -> None:
        """Draw the hardest pairs now and then; at the end, give TensorBoard the embeddings."""
        assert self._curves is not None
        every = self._config.picture_epochs
        if every is not None and (epoch == 1 or epoch % every == 0 or is_last):
            self._curves.add_hardest_pairs(images, recipes, epoch)
        if is_last:
            self._curves.add_space(images, recipes, epoch)

    def report(
        self,
        metrics: Mapping[str, float],
        timings: Mapping[str, float],
        checkpoint_dir: Path | None,
        name: str,
    ) -> None:
        """Write history, timings and TensorBoard on rank 0; hand the checkpoint to Ray Train."""
        event("epoch", metrics=dict(metrics), timings=dict(timings))
        if self._curves is not None:
            self._curves.add_numbers(metrics, timings)
        self._report({**metrics, KEEP: self._keep()}, checkpoint_dir, name)
        if self.rank == 0 and self._trainer is not None:
            write_history(self.folder, self._trainer.state.progress.history)
            note_timings(self.folder, int(metrics["epoch"]), timings)

    def checkpoint(self, checkpoint_dir: Path | None, name: str) -> None:
        """Hand a checkpoint inside an epoch to Ray Train, which drops it for the next."""
        self._report({KEEP: 0}, checkpoint_dir, name)

    def _report(self, metrics: dict[str, float], checkpoint_dir: Path | None, name: str) -> None:
        checkpoint = ray.train.Checkpoint.from_directory(checkpoint_dir) if checkpoint_dir else None
        ray.train.report(
            metrics,
            checkpoint=checkpoint,
            checkpoint_dir_name=name,
            checkpoint_upload_fn=_renamed,
        )

    def _keep(self) -> int:
        """Highest for the newest best epoch, so that Ray keeps exactly our best checkpoint."""
        assert self._trainer is not None
        progress = self._trainer.state.progress
        return progress.num_epochs if progress.best_epoch == progress.num_epochs else 0

    def resume_dir(self) -> Path | None:
        """Folder of the checkpoint to go on from; a local path on a shared or local disk.

        Where a kill has cost Ray its list, it is the newest there is.
        """
        checkpoint = ray.train.get_checkpoint()
        return newest_checkpoint(self.folder) if checkpoint is None else Path(checkpoint.path)

    def warn(self, text: str) -> None:
        """Let the driver write a line."""
        event("warning", text=text)
        self._board.warn.remote(text)

    def progress(self, done: int, total: int, text: str) -> None:
        """Tell the driver's bar, in steps."""
        assert self._trainer is not None
        progress = self._trainer.state.progress
        if progress.history:
            last = progress.history[-1]
            text += (
                f", loss {last['train/loss']:.3f}, val MedR "
                f"{last['val/median_rank/image_to_recipe']:.1f}"
            )
        self._tell(progress.num_epochs * total + done, self._config.num_epochs * total, text)
