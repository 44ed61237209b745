import socket

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional
from torchvision.transforms import functional as pixels

from seje_ray.config import BackboneConfig
from seje_ray.features.model import pixels_of
from seje_ray.models.backbone_weights import weights_hash
from seje_ray.models.image_backbone import ImageBackbone, create_backbone
from seje_ray.models.libraries import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    BackboneError,
    Published,
    takes_only_squares,
)

SMALL = "torchvision/shufflenet_v2_x0_5"  # 1.4 million parameters


@pytest.mark.parametrize(
    ("name", "side", "feature_dim"),
    [
        ("torchvision/resnet18", 64, 512),
        ("resnet50", 64, 2048),
        ("wide_resnet50_2", 64, 2048),
        ("resnext101_32x8d", 64, 2048),
        ("efficientnet_b0", 64, 1280),
        ("convnext_tiny", 64, 768),
        ("vit_b_16", 48, 768),
        ("maxvit_t", 224, 512),
        ("mobilenet_v3_small", 64, 1024),
        ("densenet121", 64, 1024),
        ("vgg11", 64, 4096),
        ("googlenet", 64, 1024),
        ("timm/resnet18", 64, 512),
        ("timm/mobilenetv3_small_050", 64, 1024),
        ("timm/vit_tiny_patch16_224", 48, 192),
    ],
)
def test_networks_of_both_libraries_give_pooled_features(name, side, feature_dim):
    """On the meta device: shapes without numbers."""
    with torch.device("meta"):
        backbone = create_backbone(name, weights=None, image_size=side).eval()
        features = backbone(torch.empty(2, 3, side, side))

    assert backbone.feature_dim == feature_dim
    assert features.shape == (2, feature_dim)


def test_bare_name_is_torchvisions_and_else_timms():
    with torch.device("meta"):
        ours = create_backbone("resnet18", weights=None, image_size=64)
        timms = create_backbone("test_resnet.r160_in1k", weights=None, image_size=64)

    assert type(ours.network).__module__.startswith("torchvision.")
    assert type(timms.network).__module__.startswith("timm.")


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("resnet18", IMAGENET_MEAN, IMAGENET_STD),
        ("timm/tf_efficientnet_lite0", (0.5,) * 3, (0.5,) * 3),
    ],
)
def test_pixels_are_normalised_as_the_network_was_trained(name, mean, std):
    """What the library publishes, and only what is asked for where that is another."""
    other = Published((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "bicubic")
    photo = torch.arange(3 * 40 * 40, dtype=torch.uint8).reshape(1, 3, 40, 40)
    for photos, expected in ((None, (mean, std)), (other, other[:2])):
        backbone = create_backbone(name, weights=None, image_size=64, photos=photos)
        backbone.network = torch.nn.Identity()

        plain = ImageBackbone(torch.nn.Identity(), 3, *expected)
        torch.testing.assert_close(backbone(photo), plain(photo))


def test_bytes_are_normalised_as_torchvision_does():
    backbone = ImageBackbone(torch.nn.Identity(), 3, IMAGENET_MEAN, IMAGENET_STD)
    photo = torch.arange(3 * 40 * 40, dtype=torch.uint8).reshape(3, 40, 40)

    expected = pixels.normalize(photo / 255, IMAGENET_MEAN, IMAGENET_STD)
    torch.testing.assert_close(backbone(photo[None])[0], expected)
    assert not backbone.state_dict()  # a checkpoint holds weights, no constants


@pytest.mark.parametrize("name", ["convnext_tiny", "resnet18", "vgg11"])
def test_tiny_crops_work(name):
    """convnext_tiny divides the side by 32: of 8 pixels nothing would be left."""
    with torch.device("meta"):
        backbone = create_backbone(name, weights=None, image_size=8).eval()
        assert backbone(torch.empty(2, 3, 8, 8)).shape == (2, backbone.feature_dim)


def test_only_images_below_the_least_side_are_enlarged():
    seen = []

    class Watch(torch.nn.Module):
        def forward(self, images):
            seen.append(images)
            return images.mean((2, 3))

    backbone = ImageBackbone(Watch(), 3, (0.5,) * 3, (0.5,) * 3, min_side=16)
    large = torch.randint(256, (1, 3, 17, 17), dtype=torch.uint8)
    small = torch.full((1, 3, 4, 4), 51, dtype=torch.uint8)
    backbone(large)
    backbone(small)

    torch.testing.assert_close(seen[0], large / 127.5 - 1)
    torch.testing.assert_close(seen[1], torch.full((1, 3, 16, 16), -0.6))


def test_dropout_around_the_classifier_is_gone():
    """``model.dropout`` is the one dropout there is: features are the same in training."""
    with torch.device("meta"):
        network = create_backbone("efficientnet_b0", weights=None, image_size=64).network

    assert not any(isinstance(part, torch.nn.Dropout) for part in network.modules())


def test_random_weights_come_from_the_seed():
    features = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        backbone = create_backbone(SMALL, weights=None, image_size=64).eval()
        features.append(backbone(torch.ones(1, 3, 64, 64)))

    assert torch.equal(features[0], features[1])
    assert not torch.allclose(features[0], features[2])


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("torchvision/resnet5", "torchvision/resnet50"),
        ("resnet5O", "torchvision/resnet50"),
        ("timm/tf_eficientnet_lite0", "timm/tf_efficientnet_lite0"),
        ("keras/resnet50", "torchvision/resnet50"),
    ],
)
def test_unknown_name_is_told_with_close_ones(name, suggested):
    with pytest.raises(BackboneError, match=f"'{name}': expected .*did you mean .*{suggested}"):
        create_backbone(name, weights=None, image_size=64)


