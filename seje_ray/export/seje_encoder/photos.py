"""From a photo to its unit row: Pillow, an image network of a library, a head.

Letters: F features of the image network, E dimensions of a word vector, D of the joint space.
"""

import io
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn import functional as F

from .heads import Weights, beside_ridge, part, unit_rows

JPEG_QUALITY = 90
MIN_SIDE, MAX_ASPECT, MAX_PIXELS = 16, 8.0, 64_000_000  # of a photo that is none
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF", "HEIF")  # no programs
BROKEN = (  # what Pillow's decoders raise on what they cannot read
    OSError, SyntaxError, ValueError, EOFError, LookupError, ArithmeticError, RuntimeError,
    TypeError, struct.error, Image.DecompressionBombError,
)  # fmt: skip
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class PhotoSide:
    """Embeds photos.

    Args:
        config: Of the folder.
        weights: Of the folder.
        device: Where to compute.
    """

    def __init__(self, config: Mapping[str, Any], weights: Weights, device: str) -> None:
        self._config = config["photo"]
        self._word_dim: int = config["word_dim"]
        self._networks = {
            name: LibraryNetwork(settings, part(weights, f"networks.{name}"), device)
            for name, settings in config["networks"].items()
        }
        self._head, self._category = part(weights, "image_head"), part(weights, "category")
        self._ridge = part(weights, "ridge")
        self._device = device

    def embed(self, file: str | Path | bytes) -> Tensor:
        """Unit row (1, D) of a photo: its path, or the bytes of its file.

        Raises:
            ValueError: If it is no photo.
        """
        jpeg = as_jpeg(file, self._config["shorter_side"])
        views = [self._features("image", jpeg, view) for view in self._config["views"]]
        both = torch.cat([*views, self._category_vector(jpeg)], dim=1)
        rows, share = unit_rows(self._config["head"], self._head, both), self._config["ridge_share"]
        if not share:
            return rows
        ridge = F.linear(torch.cat(views, dim=1), self._ridge["weight"], self._ridge["bias"])
        return beside_ridge(share, rows, ridge)

    def inputs(self, file: str | Path | bytes) -> dict[str, np.ndarray]:
        """What image_encoder.onnx takes of one photo, (1, 3, height, width) float32 each."""
        jpeg, category = as_jpeg(file, self._config["shorter_side"]), self._config["category"]
        views = {("crop" if v["resize"] else "whole"): v for v in self._config["views"]}
        if category is not None and category["network"] == "category":
            views["category"] = category["view"]
        return {
            name: view_of(jpeg, view).transpose(2, 0, 1)[None].astype(np.float32)
            for name, view in views.items()
        }

    def _features(self, network: str, jpeg: bytes, view: Mapping[str, Any]) -> Tensor:
        pixels = torch.from_numpy(view_of(jpeg, view)).permute(2, 0, 1)[None]
        found: Tensor = self._networks[network](pixels.to(self._device))
        return found

    def _category_vector(self, jpeg: bytes) -> Tensor:
        """f_cat (1, E): the word vector of the food category that a network sees."""
        settings = self._config["category"]
        if settings is None:
            return torch.zeros(1, self._word_dim, device=self._device)
        features = self._features(settings["network"], jpeg, settings["view"])
        scores = F.linear(features, self._category["weight"], self._category["bias"])
        scores[:, 0] = -torch.inf  # background
        if settings["vector"] == "hard":
            return self._category["vectors"][scores.argmax(dim=1)]
        return scores.softmax(dim=1) @ self._category["vectors"]


