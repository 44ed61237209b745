"""Image networks that a test can fit in a moment."""

import numpy as np
import torch
from torch import nn


class Scaled(nn.Module):
    """Pixels as numbers from -1 to 1, as an image network expects them."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float() / 127.5 - 1


class TinyBackbone(nn.Module):
    """A convolution with batch norm and dropout, pooled: all that can go wrong on resume."""

    feature_dim = 4

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            self.layers = nn.Sequential(
                Scaled(), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.1)
            )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels).mean(dim=(2, 3))


def accuracy(categorizer, photos):
    """Share of the photos whose most probable category is their own."""
    pairs = [
        (categorizer.predict(torch.from_numpy(batch.pixels)).argmax(dim=1).numpy(), batch)
        for batch in photos.in_order()
    ]
    return np.mean(np.concatenate([found == batch.category_ids for found, batch in pairs]))