def test_size_that_does_not_suit_is_told():
    with pytest.raises(BackboneError, match="vit_b_16: cannot be built for images of 50 pixels"):
        create_backbone("vit_b_16", weights=None, image_size=50)


def test_network_without_a_linear_classifier_is_told():
    with pytest.raises(BackboneError, match=r"squeezenet1_0: .*no linear classifier"):
        create_backbone("squeezenet1_0", weights=None, image_size=64)


@pytest.fixture(scope="module")
def state():
    """All weights of the small network, with a classifier, as a library publishes them."""
    torch.manual_seed(7)
    backbone = create_backbone(SMALL, weights=None, image_size=64)
    head = {"fc.weight": torch.ones(10, 1024), "fc.bias": torch.ones(10)}
    return {**backbone.network.state_dict(), **head}


def saved(state, tmp_path, drop=(), **changes):
    path = tmp_path / "weights.safetensors"
    kept = {key: value for key, value in state.items() if not key.endswith(tuple(drop) or "-")}
    save_file({key: value.contiguous() for key, value in {**kept, **changes}.items()}, path)
    return str(path)


def test_local_weights_are_loaded_and_the_classifier_is_ignored(state, tmp_path):
    path = saved(state, tmp_path)
    torch.manual_seed(8)

    backbone = create_backbone(SMALL, weights=path, image_size=64)

    found = backbone.network.state_dict()
    assert "fc.weight" not in found
    assert all(torch.equal(value, state[key]) for key, value in found.items())


def test_convolutions_have_their_channels_last(state, tmp_path):
    """With random weights and with read ones; it is how they are fastest."""
    channels_last = {"memory_format": torch.channels_last}
    for weights in (None, saved(state, tmp_path)):
        backbone = create_backbone(SMALL, weights=weights, image_size=64)

        first = backbone.network.conv1

        assert first[0].weight.is_contiguous(**channels_last)
        assert first(torch.ones(2, 3, 64, 64)).is_contiguous(**channels_last)


def test_counters_of_batch_norm_may_be_missing(state, tmp_path):
    """Older files have none, and in evaluation nothing reads them."""
    path = saved(state, tmp_path, drop=("num_batches_tracked",))

    backbone = create_backbone(SMALL, weights=path, image_size=64)

    assert torch.equal(backbone.network.conv1[0].weight, state["conv1.0.weight"])


