"""Image networks by name, without their classifier.

Letters: B photos, F pooled features.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seje_ray.models.backbone_weights import download_weights, fill
from seje_ray.models.hugging_face import read_config
from seje_ray.models.image_tower import image_tower
from seje_ray.models.libraries import (
    BackboneError,
    Channels,
    Library,
    Published,
    has_fixed_size,
    published,
    resolve,
    takes_only_squares,
    timm_network,
    timm_options,
)
from seje_ray.models.needless_bias import biases_before_batch_norm, fold_biases
from seje_ray.models.weights_file import read_weights

MIN_SIDE = 32  # pixels; the total stride of these networks, whose last maps would be empty
WITHOUT_DROP_PATH = "set train.drop_path to 0, or change model.backbone.name"
HEADS = ("fc", "classifier", "heads", "head")  # where torchvision keeps the classifier


class ImageBackbone(nn.Module):
    """From pixels to pooled features.

    Args:
        network: Gives (B, F) for (B, 3, height, width).
        feature_dim: F.
        mean: Per channel, of pixels in [0, 1], as the network was trained.
        std: Per channel.
        min_side: Smaller images are enlarged to this side, pixels.
        flip: Give the mean of an image's features and its mirror image's, but for training.
        scales: Give the mean over an image scaled by each, but for training.
    """

    _mean_value: Tensor  # of pixels in 0..255, (3, 1, 1)
    _std_value: Tensor
    looks_once: bool = False  # in evaluation, too: neither mirrored nor scaled
    said: tuple[str, ...] = ()  # what was done to make a file's weights fit, for a person

    def __init__(
        self,
        network: nn.Module,
        feature_dim: int,
        mean: Channels,
        std: Channels,
        min_side: int = MIN_SIDE,
        *,
        flip: bool = False,
        scales: Sequence[float] = (1.0,),
    ) -> None:
        super().__init__()
        self.network = network
        self.feature_dim = feature_dim
        self.min_side, self.flip, self.scales = min_side, flip, tuple(scales)
        for name, values in (("_mean_value", mean), ("_std_value", std)):
            per_channel = torch.tensor(values, dtype=torch.float32).view(3, 1, 1) * 255
            self.register_buffer(name, per_channel, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Pooled features (B, F) of images (B, 3, height, width), RGB in 0..255, any dtype."""
        values = images.to(self._mean_value.dtype, copy=True)
        images = values.sub_(self._mean_value).div_(self._std_value)
        if min(images.shape[-2:]) < self.min_side:
            size = [max(side, self.min_side) for side in images.shape[-2:]]
            images = F.interpolate(images, size, mode="bilinear", align_corners=False)
        found: list[Tensor] = [self.network(look) for look in self._looks(images)]
        return found[0] if len(found) == 1 else torch.stack(found).mean(0)

    def _looks(self, images: Tensor) -> Iterator[Tensor]:
        """The images as the network sees them, one after the other.

        Source: docs/method.md, rule 6.3.
        """
        if self.training or self.looks_once:
            yield images
            return
        for scale in self.scales:
            scaled = _scaled(images, scale)
            yield scaled
            if self.flip:
                yield scaled.flip(-1)


