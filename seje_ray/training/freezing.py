"""Parts of the model that a training changes, and when."""

from torch import nn

from seje_ray.config import TrainConfig
from seje_ray.models.joint_embedding import JointEmbedding


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
    if model.backbone is None:
        return
    if not trains_backbone:
        model.backbone.eval()
    elif config.batch_norm == "frozen":
        for module in model.backbone.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
