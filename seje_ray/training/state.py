"""A checkpoint: everything a training needs to resume as if it had never stopped.

One folder: ``model.safetensors`` and ``discriminator.safetensors`` (weights), ``optimizers.pt``
(read with ``weights_only=True``), ``progress.json`` (epoch, step, sums of the epoch's metrics,
scores, patience, history, version of the random streams) and ``run.json`` (the complete run and
what it was calibrated on). Where a moving mean of the weights is kept, ``model.safetensors`` is
that mean, and ``trained.safetensors`` the weights that go on learning. All random draws are
functions of (seed, epoch, step), so there is no generator's state to keep.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer

from seje_ray.artifact import write_json
from seje_ray.calibration.lexical import Lexicon
from seje_ray.config import RunConfig, run_to_dict
from seje_ray.distributed.dropout import PaddedDropout
from seje_ray.durable import written
from seje_ray.errors import ArtifactError, first_line
from seje_ray.features.checkpoint import Origin
from seje_ray.features.model import FeatureDims, build_discriminator, build_model
from seje_ray.models.recipe_encoder import present_name
from seje_ray.random_streams import STREAMS, STREAMS_BEFORE_PADDING
from seje_ray.training.averaging import averaged_copy, update_average
from seje_ray.training.epoch_order import OrderKind
from seje_ray.training.freezing import freeze_first_blocks
from seje_ray.training.optimisation import (
    discriminator_optimizer,
    load_optimizer_state,
    model_optimizer,
    without_biases_gone,
)

TRAINED_FILE = "trained.safetensors"
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    AttributeError,
    RuntimeError,
    SafetensorError,
    UnpicklingError,
)


@dataclass(slots=True)
class Progress:
    """Progress of a training, and the numbers that its decisions rest on."""

    num_epochs: int = 0  # finished ones
    step: int = 0  # finished steps of the epoch after these; 0 between epochs
    sums: dict[str, float] = field(default_factory=dict)  # of that epoch's metrics, over its steps
    order: OrderKind = "windows"  # that it was begun in; versions before lanes did not note it
    best_score: float = -1.0  # selection score: docs/method.md, rule 6.2
    best_epoch: int = 0
    epochs_without_gain: int = 0
    lr_dropped: bool = False
    stopped_early: bool = False
    history: list[dict[str, float]] = field(default_factory=list)  # one entry per epoch

    def is_finished(self, num_epochs: int) -> bool:
        """Whether training ends here: early, or after ``num_epochs``."""
        return self.stopped_early or self.num_epochs >= num_epochs

    def note(self, score: float, *, drop_patience: int | None, stop_patience: int) -> bool:
        """Count one finished epoch; return whether the learning rates drop now.

        After ``drop_patience`` epochs without gain the rates drop once; after ``stop_patience``
        more without gain training stops. Where ``drop_patience`` is None nothing drops, and
        training stops after ``stop_patience`` epochs without gain.

        Source: docs/method.md, rule 6.1.
        """
        self.num_epochs += 1
        if score > self.best_score:
            self.best_score, self.best_epoch = score, self.num_epochs
            self.epochs_without_gain = 0
            return False
        self.epochs_without_gain += 1
        if drop_patience is not None and not self.lr_dropped:
            self.lr_dropped = self.epochs_without_gain >= drop_patience
            if self.lr_dropped:
                self.epochs_without_gain = 0
            return self.lr_dropped
        self.stopped_early = self.epochs_without_gain >= stop_patience
        return False


@dataclass(frozen=True, slots=True)
class TrainingState:
    """All that changes during training."""

    model: nn.Module  # not wrapped
    discriminator: nn.Module
    optimizer: Optimizer
    discriminator_optimizer: Optimizer
    progress: Progress
    average: nn.Module | None = None  # of the model's weights over its last steps

    @property
    def evaluated(self) -> nn.Module:
        """The model that is validated and kept: the average where there is one."""
        return self.model if self.average is None else self.average

    def begin_average(self) -> None:
        """Let the average, where there is one, begin anew from the weights as they are."""
        if self.average is not None:
            self.average.load_state_dict(self.model.state_dict())

    def move_average(self, decay: float | None, step: int) -> None:
        """Take a step of the training, 0 for the first, into the average where there is one."""
        if self.average is not None and decay is not None:
            update_average(self.average, self.model, decay, step)

    @classmethod
    def new(
        cls,
        run: RunConfig,
        dims: FeatureDims,
        device: torch.device,
        *,
        load_weights: bool,
        lexicon: Lexicon | None = None,
    ) -> "TrainingState":
        """State before the first step.

        Args:
            run: The run.
            dims: Sizes of the calibrated features.
            device: Where the modules are.
            load_weights: False if a checkpoint is loaded right after.
            lexicon: What the lexical bag begins with, where the model has one.
        """
        model = build_model(run, dims, load_weights=load_weights, lexicon=lexicon).to(device)
        freeze_first_blocks(model, run.train.frozen_blocks)  # before DDP, which leaves them out
        discriminator = build_discriminator(run).to(device)
        optimizers = model_optimizer(model, run), discriminator_optimizer(discriminator, run.loss)
        if model.backbone is not None:
            model.backbone.looks_once = True  # also while it is validated: quicker
        average = None if run.train.ema_decay is None else averaged_copy(model)
        return cls(model, discriminator, *optimizers, Progress(), average)

    def save(self, folder: Path, run: RunConfig, origin: Origin) -> None:
        """Write a checkpoint into the existing empty ``folder``."""
        save_file(_contiguous(self.evaluated), folder / "model.safetensors")
        if self.average is not None:
            save_file(_contiguous(self.model), folder / TRAINED_FILE)
        save_file(_contiguous(self.discriminator), folder / "discriminator.safetensors")
        optimizers = [self.optimizer.state_dict(), self.discriminator_optimizer.state_dict()]
        with written(folder / "optimizers.pt") as file:
            torch.save(optimizers, file)
        write_json(folder / "progress.json", asdict(self.progress) | {"streams": STREAMS})
        write_json(folder / "run.json", {"run": run_to_dict(run), "origin": asdict(origin)})

    def load(self, folder: Path, device: torch.device) -> str | None:
        """Read a checkpoint into the modules, optimisers and progress of this state.

        Returns:
            What a person has to know, in one line: an epoch that older streams began is not
            ended with their draws.

        Raises:
            ArtifactError: If it cannot be read.
        """
        try:
            return self._load(folder, device)
        except UNREADABLE as error:
            raise ArtifactError(
                f"{folder}: this checkpoint cannot be read ({first_line(error)}); delete it, and "
                "repeat the command to resume from an older one, or to begin anew"
            ) from error

    def _load(self, folder: Path, device: torch.device) -> str | None:
        weights = load_file(folder / "model.safetensors", device=str(device))
        if self.average is not None:
            self.average.load_state_dict(weights)
            weights = load_file(folder / TRAINED_FILE, device=str(device))
        optimizers = torch.load(folder / "optimizers.pt", map_location=device, weights_only=True)
        stored = {present_name(name) for name in weights}
        moments = without_biases_gone(optimizers[0], self.optimizer, self.model, stored)
        self.model.load_state_dict(weights)
        load_optimizer_state(self.optimizer, moments)
        weights = load_file(folder / "discriminator.safetensors", device=str(device))
        self.discriminator.load_state_dict(weights)
        load_optimizer_state(self.discriminator_optimizer, optimizers[1])
        known = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
        streams = known.pop("streams", None)
        has_streams = streams == STREAMS or (
            streams == STREAMS_BEFORE_PADDING and not _leaves_out_terms(self.model)
        )
        for name, value in known.items():
            setattr(self.progress, name, value)
        if has_streams or self.progress.step == 0:
            return None
        return (
            f"{folder.name} lies inside an epoch that a version with other random streams began: "
            "the rest of this epoch is drawn anew"
        )


def _leaves_out_terms(model: nn.Module) -> bool:
    """Whether a training step leaves out terms of lexical bags."""
    return any(isinstance(part, PaddedDropout) and part.p > 0 for part in model.modules())


def _contiguous(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.contiguous() for name, value in module.state_dict().items()}
