"""Contents of a checkpoint: the run that made it, its data, its model's weights."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from seje_ray.config import RunConfig, run_from_json
from seje_ray.errors import ArtifactError, first_line
from seje_ray.features.backbones import photos_as_stored
from seje_ray.features.model import FeatureDims, build_model, pixels_of
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.models.joint_ensemble import JointEnsemble, MixedEnsemble
from seje_ray.recipe1m.pixels import PixelSpec


@dataclass(frozen=True, slots=True)
class Origin:
    """Data that a model was trained on; a mismatch is refused."""

    calibrated_hash: str
    vocabulary_hash: str
    facts: dict[str, Any]  # of the calibrated artifact: dimensions, category names
    photos: dict[str, Any] | None = None  # how its own backbone sees them; older ones lack it
    network: dict[str, Any] | None = None  # its configuration, of a library that reads one
    members: Mapping[str, str] = field(default_factory=dict)  # of an ensemble: name -> sha256
    # of one of different models, for each: its "run", and of its trainings what differs in "origin"
    kinds: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A checkpoint's model, ready to embed."""

    run: RunConfig
    origin: Origin
    model: JointEmbedding | JointEnsemble | MixedEnsemble  # in evaluation, on ``device``
    pixels: PixelSpec | None  # that its backbone sees; None if it takes stored features
    device: torch.device
    kinds: tuple["TrainedModel", ...] = ()  # of a ``MixedEnsemble``: its models

    @property
    def embedding_dim(self) -> int:
        """Numbers of an embedding."""
        match self.model:
            case MixedEnsemble():
                return sum(kind.embedding_dim for kind in self.kinds)
            case JointEnsemble():
                return sum(one.embedding_dim for one in self.model.trainings())
        return self.model.embedding_dim

    @property
    def of_one_kind(self) -> JointEmbedding | JointEnsemble:
        """The model of trainings that take the same inputs; a mixed ensemble has none."""
        assert not isinstance(self.model, MixedEnsemble)
        return self.model

    @property
    def single(self) -> JointEmbedding:
        """The model of a training; an ensemble has none."""
        assert isinstance(self.model, JointEmbedding)
        return self.model


def read_origin(checkpoint: Path) -> tuple[RunConfig, Origin]:
    """The run that made a checkpoint, and what it was trained on.

    Raises:
        ArtifactError: If the folder is no checkpoint.
    """
    path = checkpoint / "run.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return run_from_json(json.dumps(raw["run"]), str(path)), Origin(**raw["origin"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError(
            f"{checkpoint}: not a checkpoint of `seje-ray train` ({error}); train again"
        ) from error


def load_model_weights(model: nn.Module, checkpoint: Path) -> nn.Module:
    """Put a checkpoint's weights into ``model`` and set it to evaluation.

    Raises:
        ArtifactError: If they cannot be read, or are those of another model.
    """
    path = checkpoint / "model.safetensors"
    try:
        model.load_state_dict(load_file(path))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(
            f"{path}: expected the weights of this checkpoint ({first_line(error)}); "
            f"run `seje-ray train --run {checkpoint.parent.name}` again"
        ) from error
    return model.eval()


def load_model(checkpoint: Path, device: torch.device | str = "cpu") -> TrainedModel:
    """Build the model of a checkpoint, which sees photos as it did when it was trained.

    Raises:
        ArtifactError: If the folder is no checkpoint.
    """
    run, origin = read_origin(checkpoint)
    device = torch.device(device)
    if not origin.kinds:
        built = _built(run, origin, device)
        load_model_weights(built.model, checkpoint)
        return built
    kinds = tuple(
        _built(run_from_json(json.dumps(kind["run"]), str(checkpoint)), one, device)
        for kind in origin.kinds
        for one in [replace(origin, kinds=(), **kind["origin"])]
    )
    model = MixedEnsemble([kind.of_one_kind for kind in kinds])
    load_model_weights(model, checkpoint)
    return TrainedModel(run, origin, model, None, device, kinds)


def _built(run: RunConfig, origin: Origin, device: torch.device) -> TrainedModel:
    """A model of one kind, or several of it side by side, without weights yet."""
    config, photos = run.model.backbone, None
    if not run.model.freeze_backbone:
        photos = photos_as_stored(origin.photos or {}, config.name)
    dims = FeatureDims.of(origin.facts)
    build = partial(
        build_model, run, dims, load_weights=False, photos=photos, network=origin.network
    )
    model = JointEnsemble([build() for _ in origin.members]) if origin.members else build()
    pixels = None if photos is None else pixels_of(config, photos)[0]
    return TrainedModel(run, origin, model.to(device), pixels, device)
