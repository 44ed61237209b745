"""What a checkpoint says of its model: the run that made it, its data, its weights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from seje_ray.config import RunConfig, run_from_json
from seje_ray.errors import ArtifactError


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model was trained on; a mismatch is refused."""

    calibrated_hash: str
    vocabulary_hash: str
    facts: dict[str, Any]  # of the calibrated artifact: dimensions, category names


def read_origin(checkpoint: Path) -> tuple[RunConfig, Origin]:
    """The run that made a checkpoint, and what it was trained on.

    Raises:
        ArtifactError: If the folder is no checkpoint.
    """
    path = checkpoint / "run.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return run_from_json(json.dumps(raw["run"]), str(path)), Origin(**raw["origin"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{checkpoint}: not a checkpoint of `seje-ray train` ({error}); train again"
        ) from error


def load_model_weights(model: nn.Module, checkpoint: Path) -> nn.Module:
    """Put a checkpoint's weights into ``model`` and set it to evaluation."""
    model.load_state_dict(load_file(checkpoint / "model.safetensors"))
    return model.eval()
