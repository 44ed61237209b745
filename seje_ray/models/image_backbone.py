"""Image networks of torchvision and timm by name, without their classifier.

Letters: B photos, F pooled features.
"""

import difflib
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from huggingface_hub import hf_hub_url, try_to_load_from_cache
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from seje_ray.errors import SejeError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MIN_SIDE = 32  # pixels; the total stride of these networks, whose last maps else are empty
CONNECT_S = 5.0  # seconds without an answer after which a download is given up
HEADS = ("fc", "classifier", "heads", "head")  # where torchvision keeps the classifier


class BackboneError(SejeError):
    """An image backbone cannot be built or filled with weights; says why."""


class ImageBackbone(nn.Module):
    """From pixels to pooled features.

    Args:
        network: Gives (B, F) for (B, 3, height, width).
        feature_dim: F.
        mean: Per channel, of pixels in [0, 1], as the network was trained.
        std: Per channel.
        min_side: Smaller images are enlarged to this side, pixels.
    """

    _mean_value: Tensor  # of pixels in 0..255, (3, 1, 1)
    _std_value: Tensor

    def __init__(
        self,
        network: nn.Module,
        feature_dim: int,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        min_side: int = MIN_SIDE,
    ) -> None:
        super().__init__()
        self.network = network
        self.feature_dim = feature_dim
        self.mean, self.std = mean, std
        self._min_side = min_side
        for name, values in (("_mean_value", mean), ("_std_value", std)):
            per_channel = torch.tensor(values, dtype=torch.float32).view(3, 1, 1) * 255
            self.register_buffer(name, per_channel, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Pooled features (B, F) of square images (B, 3, side, side), RGB in 0..255, any dtype."""
        values = images.to(self._mean_value.dtype, copy=True)
        images = values.sub_(self._mean_value).div_(self._std_value)
        if images.shape[-1] < self._min_side:
            side = (self._min_side, self._min_side)
            images = F.interpolate(images, side, mode="bilinear", align_corners=False)
        features: Tensor = self.network(images)
        return features


def create_backbone(name: str, *, weights: str | None, image_size: int) -> ImageBackbone:
    """Build an image backbone.

    Args:
        name: ``torchvision/NAME``, ``timm/NAME``, or NAME (torchvision's, else timm's).
        weights: None for random ones from torch's generator, ``"download"`` for the library's,
            or the path of a .safetensors file with the library's key names; its classifier is
            ignored.
        image_size: Side of the square images, pixels; a transformer is built for it.

    Raises:
        BackboneError: If the name is unknown, the size does not suit the network, or the weights
            cannot be had or do not fit.
    """
    library, model = _resolve(name)
    build = _build_torchvision if library == "torchvision" else _build_timm
    try:
        backbone, head = build(model, image_size)
    except (AssertionError, TypeError, ValueError, RuntimeError) as error:
        raise BackboneError(
            f"{name}: cannot be built for images of {image_size} pixels ({error}); change "
            "backbone.crop or backbone.name"
        ) from error
    if weights is not None:
        source = f"the download of {name}" if weights == "download" else weights
        if weights == "download":
            found = _download(name, library, model, image_size)
        else:
            found = _read(weights)
        _fill(backbone.network, found, head, name=name, source=source)
    return backbone.to(memory_format=torch.channels_last)  # 1.3 times as fast, also on CPUs


def _resolve(name: str) -> tuple[str, str]:
    """Library and model name."""
    library, _, model = name.rpartition("/")
    known = {
        "torchvision": torchvision.models.list_models(module=torchvision.models),
        "timm": timm.list_models(),
    }
    for candidate in [library] if library else known:
        architecture = model.split(".")[0] if candidate == "timm" else model
        if architecture in known.get(candidate, ()):
            return candidate, model
    names = [f"{key}/{m}" for key, models in known.items() for m in models]
    full = name if library in known else f"torchvision/{model}"
    close = difflib.get_close_matches(full, names, n=3, cutoff=0.6)
    hint = f"did you mean {', '.join(close)}?" if close else "see timm.list_models()"
    raise BackboneError(
        f"backbone.name {name!r}: expected torchvision/NAME or timm/NAME with a name the library "
        f"knows; {hint}"
    )


def _build_torchvision(model: str, image_size: int) -> tuple[ImageBackbone, tuple[str, ...]]:
    """Random torchvision network without classifier, and the prefix of what was removed."""
    options: dict[str, Any] = {}
    is_fixed = model.startswith(("vit_", "maxvit"))
    if is_fixed:
        options = {"image_size": image_size}
        if model.startswith("maxvit"):
            options = {"input_size": (image_size, image_size)}
    if model in ("inception_v3", "googlenet"):
        # their published weights expect pixels in [-1, 1]; the network itself converts
        options = {"aux_logits": False, "init_weights": True, "transform_input": True}
    network = torchvision.models.get_model(model, weights=None, **options)
    removed, feature_dim = _remove_classifier(network)
    backbone = ImageBackbone(
        network, feature_dim, IMAGENET_MEAN, IMAGENET_STD, 0 if is_fixed else MIN_SIDE
    )
    return backbone, (removed, "AuxLogits", "aux1", "aux2")


def _remove_classifier(network: nn.Module) -> tuple[str, int]:
    """Cut the last linear layer, and the dropout around it; return its name and input size."""
    head = next((name for name in HEADS if hasattr(network, name)), None)
    parts = [] if head is None else list(network.get_submodule(head).named_modules(prefix=head))
    linears = [(name, part) for name, part in parts if isinstance(part, nn.Linear)]
    if not linears:
        raise ValueError("it has no linear classifier to remove")
    removed, classifier = linears[-1]
    for name, part in parts:
        if isinstance(part, nn.Dropout) or name == removed:
            network.set_submodule(name, nn.Identity())
    return removed, classifier.in_features


def _build_timm(model: str, image_size: int) -> tuple[ImageBackbone, tuple[str, ...]]:
    """Random timm network without classifier, and the prefixes of what was removed."""
    network = _timm_network(model, image_size, pretrained=False)
    config = network.pretrained_cfg
    removed = config.get("classifier") or ()
    backbone = ImageBackbone(
        network,
        getattr(network, "head_hidden_size", None) or network.num_features,
        tuple(config.get("mean", IMAGENET_MEAN)),
        tuple(config.get("std", IMAGENET_STD)),
        0 if _has_fixed_size(model) else MIN_SIDE,
    )
    return backbone, (removed,) if isinstance(removed, str) else tuple(removed)


def _timm_network(model: str, image_size: int, *, pretrained: bool) -> Any:
    options: dict[str, Any] = {"img_size": image_size} if _has_fixed_size(model) else {}
    return timm.create_model(model, pretrained=pretrained, num_classes=0, **options)


def _has_fixed_size(model: str) -> bool:
    """Whether a timm network is built for one image size."""
    config = timm.get_pretrained_cfg(model)
    return config is not None and bool(config.fixed_input_size)


def _fill(
    network: nn.Module,
    found: Mapping[str, Tensor],
    head: tuple[str, ...],
    *,
    name: str,
    source: str,
) -> None:
    """Put weights into ``network``; all of its own, and none but its own and the head's."""
    wanted = network.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
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
    network.load_state_dict({key: found[key] for key in wanted if key in found}, strict=False)


def _read(path: str) -> dict[str, Tensor]:
    if not path.endswith(".safetensors"):
        raise BackboneError(
            f"backbone.weights {path!r}: expected null, download, or the path of a .safetensors "
            "file; convert other formats with safetensors.torch.save_file"
        )
    if not Path(path).is_file():
        raise BackboneError(
            f"backbone.weights {path!r}: there is no such file (looked from {Path.cwd()}); give "
            "the path of a .safetensors file, download, or null"
        )
    try:
        return load_file(path)
    except SafetensorError as error:
        raise BackboneError(f"{path}: not a safetensors file ({error})") from error


def _download(name: str, library: str, model: str, image_size: int) -> dict[str, Tensor]:
    """Weights from the library's own source; gives up within seconds where none answers."""
    try:
        with _give_up_after(CONNECT_S):
            if library == "torchvision":
                chosen = torchvision.models.get_model_weights(model).DEFAULT
                state: dict[str, Tensor] = chosen.get_state_dict(
                    progress=False, check_hash=True, weights_only=True
                )
                return state
            _require_hub(model)
            return dict(_timm_network(model, image_size, pretrained=True).state_dict())
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip() or type(error).__name__
        raise BackboneError(
            f"backbone.weights: the download of {name} failed ({reason.splitlines()[0]}); give the "
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


def _require_hub(model: str) -> None:
    """Raise OSError if timm's weights are not there; timm itself would try for a minute."""
    config = timm.get_pretrained_cfg(model)
    if config is None or not config.has_weights:
        raise ValueError("timm has no weights for it")
    if config.hf_hub_id is None:
        return
    file = "model.safetensors"
    if isinstance(try_to_load_from_cache(config.hf_hub_id, file), str):
        return
    request = urllib.request.Request(hf_hub_url(config.hf_hub_id, file), method="HEAD")
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as answer:
        answer.close()  # the hub is there; what it says about this file, timm will tell
