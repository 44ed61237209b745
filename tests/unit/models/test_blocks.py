"""Blocks of image networks: each parameter in one, from the pixels on."""

import pytest

from seje_ray.models.blocks import parameter_blocks
from seje_ray.models.image_backbone import create_backbone
from tests.text_models import SIDE, tiny_clip, tiny_siglip


@pytest.mark.parametrize(
    ("name", "num_blocks", "first", "last"),
    [
        ("timm/tf_efficientnet_lite0", 17, "conv_stem.", "blocks.6.0."),
        ("timm/vit_tiny_patch16_224", 13, "cls_token", "blocks.11."),
        ("efficientnet_b0", 9, "features.0.", "features.8."),
        ("resnet18", 6, "conv1.", "layer4."),
        ("shufflenet_v2_x0_5", 5, "conv1.", "conv5."),
    ],
)
def test_each_parameter_lies_in_one_block(name, num_blocks, first, last):
    """timm's own blocks, and those by name of torchvision."""
    network = create_backbone(name, weights=None, image_size=64).network

    blocks = parameter_blocks(network)

    assert len(blocks) == num_blocks
    names = [name for block in blocks for name in block]
    assert sorted(names) == sorted(name for name, _ in network.named_parameters())
    assert blocks[0][0].startswith(first)
    assert any(name.startswith(last) for name in blocks[-1])


def test_a_transformer_of_torchvision_has_a_block_per_layer():
    """What lies before and behind the layers has blocks of its own."""
    network = create_backbone("vit_b_32", weights=None, image_size=32).network

    blocks = parameter_blocks(network)

    layers = [block[0].split(".")[2] for block in blocks if "encoder_layer" in block[0]]
    assert layers == [f"encoder_layer_{n}" for n in range(12)]
    assert all(name.startswith("encoder.ln.") for name in blocks[-1])


@pytest.mark.parametrize(
    ("make", "before", "above"),
    [
        (tiny_clip, {"embeddings", "pre_layrnorm"}, {"post_layernorm"}),
        (tiny_siglip, {"embeddings"}, {"post_layernorm", "head"}),
    ],
)
def test_a_published_tower_has_a_block_before_and_one_above_its_layers(
    make, before, above, tmp_path
):
    """Norms and the pooling head lie above the last layer together, not each in one of its own."""
    name = f"transformers/{make(tmp_path)}"
    network = create_backbone(name, weights=None, image_size=SIDE).network

    first, *layers, last = parameter_blocks(network)

    assert {name.split(".")[1] for name in first} == before
    assert {name.split(".")[1] for name in last} == above
    numbers = [{name.split(".")[3] for name in layer} for layer in layers]
    assert numbers == [{str(n)} for n in range(network.network.config.num_hidden_layers)]
