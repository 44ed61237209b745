"""Blocks of a network, from the pixels or tokens to its features."""

import re
from typing import Any

from torch import nn

from seje_ray.models.image_tower import ImageTower


def parameter_blocks(network: nn.Module) -> list[list[str]]:
    """Names of a network's parameters by block, in the order that photos pass them.

    A network of timm says itself what its blocks are; those of transformers go by ``depths``. In
    any other, names share a block that agree up to their first part with a digit (``layer2``,
    ``features.3``); one without a digit belongs to its module.

    Source: docs/method.md, rule 6.7.
    """
    names = [name for name, _ in network.named_parameters()]
    matcher: Any = getattr(network, "group_matcher", None)
    if matcher is not None:
        from timm.models import group_parameters

        known = group_parameters(network, matcher(coarse=False))
        return [list(known[number]) for number in sorted(known)]
    if isinstance(network, ImageTower):
        depth_of = depths(network)
        return [
            [n for n in names if depth_of[n] == depth] for depth in sorted({*depth_of.values()})
        ]
    blocks: dict[str, list[str]] = {}
    for name in names:
        blocks.setdefault(_block_of(name), []).append(name)
    return list(blocks.values())


def depths(network: nn.Module) -> dict[str, int]:
    """Depth of each parameter by name: 0 of embeddings, then layer by layer, then what is above.

    The layers are the longest list of modules; what is built before them is 0, too (CLIP's first
    norm).
    """
    lists = [
        (name, part) for name, part in network.named_modules() if isinstance(part, nn.ModuleList)
    ]
    prefix, layers = max(lists, key=lambda found: len(found[1]), default=("", nn.ModuleList()))
    found: dict[str, int] = {}
    is_above = not layers
    for name, _ in network.named_parameters():
        if layers and name.startswith(f"{prefix}."):
            found[name] = 1 + int(name.removeprefix(f"{prefix}.").split(".")[0])
            is_above = True
        else:
            found[name] = 1 + len(layers) if is_above and "embed" not in name else 0
    return found


def _block_of(name: str) -> str:
    parts = name.split(".")[:-1]
    numbered = [n for n, part in enumerate(parts) if re.search(r"\d", part)]
    return ".".join(parts[: numbered[0] + 1] if numbered else parts)