def test_keys_that_do_not_fit_are_told_all_at_once(state, tmp_path):
    path = saved(
        state,
        tmp_path,
        drop=("running_mean",),
        **{"stage9.weight": torch.ones(1), "conv1.0.weight": torch.ones(2, 2)},
    )

    with pytest.raises(BackboneError) as error:
        create_backbone(SMALL, weights=path, image_size=64)

    message = str(error.value)
    num_missing = sum(key.endswith("running_mean") for key in state)
    assert message.startswith(f"{path}: the keys do not fit {SMALL}: {num_missing} missing (")
    assert "conv1.1.running_mean" in message
    assert "1 unknown (stage9.weight)" in message
    assert "1 of another shape (conv1.0.weight (2, 2) for (24, 3, 3, 3))" in message


def test_deeper_network_of_the_same_family_is_refused(tmp_path):
    """All keys of a ResNet-18 are in a ResNet-34, with the same shapes."""
    deeper = create_backbone("resnet34", weights=None, image_size=64).network.state_dict()
    path = saved(deeper, tmp_path)

    with pytest.raises(BackboneError, match="unknown"):
        create_backbone("resnet18", weights=path, image_size=64)


def test_equal_weights_have_one_hash_wherever_they_come_from(state, tmp_path):
    """Of a file or from memory, in any layout, with or without counters; one number counts."""
    backbone = create_backbone(SMALL, weights=saved(state, tmp_path), image_size=64)
    bare = create_backbone(
        SMALL, weights=saved(state, tmp_path, drop=("num_batches_tracked",)), image_size=64
    )
    changed = {**state, "conv5.1.bias": state["conv5.1.bias"] + 1e-6}
    other = create_backbone(SMALL, weights=saved(changed, tmp_path), image_size=64)

    assert weights_hash(backbone.network) == weights_hash(bare.network)
    assert weights_hash(backbone.to(memory_format=torch.contiguous_format).network) == (
        weights_hash(bare.network)
    )
    assert weights_hash(other.network) != weights_hash(backbone.network)


def test_missing_file_is_told(tmp_path):
    with pytest.raises(BackboneError, match=r"nowhere\.safetensors': there is no such file"):
        create_backbone(SMALL, weights=str(tmp_path / "nowhere.safetensors"), image_size=64)


def test_files_of_other_kinds_are_refused():
    with pytest.raises(BackboneError, match=r"'resnet18\.npz': expected null, download, or"):
        create_backbone(SMALL, weights="resnet18.npz", image_size=64)


def test_file_of_another_format_is_told(tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not weights at all")

    with pytest.raises(BackboneError, match=r"broken\.safetensors: not a safetensors file"):
        create_backbone(SMALL, weights=str(path), image_size=64)


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """A machine that resolves no host, and has downloaded nothing yet."""

    def unknown_host(*_args, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown_host)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", [SMALL, "timm/test_resnet"])
def test_failed_download_names_the_alternatives(name):
    with pytest.raises(BackboneError, match=f"download of {name} failed .*not known.*or null"):
        create_backbone(name, weights="download", image_size=64)

    assert socket.getdefaulttimeout() is None  # as it was


def test_network_that_has_no_weights_to_download_is_told():
    """Random weights must never pass for downloaded ones."""
    names = timm.list_models("coatnet_*")
    name = next(name for name in names if not timm.get_pretrained_cfg(name).has_weights)

    with torch.device("meta"), pytest.raises(BackboneError, match="timm has no weights for it"):
        create_backbone(f"timm/{name}", weights="download", image_size=224)


def test_real_imagenet_weights_tell_real_photos_apart(shared_data):
    """With the file's own classifier the features give confident ImageNet classes."""
    path = shared_data / "weights" / "tf_efficientnet_lite0.safetensors"
    backbone = create_backbone("timm/tf_efficientnet_lite0", weights=str(path), image_size=224)
    files = sorted((shared_data / "cookbook" / "images").rglob("*.jpg"))[:8]
    photos = []
    for file in files:
        with Image.open(file) as image:
            square = pixels.center_crop(pixels.resize(image.convert("RGB"), 256), 224)
        photos.append(pixels.pil_to_tensor(square))

    with torch.no_grad():
        features = backbone.eval()(torch.stack(photos))

    weights = load_file(path)
    logits = features @ weights["classifier.weight"].T + weights["classifier.bias"]
    confidence = logits.softmax(1).amax(1)
    assert features.shape == (8, 1280)
    assert float(confidence.median()) > 0.2  # chance is 0.001
    assert len(logits.argmax(1).unique()) > 1


def test_a_flipping_network_gives_the_mean_of_both_sides_but_for_training():
    """By hand, of rectangular images; in training each image passes once."""
    torch.manual_seed(0)
    plain = create_backbone(SMALL, weights=None, image_size=64).eval()
    both = create_backbone(SMALL, weights=None, image_size=64, flip=True).eval()
    both.load_state_dict(plain.state_dict())
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)

    with torch.no_grad():
        expected = (plain(images) + plain(images.flip(-1))) / 2
        torch.testing.assert_close(both(images), expected)
        torch.testing.assert_close(both.train()(images), plain.train()(images))


