"""The training loop: epochs, validation, learning-rate drop, early stop, checkpoints."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from seje_ray.config import RunConfig
from seje_ray.distributed.collectives import average_gradients, broadcast_buffers
from seje_ray.distributed.dropout import begin_dropout_step
from seje_ray.errors import ResourceError
from seje_ray.features.checkpoint import Origin
from seje_ray.features.model import FeatureDims, autocast, takes_bf16
from seje_ray.losses.kinds import retrieval_loss
from seje_ray.models.depthwise import depthwise_in_float32
from seje_ray.models.joint_embedding import JointEmbedding, JointOutput
from seje_ray.random_streams import Stream, torch_seed
from seje_ray.store.mirror import remove
from seje_ray.training.checkpoints import begin_checkpoint, checkpoint_name
from seje_ray.training.compilation import compile_parts
from seje_ray.training.forward import forward, forward_features
from seje_ray.training.freezing import begin_epoch
from seje_ray.training.guards import (
    DIVERGED_FILE,
    require_finite,
    signs_of_collapse,
    unwatched,
    watched,
)
from seje_ray.training.initial_weights import load_initial_weights, load_ridge
from seje_ray.training.loaders import Loaders
from seje_ray.training.micro_batches import MicroBatchedBackbone
from seje_ray.training.optimisation import (
    drop_learning_rates,
    gradient_norms,
    learning_rates,
    set_learning_rates,
)
from seje_ray.training.pairs import PairBatch
from seje_ray.training.state import Progress, TrainingState
from seje_ray.training.step import (
    GlobalRows,
    active_share,
    discriminator_step,
    global_pairs,
    objective,
    step_metrics,
)
from seje_ray.training.timing import EpochClock
from seje_ray.training.validation import ValEmbeddings, embed_val, val_metrics
from seje_ray.training.worker import Worker


class Trainer:
    """One training on one worker; every worker runs the same one.

    All decisions (early stop, learning rate) rest on numbers reduced over the workers, so no
    worker ever takes a step that another does not.
    """

    def __init__(self, run: RunConfig, origin: Origin, loaders: Loaders, worker: Worker) -> None:
        self.run, self.origin, self.loaders, self.worker = run, origin, loaders, worker
        if loaders.train.global_batch_size < max(2, worker.world_size):
            raise ResourceError(
                f"a global batch of {loaders.train.global_batch_size} pairs cannot be shared by "
                f"{worker.world_size} workers; lower --workers or add train recipes"
            )
        checkpoint = worker.resume_dir()
        self.state = TrainingState.new(
            run,
            FeatureDims.of(origin.facts),
            worker.device,
            load_weights=checkpoint is None,
            lexicon=loaders.lexicon,
        )
        if checkpoint is not None:
            warning = self.state.load(checkpoint, worker.device)
            if warning is not None and worker.rank == 0:
                worker.warn(warning)
        else:
            self._begin()
        if worker.device.type == "cpu" and takes_bf16(run, worker.device):
            depthwise_in_float32(self._model)
        if run.train.compile:
            compile_parts(self._model, worker.device)
        self._alive: Callable[[str], None] = unwatched
        # Micro-batches go through the model by parts, and their gradients are averaged by hand.
        self._wrapped: nn.Module = self._model
        if run.train.micro_batch_size is None:
            by_worker = run.train.batch_norm == "worker"
            self._wrapped = worker.wrap(self._model, broadcast_buffers=by_worker)

    def _begin(self) -> None:
        """Take what the training starts from, where it starts from something."""
        folder, device = self.worker.folder, self.worker.device
        if self.run.train.init_from is not None:
            load_initial_weights(folder, self._model, self.state.discriminator, device)
        if self._model.image_head.ridge is not None:
            load_ridge(folder, self._model.image_head.ridge, device)
        self.state.begin_average()

    def fit(self) -> Progress:
        """Train to the end or to the early stop; report and checkpoint after each epoch.

        A training that ended anywhere and resumes from its last checkpoint gives the same weights
        and the same history, bit by bit, as long as the number of workers stays the same.

        Raises:
            DivergedError: If the loss is not finite.
        """
        progress, run, worker = self.state.progress, self.run, self.worker
        rank, folder = worker.rank, worker.folder
        folder.mkdir(parents=True, exist_ok=True)  # of a store: another machine may have made it
        if rank == 0:
            remove(folder / DIVERGED_FILE)
        with watched(
            folder / f"hang-{rank}.txt",
            run.train.hang_minutes,
            lambda text: worker.warn(f"worker {rank}: {text}"),
        ) as self._alive:
            while not progress.is_finished(run.train.num_epochs):
                clock = EpochClock()
                metrics = {"epoch": float(progress.num_epochs + 1)}
                metrics |= self._train_epoch(progress.num_epochs, clock)
                val = embed_val(self.state.evaluated, self.loaders.val, run, worker, self._alive)
                metrics |= self._val_metrics(val)
                self._decide(metrics)
                self._publish(metrics, val, clock)
        return progress

    @property
    def _model(self) -> JointEmbedding:
        model = self.state.model
        assert isinstance(model, JointEmbedding)
        return model

    def _train_epoch(self, epoch: int, clock: EpochClock) -> dict[str, float]:
        """Train on what is left of an epoch; return the means of its metrics over all its steps."""
        begin_epoch(self._model, self.run.train, epoch)
        loader, progress = self.loaders.train, self.state.progress
        num_steps = loader.num_steps
        first_step = progress.step
        if first_step == 0:
            progress.order = loader.order_kind
        batches = clock.waiting(loader.epoch(epoch, first_step, progress.order))
        for step, cpu_batch in enumerate(batches, start=first_step):
            batch = cpu_batch.to(self.worker.device)
            first = epoch * num_steps
            set_learning_rates(
                self.state.optimizer, self.run.train, step=first + step, num_steps=num_steps
            )
            found = self._step(batch, epoch, step)
            progress.sums = {name: progress.sums.get(name, 0.0) + v for name, v in found.items()}
            progress.step = step + 1
            self._alive(f"epoch {epoch + 1}, step {step + 1}")
            if self.worker.rank == 0:
                self.worker.progress(step + 1, num_steps, f"epoch {epoch + 1}")
            self._keep_step()
        if self.run.train.batch_norm == "worker":
            for module in dict.fromkeys((self.state.model, self.state.evaluated)):
                broadcast_buffers(module)
        means = {f"train/{name}": total / num_steps for name, total in progress.sums.items()}
        progress.step, progress.sums = 0, {}
        if self._model.logit_scale is not None:
            means["train/logit_scale"] = float(self._model.logit_scale()[0].detach())
        return means

    def _step(self, batch: PairBatch, epoch: int, step: int) -> dict[str, float]:
        """Train on one global batch; return its metrics, the same on every worker."""
        run, state, worker = self.run, self.state, self.worker
        rows = GlobalRows(batch.sizes, worker.rank)
        self._seed(rows, epoch, step)
        backbone = self._micro_batched(batch, epoch, step)
        output = self._forward(batch, backbone)
        seed = (run.seed, epoch, step)
        discriminator_loss = discriminator_step(
            output,
            state.discriminator,
            state.discriminator_optimizer,
            rows,
            run.loss,
            seed=seed,
        )
        pairs = global_pairs(output, batch.category_ids, rows)
        parts = objective(pairs, output, state.discriminator, rows, run.loss, seed=seed)
        state.optimizer.zero_grad()
        parts.total.backward()  # type: ignore[no-untyped-call]
        if backbone is not None:
            backbone.backward()
            average_gradients(list(self._model.parameters()))
        values = {
            "loss": parts.total,
            "retrieval": parts.retrieval,
            "category_alignment": parts.category_alignment,
        }
        if retrieval_loss(run.loss).margin is not None:
            values["active_triplet_share"] = active_share(pairs, rows, run.loss)
        if discriminator_loss is not None:
            values["discriminator_loss"] = discriminator_loss
            values["discriminator_alignment"] = parts.discriminator_alignment
        metrics = step_metrics(values, gradient_norms(state.optimizer), worker.world_size)
        require_finite(metrics, batch, worker, epoch=epoch + 1, step=step + 1)
        state.optimizer.step()
        state.move_average(run.train.ema_decay, epoch * self.loaders.train.num_steps + step)
        return metrics

    def _seed(self, rows: GlobalRows, epoch: int, step: int) -> None:
        """Begin the random draws of a step."""
        seed, rank = self.run.seed, self.worker.rank
        # Dropout is a function of the step, so a resumed epoch repeats it: the heads' on the
        # global batch, what a backbone brings along on each worker.
        torch.manual_seed(torch_seed(Stream.BACKBONE_DROPOUT, seed, epoch, step, rank))
        begin_dropout_step(
            self._model,
            first=rows.first,
            num_rows=rows.total,
            seed=torch_seed(Stream.HEAD_DROPOUT, seed, epoch, step),
            device=self.worker.device,
        )

    def _forward(self, batch: PairBatch, backbone: MicroBatchedBackbone | None) -> JointOutput:
        """Embed a batch in the run's precision, photos by ``backbone`` where there is one."""
        features = None if backbone is None else backbone.features()
        with autocast(self.run, self.worker.device):
            if features is None:
                return forward(self._wrapped, batch, self.run).float()
            return forward_features(self._model, features, batch, self.run).float()

    def _micro_batched(
        self, batch: PairBatch, epoch: int, step: int
    ) -> MicroBatchedBackbone | None:
        """The photos' way in micro-batches, where the run has any."""
        run, size = self.run, self.run.train.micro_batch_size
        if size is None or self._model.backbone is None:
            return None
        return MicroBatchedBackbone(
            self._model.backbone,
            batch.images,
            batch.sizes,
            micro_batch_size=size,
            seed=(run.seed, epoch, step, self.worker.rank),
            autocast=autocast(run, self.worker.device),
        )

    def _val_metrics(self, val: ValEmbeddings) -> dict[str, float]:
        """Metrics on the val partition; warns of a collapsed model."""
        metrics = val_metrics(val, self.state.discriminator, self.run, self.worker.device)
        signs = signs_of_collapse(
            metrics,
            num_pairs=len(val.images),
            embedding_dim=self.run.model.embedding_dim,
            best_score=self.state.progress.best_score,
        )
        if signs and self.worker.rank == 0:
            epoch = self.state.progress.num_epochs + 1
            self.worker.warn(f"the model collapses in epoch {epoch}: {'; '.join(signs)}")
        return metrics | {"val/is_collapsed": float(bool(signs))}

    def _decide(self, metrics: dict[str, float]) -> None:
        config, progress = self.run.train, self.state.progress
        metrics |= learning_rates(self.state.optimizer)
        dropped = progress.note(
            metrics["val/selection_score"],
            drop_patience=config.lr_drop_patience if config.schedule == "plateau" else None,
            stop_patience=config.stop_patience,
        )
        if dropped:
            for optimizer in (self.state.optimizer, self.state.discriminator_optimizer):
                drop_learning_rates(optimizer, config.lr_drop_factor)
        progress.history.append(dict(metrics))

    def _publish(self, metrics: Mapping[str, float], val: ValEmbeddings, clock: EpochClock) -> None:
        worker, progress = self.worker, self.state.progress
        timings = clock.timings(
            global_batch_size=self.loaders.train.global_batch_size,
            num_workers=worker.world_size,
            device=worker.device,
        )
        if worker.rank == 0:
            is_last = progress.is_finished(self.run.train.num_epochs)
            worker.show(val.images, val.recipes, epoch=progress.num_epochs, is_last=is_last)
        name = checkpoint_name(progress.num_epochs)
        worker.report(metrics, timings, self._saved(name), name)

    def _keep_step(self) -> None:
        """Keep a checkpoint after a step where one is due."""
        every, progress = self.run.train.checkpoint_steps, self.state.progress
        is_inside = progress.step < self.loaders.train.num_steps
        if every is not None and is_inside and progress.step % every == 0:
            name = checkpoint_name(progress.num_epochs, progress.step)
            self.worker.checkpoint(self._saved(name), name)

    def _saved(self, name: str) -> Path | None:
        """Write a checkpoint beside its place, on rank 0."""
        if self.worker.rank != 0:
            return None
        partial = begin_checkpoint(self.worker.folder, name)
        self.state.save(partial, self.run, self.origin)
        return partial
