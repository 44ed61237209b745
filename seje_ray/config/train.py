"""The section ``train`` of a run file: length, batch and optimiser."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require

Augmentation = Literal["crop_flip", "rand_augment", "trivial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Length, batch and optimiser of the training."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    # training to start from: a folder of runs/ or of a checkpoint, of any workspace, or the name of
    # a training in this one; what does not fit is new. null: from nothing
    init_from: str | None = None
    num_epochs: int = 720  # at most; early stopping usually ends it sooner
    global_batch_size: int = 100  # pairs of a step, over all workers together
    learning_rate: float = 1e-4  # of the heads
    backbone_learning_rate: float | None = None  # of the image backbone; null: learning_rate
    # in (0, 1], factor of that rate from each block of the network to the one below; 1: none
    layer_decay: float = 1.0
    frozen_blocks: int = 0  # blocks of the image backbone, from the pixels on, that never learn
    # in [0, 1), stochastic depth of the image backbone's last block; each worker draws for itself
    drop_path: float = 0.0
    # random changes of a training photo: its window and flip, and RandAugment or TrivialAugment
    augmentation: Augmentation = "crop_flip"
    # in (0, 1), of a moving mean of the weights, which is validated and kept; null: none
    ema_decay: float | None = None
    # of a text tower, as text_layer_decay unused by other recipe encoders; null: learning_rate
    text_learning_rate: float | None = None
    # in (0, 1], what each layer of a text tower takes of the learning rate of the one above
    text_layer_decay: float = 1.0
    weight_decay: float = 0.0  # >= 0, decoupled (AdamW) where > 0
    warmup_steps: int = 0  # steps of a linear rise from 0 to the learning rate
    schedule: Literal["plateau", "cosine"] = "plateau"  # drop once without gain, or fall to 0
    lr_drop_patience: int = 3  # epochs without gain before the learning rates drop
    lr_drop_factor: float = 0.1  # in (0, 1), of that drop
    stop_patience: int = 10  # further epochs without gain before training stops
    # statistics of the image backbone: over the global batch, over each worker's rows, or as
    # they came with the weights
    batch_norm: Literal["global", "worker", "frozen"] = "global"
    # when the image backbone learns: always, after freeze_epochs, or in turn with the heads, which
    # begin, each for freeze_epochs. Unused if model.freeze_backbone is true
    freeze_schedule: Literal["none", "warm", "alternate"] = "none"
    freeze_epochs: int = 5  # unused if freeze_schedule is none
    # pairs that a worker's image backbone takes at once: less memory for a second pass; exact
    # unless its BatchNorm takes statistics of the batch. null: all
    micro_batch_size: int | None = None
    compile: bool = False  # by torch.compile; the first steps take minutes
    precision: Literal["bf16", "fp32"] = "bf16"  # autocast on CUDA
    # precision on CPUs, too, where they compute in bf16 (AVX-512 BF16, AMX); others take fp32
    precision_on_cpus: bool = False
    # in [0, 1), chance of a recipe to be trained on by its title, ingredients or steps alone
    partial_texts: float = 0.0
    max_pairs: int | None = None  # train pairs that are used, drawn by the seed; null: all
    max_val_pairs: int = 10_000  # val pairs that are embedded after each epoch
    # shards that a batch is drawn from: of no more than so many each worker holds all, of more its
    # part of so many; a multiple of the number of workers lets each read its share alone
    shuffle_window: int = 32
    # who decodes photos: threads of each worker; tasks on CPUs of the cluster that no worker holds
    # (threads in trials); or a worker's device, a GPU by nvJPEG, which needs torchcodec and rounds
    # otherwise. Unused if model.freeze_backbone is true
    decode: Literal["worker", "cluster", "device"] = "worker"
    # steps between checkpoints inside an epoch, which has 2,384 on Recipe1M; null: only at its end
    checkpoint_steps: int | None = 500
    hang_minutes: float | None = 30.0  # without a step before stacks are written; null: never
    # epochs between pictures of the hardest val negatives in TensorBoard, which the first and the
    # last epoch always have; null: none at all
    picture_epochs: int | None = 10

    def __post_init__(self) -> None:
        require(
            self,
            ("num_epochs", self.num_epochs >= 1, ">= 1"),
            ("global_batch_size", self.global_batch_size >= 2, ">= 2"),
            ("learning_rate", self.learning_rate > 0, "> 0"),
            (
                "backbone_learning_rate",
                self.backbone_learning_rate is None or self.backbone_learning_rate > 0,
                "> 0 or null",
            ),
            ("layer_decay", 0 < self.layer_decay <= 1, "in (0, 1]"),
            ("frozen_blocks", self.frozen_blocks >= 0, ">= 0"),
            ("drop_path", 0 <= self.drop_path < 1, "in [0, 1)"),
            (
                "ema_decay",
                self.ema_decay is None or 0 < self.ema_decay < 1,
                "in (0, 1) or null",
            ),
            (
                "text_learning_rate",
                self.text_learning_rate is None or self.text_learning_rate > 0,
                "> 0 or null",
            ),
            ("text_layer_decay", 0 < self.text_layer_decay <= 1, "in (0, 1]"),
            ("weight_decay", self.weight_decay >= 0, ">= 0"),
            ("warmup_steps", self.warmup_steps >= 0, ">= 0"),
            ("lr_drop_patience", self.lr_drop_patience >= 1, ">= 1"),
            ("lr_drop_factor", 0 < self.lr_drop_factor < 1, "in (0, 1)"),
            ("stop_patience", self.stop_patience >= 1, ">= 1"),
            ("freeze_epochs", self.freeze_epochs >= 1, ">= 1"),
            (
                "micro_batch_size",
                self.micro_batch_size is None or self.micro_batch_size >= 1,
                ">= 1 or null",
            ),
            ("partial_texts", 0 <= self.partial_texts < 1, "in [0, 1)"),
            ("max_pairs", self.max_pairs is None or self.max_pairs >= 2, ">= 2 or null"),
            ("max_val_pairs", self.max_val_pairs >= 2, ">= 2"),
            ("shuffle_window", self.shuffle_window >= 1, ">= 1"),
            (
                "checkpoint_steps",
                self.checkpoint_steps is None or self.checkpoint_steps >= 1,
                ">= 1 or null",
            ),
            (
                "hang_minutes",
                self.hang_minutes is None or self.hang_minutes > 0,
                "> 0 or null",
            ),
            (
                "picture_epochs",
                self.picture_epochs is None or self.picture_epochs >= 1,
                ">= 1 or null",
            ),
        )
