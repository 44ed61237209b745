"""Parts of the model that a training changes, and when."""

from torch import nn

from seje_ray.config import TrainConfig
from seje_ray.errors import ConfigError
from seje_ray.models.blocks import parameter_blocks
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.models.text_tower import text_tower_of


def trained_parts(config: TrainConfig, epoch: int) -> tuple[bool, bool]:
    """Whether the image backbone and the heads are trained in an epoch, 0 for the first.

    ``warm``: the heads alone for the first ``freeze_epochs``, then both. ``alternate``: the heads
    alone for so many epochs, then the backbone alone for so many, and so on, as im2recipe does.
    """
    if config.freeze_schedule == "warm":
        return epoch >= config.freeze_epochs, True
    if config.freeze_schedule == "alternate":
        is_backbones_turn = epoch // config.freeze_epochs % 2 == 1
        return is_backbones_turn, not is_backbones_turn
    return True, True


def begin_epoch(model: JointEmbedding, config: TrainConfig, epoch: int) -> None:
    """Set the modes of ``model`` for training in an epoch, 0 for the first.

    A frozen backbone is as in evaluation, BatchNorm statistics included. BatchNorm of frozen
    heads continues with the batch's statistics: features change beneath it. Without a backbone, on
    stored features, there is nothing to take turns with.
    """
    trains_backbone, trains_heads = trained_parts(config, epoch)
    if model.backbone is None:
        trains_heads = True
    model.train()
    for name, child in model.named_children():
        child.requires_grad_(trains_backbone if name == "backbone" else trains_heads)
    if (tower := text_tower_of(model)) is not None:
        tower.keep_frozen()
    if model.backbone is None:
        return
    if not trains_backbone:
        model.backbone.eval()
        return
    if config.batch_norm == "frozen":
        for module in model.backbone.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
    freeze_first_blocks(model, config.frozen_blocks)


def freeze_first_blocks(model: JointEmbedding, num_blocks: int) -> None:
    """Take the gradients of the image network's first blocks, and set them to evaluation.

    Raises:
        ConfigError: If it has no more blocks than these.
    """
    if num_blocks == 0 or model.backbone is None:
        return
    network = model.backbone.network
    blocks = parameter_blocks(network)
    if num_blocks >= len(blocks):
        raise ConfigError(
            f"train.frozen_blocks: expected fewer than the {len(blocks)} blocks of the image "
            f"backbone, found {num_blocks}; model.freeze_backbone freezes all of them"
        )
    for name in (name for block in blocks[:num_blocks] for name in block):
        network.get_parameter(name).requires_grad_(False)
    for module in network.modules():
        own = list(module.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()
