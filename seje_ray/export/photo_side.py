"""The photo side of a training as plain data."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seje_ray.calibration.image_categorizer import category_word_vectors
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config.backbone import BackboneConfig
from seje_ray.export.seje_encoder.photos import library_network
from seje_ray.export.side import Side, Weights, below
from seje_ray.features.backbones import calibrated_photos, photos_as_stored
from seje_ray.features.encoder import EncoderParts
from seje_ray.features.photos import PhotoNetworks
from seje_ray.models.image_backbone import ImageBackbone, construction
from seje_ray.models.image_tower import ImageTower
from seje_ray.models.libraries import Published
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.workspace import component_folder

PACKAGES = {"torchvision": "torchvision", "timm": "timm", "transformers": "transformers"}


@dataclass(frozen=True, slots=True)
class ImageNetwork:
    """An image network of a model, and what it sees of a photo."""

    backbone: ImageBackbone
    config: BackboneConfig  # that it was built from
    photos: Published
    views: tuple[PixelSpec, ...]
    built_from: dict[str, Any] | None = None  # its configuration, of a library that reads one


@dataclass(frozen=True, slots=True)
class PhotoParts:
    """All that a photo goes through before the head."""

    image: ImageNetwork
    category: ImageNetwork | None  # of the image categorizer, where the model reads f_cat
    layer: tuple[Tensor, Tensor] | None  # weight and bias of its categories
    category_vectors: Tensor | None  # (C, E)
    are_one: bool  # both networks are the same


def photo_parts(parts: EncoderParts) -> PhotoParts:
    """The networks that the photos of a training go through."""
    run, trained = parts.run, parts.trained
    calibrate = run.calibrate.image_categorizer
    seen = calibrated_photos(run, parts.calibrator, parts.calibrated)
    networks = PhotoNetworks.load(run, parts.calibrator, seen)
    own = trained.single.backbone
    if own is not None:
        config = run.model.backbone
        photos = photos_as_stored(trained.origin.photos or {}, config.name)
        assert trained.pixels is not None
        pixels = (trained.pixels,)
        image = ImageNetwork(own, config, photos, pixels, trained.origin.network)
    else:
        assert networks.stored is not None
        assert seen.stored is not None
        config = run.model.backbone
        image = ImageNetwork(networks.stored, config, seen.stored, networks.views)
    categorizer = networks.categorizer
    if not (run.model.use_image_category and categorizer.is_fitted):
        return PhotoParts(image, None, None, None, are_one=False)
    words = WordVectors.load(component_folder(parts.calibrator, "word_vectors"))
    vectors = torch.from_numpy(category_word_vectors(categorizer.names, words))
    backbone = categorizer.backbone
    assert isinstance(backbone, ImageBackbone)
    category = ImageNetwork(backbone, calibrate.backbone, seen.categorizer, (networks.pixels,))
    layer = (categorizer.layer.weight.detach(), categorizer.layer.bias.detach())
    return PhotoParts(image, category, layer, vectors, own is None and networks.are_one)


def photo_side(parts: EncoderParts, found: PhotoParts) -> Side:
    """Settings and weights of the photo side.

    Args:
        parts: Of the training.
        found: Of the same, by ``photo_parts``.
    """
    model = parts.trained.single
    networks = {"image": found.image}
    weights = below(model.state_dict(), "image_head.projection", "image_head")
    weights |= below(model.state_dict(), "image_head.ridge", "ridge")
    category = None
    if found.category is not None:
        assert found.layer is not None
        assert found.category_vectors is not None
        if not found.are_one:
            networks["category"] = found.category
        category = {
            "network": "image" if found.are_one else "category",
            "view": view_settings(found.category.views[0]),
            "vector": parts.run.calibrate.image_categorizer.vector,
        }
        weights |= {
            "category.weight": found.layer[0],
            "category.bias": found.layer[1],
            "category.vectors": found.category_vectors,
        }
    described = {name: network_settings(network) for name, network in networks.items()}
    for name, network in networks.items():
        plain = plain_weights(network.backbone, described[name])
        weights |= {f"networks.{name}.{key}": value for key, value in plain.items()}
    settings = {
        "shorter_side": parts.run.data.shorter_side,
        "views": [view_settings(view) for view in found.image.views],
        "head": parts.run.model.head,
        "ridge_share": parts.run.model.used_ridge_share,
        "category": category,
    }
    packages = tuple(dict.fromkeys(PACKAGES[one["library"]] for one in described.values()))
    return Side(settings, weights, described, packages=packages)


def network_settings(network: ImageNetwork) -> dict[str, Any]:
    """An entry of ``networks`` in config.json."""
    built = construction(network.config.name, network.config.crop, network.built_from)
    return {
        **built._asdict(),
        "removed": list(built.removed),
        "mean": list(network.photos.mean),
        "std": list(network.photos.std),
        "min_side": network.backbone.min_side,
        "flip": network.backbone.flip,
        "scales": list(network.backbone.scales),
    }


def plain_weights(backbone: ImageBackbone, settings: dict[str, Any]) -> Weights:
    """Weights as the library's own network has them.

    Ours lacks biases that a BatchNorm takes away (``models.needless_bias``); there they are zero.
    """
    network = backbone.network
    own = (network.network if isinstance(network, ImageTower) else network).state_dict()
    plain = library_network(settings).state_dict()
    gone = plain.keys() - own.keys()
    assert all(name.endswith(".bias") for name in gone), gone
    weights = own | {name: torch.zeros_like(plain[name]) for name in gone}
    return {name: weights[name] for name in plain}


def view_settings(pixels: PixelSpec) -> dict[str, Any]:
    """A view of a photo in config.json."""
    return {
        "size": list(pixels.size),
        "resize": None if pixels.whole_size is not None else pixels.resize,
        "interpolation": pixels.interpolation,
    }
