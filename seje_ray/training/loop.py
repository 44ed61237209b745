"""The training loop: epochs, validation, learning-rate drop, early stop, checkpoints."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from seje_ray.config import RunConfig
from seje_ray.errors import ResourceError
from seje_ray.models.joint_embedding import JointEmbedding, JointOutput
from seje_ray.retrieval.protocol import evaluate_retrieval, selection_score
from seje_ray.training.build import FeatureDims, build_discriminator, build_model
from seje_ray.training.checkpoints import begin_checkpoint, checkpoint_name
from seje_ray.training.dropout import begin_dropout_step
from seje_ray.training.gather import broadcast_buffers, gather_rows, sum_over_workers
from seje_ray.training.pairs import PairBatch, PairLoader
from seje_ray.training.state import Origin, Progress, TrainingState
from seje_ray.training.step import Place, discriminator_step, objective, require_finite
from seje_ray.training.worker import Worker

VAL_GALLERY_SIZE = 1000  # pairs; METHOD 6 selects on 10 x 1k
VAL_NUM_REPEATS = 10


@dataclass(frozen=True, slots=True)
class Loaders:
    """Where the pairs of both partitions come from."""

    train: PairLoader
    val: PairLoader


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
        dims = FeatureDims.of(origin.facts)
        model = build_model(run, dims, load_weights=checkpoint is None).to(worker.device)
        if worker.device.type == "cuda":
            model = model.to(memory_format=torch.channels_last)
        discriminator = build_discriminator(run).to(worker.device)
        self.state = TrainingState(
            model,
            discriminator,
            _optimizer(model, run),
            torch.optim.Adam(
                discriminator.parameters(),
                lr=run.loss.discriminator_learning_rate,
                betas=(0.5, 0.999),
            ),
            Progress(),
        )
        if checkpoint is not None:
            self.state.load(checkpoint, worker.device)
        self._wrapped = worker.wrap(model, broadcast_buffers=run.train.batch_norm == "worker")

    def fit(self) -> Progress:
        """Train to the end or to the early stop; report and checkpoint after each epoch.

        A training that ended anywhere and goes on from its last checkpoint gives the same weights
        and the same history, bit by bit, as long as the number of workers stays the same.

        Raises:
            DivergedError: If the loss is not finite.
        """
        progress = self.state.progress
        while progress.num_epochs < self.run.train.num_epochs and not progress.stopped_early:
            metrics = {"epoch": float(progress.num_epochs + 1)}
            metrics |= self._train_epoch(progress.num_epochs)
            metrics |= validate(self._model, self.loaders.val, self.run, self.worker)
            self._decide(metrics)
            self._publish(metrics)
        return progress

    @property
    def _model(self) -> JointEmbedding:
        model = self.state.model
        assert isinstance(model, JointEmbedding)
        return model

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        """Train on what is left of an epoch; return the means of its metrics over all its steps."""
        self._wrapped.train()
        loader, progress = self.loaders.train, self.state.progress
        num_steps = loader.num_steps
        first_step = progress.step
        for step, cpu_batch in enumerate(loader.epoch(epoch, first_step), start=first_step):
            batch = cpu_batch.to(self.worker.device)
            self._set_learning_rates(epoch * num_steps + step)
            for name, value in self._step(batch, epoch, step).items():
                progress.sums[name] = progress.sums.get(name, 0.0) + value
            progress.step = step + 1
            if self.worker.rank == 0:
                self.worker.progress(step + 1, num_steps, f"epoch {epoch + 1}")
            self._keep_step()
        if self.run.train.batch_norm == "worker":
            broadcast_buffers(self.state.model)
        means = {f"train/{name}": total / num_steps for name, total in progress.sums.items()}
        progress.step, progress.sums = 0, {}
        return means

    def _step(self, batch: PairBatch, epoch: int, step: int) -> dict[str, float]:
        """Train on one global batch; return its metrics, the same on every worker."""
        run, state, place = self.run, self.state, Place.of(batch, self.worker.rank)
        # Dropout is a function of the step, so a resumed epoch repeats it: the heads' on the
        # global batch, what a backbone brings along on each worker.
        torch.manual_seed(hash((run.seed, 3, epoch, step, self.worker.rank)) % 2**63)
        begin_dropout_step(
            self._model,
            first=place.first,
            num_rows=sum(place.sizes),
            seed=hash((run.seed, 5, epoch, step)) % 2**63,
            device=self.worker.device,
        )
        with _autocast(run, self.worker.device):
            output = forward(self._wrapped, batch, run)
        output = JointOutput(*(value.float() for value in output))
        discriminator_loss = discriminator_step(
            output,
            state.discriminator,
            state.discriminator_optimizer,
            place,
            run.loss,
            seed=(run.seed, 4, epoch, step),
        )
        parts = objective(output, batch.category_ids, state.discriminator, place, run.loss)
        require_finite(parts.total, batch, epoch=epoch + 1, step=step + 1)
        state.optimizer.zero_grad()
        parts.total.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        values = [
            parts.total,
            parts.triplet,
            parts.category_alignment,
            parts.discriminator_alignment,
            discriminator_loss,
            parts.active_triplet_share,
        ]
        local = torch.stack([value.detach().double() for value in values])
        means = sum_over_workers(local).cpu() / self.worker.world_size
        return dict(zip(_PARTS, means.tolist(), strict=True))

    def _set_learning_rates(self, step: int) -> None:
        """Learning rates of a step, counted from the start of the training."""
        config = self.run.train
        factor = min(1.0, (step + 1) / max(1, config.warmup_steps))
        if config.schedule == "cosine":
            factor *= cosine(step / (config.num_epochs * self.loaders.train.num_steps))
        for group in self.state.optimizer.param_groups:
            group["lr"] = group["full_lr"] * factor

    def _decide(self, metrics: dict[str, float]) -> None:
        config, progress = self.run.train, self.state.progress
        metrics["learning_rate"] = self.state.optimizer.param_groups[-1]["lr"]
        dropped = progress.note(
            metrics["val/selection_score"],
            drop_patience=config.lr_drop_patience if config.schedule == "plateau" else None,
            stop_patience=config.stop_patience,
        )
        if dropped:
            for optimizer in (self.state.optimizer, self.state.discriminator_optimizer):
                for group in optimizer.param_groups:
                    group["lr"] *= config.lr_drop_factor
                    if "full_lr" in group:
                        group["full_lr"] *= config.lr_drop_factor
        progress.history.append(dict(metrics))

    def _publish(self, metrics: Mapping[str, float]) -> None:
        name = checkpoint_name(self.state.progress.num_epochs)
        self.worker.report(metrics, self._saved(name), name)

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


_PARTS = (
    "loss",
    "triplet",
    "category_alignment",
    "discriminator_alignment",
    "discriminator_loss",
    "active_triplet_share",
)


def cosine(done: float) -> float:
    """Factor of the learning rate, falling from 1 to 0 while ``done`` goes from 0 to 1."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def forward(model: nn.Module, batch: PairBatch, run: RunConfig) -> JointOutput:
    """Embed a batch; features that an ablation switches off are zero."""
    config = run.model

    def used(value: torch.Tensor, is_used: bool) -> torch.Tensor:
        return value if is_used else torch.zeros_like(value)

    output = model(
        batch.images,
        used(batch.image_category_vectors, config.use_image_category),
        used(batch.sentence_vectors, config.use_sentences),
        batch.num_sentences,
        used(batch.key_term_vectors, config.use_key_terms),
    )
    assert isinstance(output, JointOutput)
    return output


