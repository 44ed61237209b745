"""Weights of image networks: read, downloaded, put into a network, and identified by a hash."""

import hashlib
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from seje_ray.errors import first_line
from seje_ray.hub import CONNECT_S, require_hub
from seje_ray.models.libraries import BackboneError, Library, timm_network
from seje_ray.models.weights_file import require_finite, without_prefix

COUNTER = "num_batches_tracked"  # what BatchNorm counts its batches by
NUM_PUBLISHED_CLASSES = 1000  # ImageNet's: leaving them out needs no word


def weights_hash(network: nn.Module) -> str:
    """sha256 of a network's weights by name, wherever they came from and however they lie.

    Counters of BatchNorm do not count: some files have none, and no feature depends on them.
    """
    content = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        if not name.endswith(COUNTER):
            content.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            content.update(value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return content.hexdigest()


def fill(
    network: nn.Module,
    found: Mapping[str, Tensor],
    head: tuple[str, ...],
    *,
    name: str,
    source: str,
) -> tuple[str, ...]:
    """Put weights into ``network``; all of its own, and none but its own and the head's.

    A prefix that a training put before the names is taken away.

    Args:
        network: Without classifier.
        found: Weights with the library's key names.
        head: Prefixes of what was removed from the network.
        name: Of the network, for errors.
        source: Of the weights, for errors.

    Returns:
        What was done to make them fit, for a person.

    Raises:
        BackboneError: If they do not fit, or are no numbers; names the keys.
    """
    wanted = network.state_dict()
    counters = {key for key in wanted if key.endswith(COUNTER)}
    num_found = len(found)
    found, prefix = without_prefix(found, wanted.keys() - counters, source=source)
    missing = sorted(wanted.keys() - found.keys() - counters)
    unknown = sorted(
        key
        for key in found.keys() - wanted.keys()
        if not key.startswith(tuple(f"{h}." for h in head))
    )
    other_shape = [
        f"{key} {tuple(found[key].shape)} for {tuple(wanted[key].shape)}"
        for key in sorted(wanted.keys() & found.keys())
        if found[key].shape != wanted[key].shape
    ]
    faults = {"missing": missing, "unknown": unknown, "of another shape": other_shape}
    told = [
        f"{len(keys)} {fault} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for fault, keys in faults.items()
        if keys
    ]
    if told:
        raise BackboneError(
            f"{source}: the keys do not fit {name}: {'; '.join(told)}; give the weights of this "
            "very network, or backbone.weights: null"
        )
    own = {key: found[key] for key in wanted if key in found}
    require_finite(own, source=source)
    network.load_state_dict(own, strict=False)
    return tuple(_said(found, head, prefix, num_found - len(found)))


def _said(
    found: Mapping[str, Tensor], head: tuple[str, ...], prefix: str, num_others: int
) -> Iterator[str]:
    """What was taken away."""
    if prefix:
        others = f", and {num_others:,} weights of other parts left out" if num_others else ""
        yield f"{prefix} taken away from the names of weights{others}"
    for key, value in found.items():
        is_classifier = key.startswith(tuple(f"{h}." for h in head)) and value.dim() > 1
        if is_classifier and len(value) != NUM_PUBLISHED_CLASSES:
            yield f"the classifier {key} of {len(value):,} classes left out"


def download_weights(name: str, library: Library, model: str, image_size: int) -> dict[str, Tensor]:
    """Weights from the library's own source; gives up within seconds where none answers.

    Raises:
        BackboneError: If they cannot be had.
    """
    try:
        with _give_up_after(CONNECT_S):
            if library == "torchvision":
                import torchvision

                chosen = torchvision.models.get_model_weights(model).DEFAULT
                state: dict[str, Tensor] = chosen.get_state_dict(
                    progress=False, check_hash=True, weights_only=True
                )
                return state
            _require_published(model)
            return dict(timm_network(model, image_size, pretrained=True).state_dict())
    except (OSError, RuntimeError, ValueError) as error:
        raise BackboneError(
            f"backbone.weights: the download of {name} failed ({first_line(error)}); give the "
            "path of a local .safetensors file, or null for random weights"
        ) from error


@contextmanager
def _give_up_after(seconds: float) -> Iterator[None]:
    """Within: a connection that is silent for so long is an error, where no other limit is set."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _require_published(model: str) -> None:
    """Raise an error if timm's weights are not there; timm itself would try for a minute."""
    import timm

    config = timm.get_pretrained_cfg(model)
    if config is None or not config.has_weights:
        raise ValueError("timm has no weights for it")
    if config.hf_hub_id is not None:
        require_hub(config.hf_hub_id, "model.safetensors")
