"""What the best checkpoint of a training reaches on a partition."""

from pathlib import Path

from safetensors.torch import load_file

from seje_ray.config import RunConfig
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.training.loop import validate
from seje_ray.training.pairs import PairLoader
from seje_ray.training.worker import Worker


def measure_checkpoint(
    model: JointEmbedding,
    checkpoint: Path,
    loader: PairLoader,
    run: RunConfig,
    worker: Worker,
    partition: str,
) -> dict[str, float]:
    """Load a checkpoint's weights into ``model`` and validate it on ``loader``'s pairs.

    Returns:
        The metrics of validation, with ``partition/`` in front; the same protocol on each.
    """
    device = next(model.parameters()).device
    model.load_state_dict(load_file(checkpoint / "model.safetensors", device=str(device)))
    metrics = validate(model, loader, run, worker)
    return {key.replace("val/", f"{partition}/", 1): value for key, value in metrics.items()}
