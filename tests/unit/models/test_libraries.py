"""What the libraries publish about their networks."""

import pytest
import timm
import torchvision

from seje_ray.models.libraries import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    BackboneError,
    Published,
    published,
    published_before,
    resolve,
)


@pytest.mark.parametrize(
    ("name", "interpolation"),
    [
        ("resnet50", "bilinear"),
        ("torchvision/swin_t", "bicubic"),
        ("timm/test_resnet", "bilinear"),
        ("timm/tf_efficientnet_lite0", "bicubic"),
        ("timm/vit_base_patch16_clip_224.openai", "bicubic"),
    ],
)
def test_the_library_says_how_a_photo_is_scaled(name, interpolation):
    assert published(name).interpolation == interpolation


def test_the_version_before_knew_one_interpolation_and_one_torchvision():
    """timm's mean and deviation it took as they are published."""
    imagenet = Published(IMAGENET_MEAN, IMAGENET_STD, "bilinear")

    assert published("efficientnet_v2_l").mean == (0.5,) * 3
    assert published_before("efficientnet_v2_l") == imagenet
    assert published_before("resnet50") == published("resnet50") == imagenet
    lite = published("timm/tf_efficientnet_lite0")
    assert published_before("timm/tf_efficientnet_lite0") == lite._replace(interpolation="bilinear")


def test_every_network_of_both_libraries_publishes_something_usable():
    """Also those without weights, of which nothing but the name is known."""
    names = [f"torchvision/{n}" for n in torchvision.models.list_models(module=torchvision.models)]
    names += [f"timm/{n}" for n in timm.list_models()]

    assert {len(published(name).mean) for name in names[::7]} == {3}


def test_a_tag_that_timm_does_not_know_is_told():
    with pytest.raises(BackboneError, match=r"timm/test_resnet\.mine: Invalid pretrained tag"):
        published("timm/test_resnet.mine")


def test_a_library_in_front_of_the_name_is_the_only_one_asked():
    assert resolve("resnet18") == ("torchvision", "resnet18")
    assert resolve("timm/resnet18") == ("timm", "resnet18")
    assert resolve("test_resnet.r160_in1k") == ("timm", "test_resnet.r160_in1k")
    with pytest.raises(BackboneError, match="did you mean"):
        resolve("torchvision/test_resnet")