class LibraryNetwork(nn.Module):
    """An image network without its classifier, and how it wants its pixels."""

    def __init__(self, settings: Mapping[str, Any], weights: Weights, device: str) -> None:
        super().__init__()
        self._network = library_network(settings)
        self._network.load_state_dict(weights)
        self.eval().to(device)
        self._min_side, self._flip = settings["min_side"], settings["flip"]
        self._scales: list[float] = settings["scales"]
        self._mean, self._std = (
            torch.tensor(settings[key], device=device).view(3, 1, 1) * 255
            for key in ("mean", "std")
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Features (1, F) of (1, 3, height, width), RGB in 0..255."""
        values = (pixels.float() - self._mean) / self._std
        if min(values.shape[-2:]) < self._min_side:
            size = [max(side, self._min_side) for side in values.shape[-2:]]
            values = F.interpolate(values, size, mode="bilinear", align_corners=False)
        looks = [_scaled(values, scale) for scale in self._scales]
        mirrored = [look.flip(-1) for look in looks] if self._flip else []
        return torch.stack([self._pooled(look) for look in (*looks, *mirrored)]).mean(0)

    def _pooled(self, values: Tensor) -> Tensor:
        found = self._network(values)
        pooled: Tensor = found if isinstance(found, Tensor) else found.pooler_output
        return pooled


def _scaled(values: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return values
    size = [round(side * scale) for side in values.shape[-2:]]
    return F.interpolate(values, size, mode="bicubic", align_corners=False, antialias=True)


def library_network(settings: Mapping[str, Any]) -> nn.Module:
    """A network of torchvision, timm or transformers with random weights, without classifier.

    Args:
        settings: ``library``, ``name``, ``options`` of its constructor, and ``removed``: layers
            that give what they get.
    """
    name, options = settings["name"], settings["options"]
    network: nn.Module
    if settings["library"] == "torchvision":
        import torchvision

        network = torchvision.models.get_model(name, weights=None, **options)
    elif settings["library"] == "timm":
        import timm

        network = timm.create_model(name, pretrained=False, **options)
    else:
        from transformers import AutoConfig, AutoModel

        whole: Any = AutoModel.from_config(  # type: ignore[no-untyped-call]
            AutoConfig.for_model(**options)
        )
        network = whole.vision_model
    for layer in settings["removed"]:
        network.set_submodule(layer, nn.Identity())
    return network


def as_jpeg(file: str | Path | bytes, shorter_side: int) -> bytes:
    """A photo as the training saw it: an upright RGB JPEG, not larger than it has to be.

    Args:
        file: Its path, or its bytes.
        shorter_side: Pixels; a smaller photo stays as it is.

    Raises:
        ValueError: If it is no photo.
    """
    data = file if isinstance(file, bytes) else Path(file).read_bytes()
    name = f"{len(data):,} bytes" if isinstance(file, bytes) else str(file)
    try:
        Image.init()
        known = [name for name in FORMATS if name in Image.OPEN]
        with Image.open(io.BytesIO(data), formats=known) as image:
            short, long = sorted(image.size)
            if short < MIN_SIDE or long > MAX_ASPECT * short or short * long > MAX_PIXELS:
                raise ValueError(f"{image.size[0]} x {image.size[1]} pixels")
            image.draft("RGB", (shorter_side, shorter_side))
            upright = _rgb(ImageOps.exif_transpose(image))
    except BROKEN as error:
        raise ValueError(f"{name}: expected a photo, found none ({error})") from error
    if (factor := shorter_side / min(upright.size)) < 1:
        width, height = (max(1, round(side * factor)) for side in upright.size)
        upright = upright.resize((width, height), RESAMPLING["bicubic"], reducing_gap=3.0)
    buffer = io.BytesIO()
    upright.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _rgb(image: Image.Image) -> Image.Image:
    """Eight bits per channel, on white where it is transparent."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        top = max(float(values.max()), 1e-12)
        full = next((limit for limit in (1.0, 255.0, 65535.0) if top <= limit), top)
        grey = (values.clip(0, full) * (255 / full)).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        if layer.getchannel("A").getextrema() == (0, 0):
            raise ValueError("transparent all over")
        ground = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def view_of(jpeg: bytes, view: Mapping[str, Any]) -> np.ndarray:
    """What the network sees of a photo, (height, width, 3) uint8.

    Args:
        jpeg: As ``as_jpeg`` gives it.
        view: ``size``, width and height in pixels; ``interpolation``; ``resize``, pixels of the
            shorter side before a centre crop, or None for all of the photo, squashed.
    """
    size, resize = tuple(view["size"]), view["resize"]
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        image.draft("RGB", size if resize is None else (resize, resize))
        width, height = image.size
        box = (0.0, 0.0, float(width), float(height))
        if resize is not None:
            scale = min(width, height) / resize
            left, top = (
                (side - resize * scale) / 2 + (resize - crop) / 2 * scale
                for side, crop in zip(image.size, size, strict=True)
            )
            right, bottom = left + size[0] * scale, top + size[1] * scale
            box = (max(0.0, left), max(0.0, top), min(width, right), min(height, bottom))
        window = image.convert("RGB").resize(size, RESAMPLING[view["interpolation"]], box=box)
    return np.array(window)