@torch.no_grad()
def embed(model: nn.Module, batch: PairBatch, run: RunConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Image and recipe embeddings (B, D) of a batch, float32 on the CPU."""
    device = next(model.parameters()).device
    with _autocast(run, device):
        output = forward(model, batch.to(device), run)
    return output.image_embeddings.float().cpu(), output.recipe_embeddings.float().cpu()


def validate(
    model: nn.Module, loader: PairLoader, run: RunConfig, worker: Worker
) -> dict[str, float]:
    """Retrieval on the val partition, embedded by all workers; the same numbers on each."""
    model.eval()
    batches = loader.in_order(run.train.max_val_pairs)
    rows = [torch.cat(embed(model, batch, run), dim=1) for batch in batches]
    dim = run.model.embedding_dim
    own = torch.cat(rows) if rows else torch.empty(0, 2 * dim)
    pairs = _gather_uneven(own.to(worker.device), worker).cpu()
    result = evaluate_retrieval(
        [f"{n:09d}" for n in range(len(pairs))],
        pairs[:, :dim],
        pairs[:, dim:],
        gallery_size=VAL_GALLERY_SIZE,
        num_repeats=VAL_NUM_REPEATS,
        seed=run.seed,
    )
    metrics = {f"val/{key}": value for key, value in result.means().items()}
    return metrics | {"val/selection_score": selection_score(result)}


def _gather_uneven(own: torch.Tensor, worker: Worker) -> torch.Tensor:
    """Rows of all workers, whose counts differ."""
    counts = torch.zeros(worker.world_size, dtype=torch.int64, device=worker.device)
    counts[worker.rank] = len(own)
    return gather_rows(own, sum_over_workers(counts).tolist())


def _optimizer(model: JointEmbedding, run: RunConfig) -> torch.optim.Optimizer:
    """Adam with one parameter group for the image backbone and one for the heads."""
    config = run.train
    groups: list[dict[str, object]] = []
    backbone = [] if model.backbone is None else list(model.backbone.parameters())
    known = {id(parameter) for parameter in backbone}
    heads = [p for p in model.parameters() if id(p) not in known]
    backbone_lr = config.backbone_learning_rate or config.learning_rate
    for parameters, lr in ((backbone, backbone_lr), (heads, config.learning_rate)):
        if parameters:
            groups.append({"params": parameters, "lr": lr, "full_lr": lr})
    kind = torch.optim.AdamW if config.weight_decay > 0 else torch.optim.Adam
    fused = next(model.parameters()).device.type == "cuda"
    return kind(groups, weight_decay=config.weight_decay, fused=fused)


def _autocast(run: RunConfig, device: torch.device) -> torch.autocast:
    enabled = run.train.precision == "bf16" and device.type == "cuda"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)
