"""Blocks of an image network, from the pixels to its features."""

import re
from typing import Any

from timm.models import group_parameters
from torch import nn


def parameter_blocks(network: nn.Module) -> list[list[str]]:
    """Names of a network's parameters by block, in the order that photos pass them.

    A network of timm says itself what its blocks are. In any other, names share a block that agree
    up to their first part with a digit (``layer2``, ``features.3``, ``encoder.layers.7``); one
    without a digit belongs to its module.

    Source: docs/method.md, rule 6.7.
    """
    names = [name for name, _ in network.named_parameters()]
    matcher: Any = getattr(network, "group_matcher", None)
    if matcher is not None:
        known = group_parameters(network, matcher(coarse=False))
        return [list(known[number]) for number in sorted(known)]
    blocks: dict[str, list[str]] = {}
    for name in names:
        blocks.setdefault(_block_of(name), []).append(name)
    return list(blocks.values())


def _block_of(name: str) -> str:
    parts = name.split(".")[:-1]
    numbered = [n for n, part in enumerate(parts) if re.search(r"\d", part)]
    return ".".join(parts[: numbered[0] + 1] if numbered else parts)