def test_a_network_of_several_scales_gives_the_mean_of_them_and_their_mirror_images():
    """By hand; one that looks once, and one in training, gives the photo's as it is."""
    torch.manual_seed(0)
    plain = create_backbone(SMALL, weights=None, image_size=64).eval()
    made = create_backbone(SMALL, weights=None, image_size=64, flip=True, scales=(1.0, 1.25)).eval()
    made.load_state_dict(plain.state_dict())
    mean, std = plain._mean_value, plain._std_value
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    normalised = (images.float() - mean) / std
    larger = functional.interpolate(normalised, (80, 120), mode="bicubic", antialias=True)

    with torch.no_grad():
        looks = [normalised, normalised.flip(-1), larger, larger.flip(-1)]
        expected = sum(plain.network(look) for look in looks) / 4
        torch.testing.assert_close(made(images), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(made.train()(images), plain.train()(images))
        made.eval().looks_once = True
        torch.testing.assert_close(made(images), plain.eval()(images))


def test_scales_need_a_network_that_takes_any_size():
    with pytest.raises(BackboneError, match=r"takes images of one size, found backbone.scales"):
        create_backbone("vit_b_16", weights=None, image_size=64, scales=(1.0, 1.5))


@pytest.mark.parametrize(
    ("name", "is_square"),
    [("resnet18", False), ("vit_b_16", True), ("timm/vit_tiny_patch16_224", True),
     ("timm/tf_efficientnet_lite0", False)],
)  # fmt: skip
def test_networks_that_take_one_square_are_known(name, is_square):
    """Their whole photo is squashed into that square."""
    assert takes_only_squares(name) == is_square
    spec = pixels_of(BackboneConfig(name=name, views=("crop", "whole")))[1]
    assert spec.size == ((224, 224) if is_square else (256, 192))


@pytest.mark.parametrize("name", ["efficientnet_b0", "timm/tf_efficientnet_lite0"])
def test_stochastic_depth_draws_in_training_alone(name):
    """Its weights and their names are those of the network without it."""
    torch.manual_seed(0)
    backbone = create_backbone(name, weights=None, image_size=32, drop_path=0.5)
    plain = create_backbone(name, weights=None, image_size=32)
    plain.load_state_dict(backbone.state_dict())
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)

    with torch.no_grad():
        torch.testing.assert_close(backbone.eval()(images), plain.eval()(images))
        assert not torch.equal(backbone.train()(images), backbone(images))


@pytest.mark.parametrize("name", ["resnet18", "timm/vgg11"])
def test_stochastic_depth_of_a_network_without_it_is_refused(name):
    """The line names the setting."""
    with pytest.raises(BackboneError, match=r"set train\.drop_path to 0"):
        create_backbone(name, weights=None, image_size=32, drop_path=0.5)
