"""Result of a training's best checkpoint on a partition."""

from pathlib import Path

from safetensors.torch import load_file

from seje_ray.config import RunConfig
from seje_ray.distributed.process import Process
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.training.pairs import PairLoader
from seje_ray.training.validation import embed_val, retrieval_metrics
from seje_ray.training.watchdog import unwatched


def measure_checkpoint(
    model: JointEmbedding,
    checkpoint: Path,
    loader: PairLoader,
    run: RunConfig,
    process: Process,
    partition: str,
) -> dict[str, float]:
    """Load a checkpoint's weights into ``model`` and measure retrieval on ``loader``'s pairs.

    Returns:
        The protocol of validation, for any partition; keys with ``partition/`` in front.
    """
    device = next(model.parameters()).device
    model.load_state_dict(load_file(checkpoint / "model.safetensors", device=str(device)))
    pairs = embed_val(model, loader, run, process, unwatched)
    return {
        f"{partition}/{key}": value for key, value in retrieval_metrics(pairs, run.seed).items()
    }