def _scaled(images: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return images
    size = [round(side * scale) for side in images.shape[-2:]]
    return F.interpolate(images, size, mode="bicubic", align_corners=False, antialias=True)


def create_backbone(
    name: str,
    *,
    weights: str | None,
    image_size: int,
    photos: Published | None = None,
    network: Mapping[str, Any] | None = None,
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
    drop_path: float = 0.0,
) -> ImageBackbone:
    """Build an image backbone.

    Args:
        name: ``torchvision/NAME``, ``timm/NAME``, NAME (torchvision's, or else timm's), or
            ``transformers/SOURCE``: see ``resolve``.
        weights: None for random ones from torch's generator, ``"download"`` for the library's,
            or the path of a file of weights with the library's key names (``weights_file``); its
            classifier is ignored.
        image_size: Side of the square images, pixels; a transformer is built for it.
        photos: How the network was trained to see them; None for what its library publishes.
        network: Configuration of a network of ``transformers``; None to read it at its source.
        flip: Of ``ImageBackbone``.
        scales: Of ``ImageBackbone``; other than 1 for networks that take any size.
        drop_path: Of stochastic depth in the last block, for networks that have it.

    Raises:
        BackboneError: If the name is unknown, the size does not suit the network, or the weights
            cannot be had or do not fit.
    """
    library, model = resolve(name)
    if any(scale != 1 for scale in scales) and takes_only_squares(name):
        raise BackboneError(
            f"{name}: takes images of one size, found backbone.scales {list(scales)}; expected [1]"
        )
    if library == "transformers":
        if drop_path > 0:
            raise BackboneError(f"{name}: is built without stochastic depth; {WITHOUT_DROP_PATH}")
        return _published_tower(name, model, weights, image_size, photos, network, flip=flip)
    build = _build_torchvision if library == "torchvision" else _build_timm
    try:
        built = build(model, image_size, drop_path)
    except (AssertionError, TypeError, ValueError, RuntimeError) as error:
        advice = WITHOUT_DROP_PATH if drop_path > 0 else "change backbone.crop or backbone.name"
        raise BackboneError(
            f"{name}: cannot be built for images of {image_size} pixels ({error}); {advice}"
        ) from error
    said: tuple[str, ...] = ()
    if weights == "download":
        found = download_weights(name, library, model, image_size)
        fill(built.network, found, built.head, name=name, source=f"the download of {name}")
    elif weights is not None:
        said = fill(built.network, read_weights(weights), built.head, name=name, source=weights)
    mean, std, _ = photos or published(name)
    backbone = ImageBackbone(
        built.network, built.feature_dim, mean, std, built.min_side, flip=flip, scales=scales
    )
    backbone.said = said
    with suppress(RuntimeError):  # of a network that looks at numbers: it keeps its biases
        example = torch.empty(2, 3, image_size, image_size, device="meta")
        fold_biases(backbone, biases_before_batch_norm(backbone, example))
    return backbone.to(memory_format=torch.channels_last)  # 1.3 times as fast, also on CPUs


def _published_tower(
    name: str,
    source: str,
    weights: str | None,
    image_size: int,
    photos: Published | None,
    network: Mapping[str, Any] | None,
    *,
    flip: bool,
) -> ImageBackbone:
    """The image tower of a CLIP or SigLIP."""
    if weights not in (None, "download"):
        raise BackboneError(
            f"{name}: expected backbone.weights download, its own, or null; found {weights!r}"
        )
    tower = image_tower(source, network, with_weights=weights is not None)
    own_size = tower.network.config.image_size
    if image_size != own_size:
        raise BackboneError(
            f"{name}: takes images of {own_size} pixels, found backbone.crop {image_size}"
        )
    mean, std, _ = photos or published(name)
    return ImageBackbone(tower, tower.feature_dim, mean, std, min_side=0, flip=flip)


class Construction(NamedTuple):
    """How its library builds a network; all that somebody needs to do so without this package."""

    library: Library
    name: str
    options: dict[str, Any]
    removed: tuple[str, ...] = ()  # layers that are replaced by none: the classifier


def construction(
    name: str, image_size: int, network: Mapping[str, Any] | None = None
) -> Construction:
    """The construction of the network ``name``, as ``create_backbone`` builds it.

    Args:
        name: As there.
        image_size: As there.
        network: As there.
    """
    library, model = resolve(name)
    match library:
        case "torchvision":
            import torchvision

            options = _torchvision_options(model, image_size)
            with torch.device("meta"):
                built = torchvision.models.get_model(model, weights=None, **options)
            return Construction(library, model, options, tuple(_classifier(built)))
        case "timm":
            return Construction(library, model, timm_options(model, image_size))
        case "transformers":
            config = read_config(model) if network is None else network
            return Construction(library, str(config["model_type"]), dict(config))
    assert_never(library)


class _Built(NamedTuple):
    """A random network without classifier."""

    network: nn.Module
    feature_dim: int
    min_side: int
    head: tuple[str, ...]  # prefixes of what was removed


def _build_torchvision(model: str, image_size: int, drop_path: float) -> _Built:
    import torchvision

    options = _torchvision_options(model, image_size)
    if drop_path > 0:
        options["stochastic_depth_prob"] = drop_path
    network = torchvision.models.get_model(model, weights=None, **options)
    removed = _classifier(network)
    classifier = network.get_submodule(removed[0])
    for name in removed:
        network.set_submodule(name, nn.Identity())
    head = (removed[0], "AuxLogits", "aux1", "aux2")
    min_side = 0 if takes_only_squares(f"torchvision/{model}") else MIN_SIDE
    return _Built(network, classifier.in_features, min_side, head)


def _torchvision_options(model: str, image_size: int) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if takes_only_squares(f"torchvision/{model}"):
        is_maxvit = model.startswith("maxvit")
        options |= {"input_size": (image_size,) * 2} if is_maxvit else {"image_size": image_size}
    if model in ("inception_v3", "googlenet"):
        # their published weights expect pixels in [-1, 1]; the network itself converts
        options |= {"aux_logits": False, "init_weights": True, "transform_input": True}
    return options


def _classifier(network: nn.Module) -> list[str]:
    """Names of the last linear layer, and of the dropouts around it."""
    head = next((name for name in HEADS if hasattr(network, name)), None)
    parts = [] if head is None else list(network.get_submodule(head).named_modules(prefix=head))
    linears = [(name, part) for name, part in parts if isinstance(part, nn.Linear)]
    if not linears:
        raise ValueError("it has no linear classifier to remove")
    last = linears[-1][0]
    return [last, *(name for name, part in parts if isinstance(part, nn.Dropout))]


def _build_timm(model: str, image_size: int, drop_path: float) -> _Built:
    network = timm_network(model, image_size, pretrained=False, drop_path=drop_path)
    removed = network.pretrained_cfg.get("classifier") or ()
    return _Built(
        network,
        getattr(network, "head_hidden_size", None) or network.num_features,
        0 if has_fixed_size(model) else MIN_SIDE,
        (removed,) if isinstance(removed, str) else tuple(removed),
    )
