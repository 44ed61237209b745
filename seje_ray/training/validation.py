"""Validation after each epoch. Letters: N val pairs, D joint dimensions, W workers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from seje_ray.config import RunConfig
from seje_ray.distributed.collectives import gather_rows, sum_over_workers
from seje_ray.distributed.process import Process
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.models.ridge import learnt_part
from seje_ray.retrieval.hubness import corrected_pairs
from seje_ray.retrieval.protocol import evaluate_retrieval, selection_score
from seje_ray.training.forward import embed
from seje_ray.training.guards import discriminator_accuracy, spread, unwatched
from seje_ray.training.pairs import PairLoader

VAL_GALLERY_SIZE = 1000  # pairs; docs/method.md, rule 6.2
VAL_NUM_REPEATS = 10


@dataclass(frozen=True, slots=True)
class ValEmbeddings:
    """Embeddings of pairs in the order of the shards; the same on every worker."""

    images: Tensor  # (N, D) float32 on the CPU, unit rows
    recipes: Tensor  # (N, D) float32 on the CPU, unit rows


def embed_val(
    model: nn.Module,
    loader: PairLoader,
    run: RunConfig,
    worker: Process,
    alive: Callable[[str], None],
) -> ValEmbeddings:
    """Embed the first ``max_val_pairs`` val pairs, as ``embed_pairs`` does."""
    return embed_pairs(model, loader, run, worker, alive, run.train.max_val_pairs)


def embed_pairs(
    model: nn.Module,
    loader: PairLoader,
    run: RunConfig,
    worker: Process,
    alive: Callable[[str], None],
    max_pairs: int | None = None,
) -> ValEmbeddings:
    """Embed pairs in order, shared among the workers.

    Args:
        model: Not wrapped; is left in evaluation mode.
        loader: Of the pairs.
        run: The run.
        worker: This one.
        alive: Called after each batch.
        max_pairs: Only the first so many; None for all.
    """
    model.eval()
    rows = []
    for batch in loader.in_order(max_pairs):
        rows.append(torch.cat(embed(model, batch, run), dim=1))
        alive("validation")
    assert isinstance(model, JointEmbedding)
    dim = model.embedding_dim
    own = torch.cat(rows) if rows else torch.empty(0, 2 * dim)
    pairs = _gather_uneven(own.to(worker.device), worker).cpu()  # in the order of the files
    return ValEmbeddings(pairs[:, :dim], pairs[:, dim:])


def val_metrics(
    val: ValEmbeddings, discriminator: nn.Module, run: RunConfig, device: torch.device
) -> dict[str, float]:
    """Retrieval in both directions, and numbers that show a collapse; keys with ``val/``."""
    metrics = retrieval_metrics(val, run.seed) | spread(val.images, val.recipes)
    if run.loss.discriminator_weight > 0:  # else nobody trains it
        with torch.no_grad():
            dim = run.model.embedding_dim
            learnt = [learnt_part(rows, dim).to(device) for rows in (val.images, val.recipes)]
            scores = [discriminator(rows).cpu() for rows in learnt]
        metrics["discriminator_accuracy"] = discriminator_accuracy(
            *scores, has_threshold=run.loss.discriminator == "bce"
        )
    return {f"val/{key}": value for key, value in metrics.items()}


def retrieval_metrics(pairs: ValEmbeddings, seed: int) -> dict[str, float]:
    """Retrieval in both directions, and the score that training selects by.

    Source: docs/method.md, rule 6.2.
    """
    result = evaluate_retrieval(
        [f"{n:09d}" for n in range(len(pairs.images))],
        pairs.images,
        pairs.recipes,
        gallery_size=VAL_GALLERY_SIZE,
        num_repeats=VAL_NUM_REPEATS,
        seed=seed,
    )
    return result.means() | {"selection_score": selection_score(result)}


def measure_checkpoint(
    model: JointEmbedding,
    checkpoint: Path,
    loader: PairLoader,
    run: RunConfig,
    process: Process,
    partition: str,
    bank: PairLoader | None = None,
) -> dict[str, float]:
    """Load a checkpoint's weights into ``model`` and measure retrieval on ``loader``'s pairs.

    Args:
        model: On its device.
        checkpoint: Its folder.
        loader: Of the pairs.
        run: The run.
        process: This one; every process calls it.
        partition: Of the pairs.
        bank: Train pairs that embeddings are corrected for hubs by; None where they are not.

    Returns:
        The protocol of validation, for any partition; keys with ``partition/`` in front.
    """
    device = next(model.parameters()).device
    model.load_state_dict(load_file(checkpoint / "model.safetensors", device=str(device)))
    pairs = embed_val(model, loader, run, process, unwatched)
    if bank is not None:
        train, config = embed_pairs(model, bank, run, process, unwatched), run.evaluate.hubness
        corrected = corrected_pairs(
            pairs.images,
            pairs.recipes,
            (train.images, train.recipes),
            weight=config.weight,
            num_neighbours=config.num_neighbours,
        )
        pairs = ValEmbeddings(*corrected)
    return {
        f"{partition}/{key}": value for key, value in retrieval_metrics(pairs, run.seed).items()
    }


def _gather_uneven(own: Tensor, worker: Process) -> Tensor:
    """Rows of all workers, whose counts differ."""
    counts = torch.zeros(worker.world_size, dtype=torch.int64, device=worker.device)
    counts[worker.rank] = len(own)
    return gather_rows(own, sum_over_workers(counts).tolist())
