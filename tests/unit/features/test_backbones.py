"""Stored features know their network: its weights, and how it sees a photo."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from seje_ray.config import BackboneConfig, load_run, named_run_file
from seje_ray.features.backbones import (
    changed_network,
    network_settings,
    network_weights,
    photos_as_stored,
    plan_before,
)
from seje_ray.features.model import pixels_of
from seje_ray.integrity import file_hash
from seje_ray.manifest import (
    Plan,
)
from seje_ray.models.backbone_weights import weights_hash
from seje_ray.models.image_backbone import create_backbone
from seje_ray.models.libraries import published

SMALL = "torchvision/shufflenet_v2_x0_5"
RUN = load_run(named_run_file("demo"))


def network(name="timm/test_resnet", weights=None):
    return BackboneConfig(name=name, weights=weights, resize=36, crop=32)


def plan_of(config, key="frozen"):
    section = {"other": 1, key: network_settings(RUN, config)}
    inputs = {"recipes": "r", **network_weights(config)}
    return Plan(kind="calibrated", section=section, inputs=inputs, seed=0)


def plan_of_the_version_before(config, **inputs):
    """As it wrote them: the run file's words, and the hash of a local file."""
    words = {"name": config.name, "weights": config.weights, "resize": 36, "crop": 32}
    section = {"other": 1, "frozen": words}
    return Plan(kind="calibrated", section=section, inputs={"recipes": "r", **inputs}, seed=0)


@pytest.fixture
def weights(tmp_path):
    """A file of weights for timm's smallest ResNet."""
    torch.manual_seed(3)
    path = tmp_path / "weights.safetensors"
    state = create_backbone("timm/test_resnet", weights=None, image_size=32).network.state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return str(path)


@pytest.fixture
def downloaded(tmp_path, monkeypatch):
    """torch's cache with what was downloaded for the small network; gives a way to replace it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = torchvision.models.get_model_weights("shufflenet_v2_x0_5").DEFAULT.url
    path = tmp_path / "hub" / "checkpoints" / Path(url).name
    path.parent.mkdir(parents=True)

    def download(seed):
        torch.manual_seed(seed)
        whole = torchvision.models.get_model("shufflenet_v2_x0_5", weights=None)
        torch.save(whole.state_dict(), path)
        return whole.state_dict()

    return download


def test_downloaded_weights_are_known_by_what_was_loaded(downloaded, tmp_path):
    """Equal ones of a file have the same hash; another download under the same name has not."""
    state = downloaded(1)
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "same.safetensors")

    first = network_weights(network(SMALL, "download"))
    of_file = network_weights(network(SMALL, str(tmp_path / "same.safetensors")))
    downloaded(2)
    second = network_weights(network(SMALL, "download"))

    assert first == of_file
    loaded = create_backbone(SMALL, weights=str(tmp_path / "same.safetensors"), image_size=32)
    assert first == {"weights": weights_hash(loaded.network)}
    assert second.keys() == first.keys()
    assert second != first


def test_a_file_of_weights_is_read_once_until_it_changes(tmp_path):
    """Other bytes under the same size and time are not looked at; another time is."""
    path, hashes = tmp_path / "w.safetensors", []
    for seed, time in ((0, 1), (1, 1), (1, 2)):
        torch.manual_seed(seed)
        built = create_backbone("timm/test_resnet", weights=None, image_size=32)
        save_file({k: v.contiguous() for k, v in built.network.state_dict().items()}, path)
        os.utime(path, ns=(time, time))
        hashes.append(network_weights(network(weights=str(path)))["weights"])

    assert hashes[0] == hashes[1]
    assert hashes[2] == weights_hash(built.network) != hashes[0]


def test_random_weights_have_no_hash():
    """They are of the run's seed; the categorizer's are an input of their own."""
    assert network_weights(network()) == {}
    assert network_weights(network(weights="categorizer")) == {}


def test_photos_are_scaled_as_the_weights_want_them():
    """A network without weights has seen no photo; the categorizer's is the categorizer's."""
    lite = "timm/tf_efficientnet_lite0"
    categorizer = replace(RUN.calibrate.image_categorizer, backbone=network(lite, "download"))
    run = replace(RUN, calibrate=replace(RUN.calibrate, image_categorizer=categorizer))

    assert pixels_of(network(lite))[0].interpolation == "bilinear"
    assert pixels_of(network(lite, "file"))[0].interpolation == "bicubic"
    assert pixels_of(network("timm/test_resnet", "download"))[0].interpolation == "bilinear"
    of_categorizer = network_settings(run, network(lite, "categorizer"))
    assert of_categorizer["interpolation"] == "bicubic"
    assert network_settings(RUN, network(lite, "categorizer"))["interpolation"] == "bilinear"


@pytest.mark.parametrize("key", ["mean", "std", "interpolation"])
def test_an_upgrade_that_changes_how_a_network_sees_is_another_plan(key, weights, monkeypatch):
    """As a new timm may; the words of the run file are the same."""
    config = network(weights=weights)
    before = plan_of(config)
    stock = timm.get_pretrained_cfg("test_resnet")
    value = "bicubic" if key == "interpolation" else (0.4, 0.5, 0.5)
    changed = replace(stock, **{key: value})
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda *_, **__: changed)

    after = plan_of(config)

    assert after != before
    before_and_after = {
        "mean": "mean [0.5, 0.5, 0.5] -> [0.4, 0.5, 0.5]",
        "std": "std [0.5, 0.5, 0.5] -> [0.4, 0.5, 0.5]",
        "interpolation": "interpolation bilinear -> bicubic",
    }
    told = changed_network(before, after, "frozen")
    assert told == f"timm/test_resnet: {before_and_after[key]}"


@pytest.mark.parametrize("kind", ["random", "file", "categorizer", "download"])
def test_features_of_the_version_before_are_taken_where_the_pixels_are_the_same(
    kind, weights, downloaded
):
    """Their plan had neither normalisation nor interpolation, and the hash of a file's bytes."""
    downloaded(1)
    config, inputs = {
        "random": (network(), {}),
        "file": (network(weights=weights), {"weights": file_hash(Path(weights))}),
        "categorizer": (network(weights="categorizer"), {}),
        "download": (network(SMALL, "download"), {}),
    }[kind]
    old = plan_of_the_version_before(config, **inputs)
    plan = plan_of(config)

    assert plan_before(plan, "frozen", config) == old != plan
    assert changed_network(old, plan, "frozen") is None


def test_features_of_other_pixels_are_not_taken_and_the_difference_is_told(weights):
    """A bicubic network, whose photos the version before scaled by bilinear interpolation."""
    config = network("timm/tf_efficientnet_lite0", "download")
    section = {"other": 1, "frozen": network_settings(RUN, config)}
    plan = Plan(kind="calibrated", section=section, inputs={"recipes": "r"}, seed=0)

    assert plan_before(plan, "frozen", config) is None
    told = changed_network(plan_of_the_version_before(config), plan, "frozen")
    assert told == "timm/tf_efficientnet_lite0: interpolation bilinear -> bicubic"


def test_other_weights_under_the_same_name_are_told(downloaded):
    config = network(SMALL, "download")
    downloaded(1)
    before = plan_of(config)
    downloaded(2)
    after = plan_of(config)

    assert changed_network(before, after, "frozen") == f"{SMALL}: other weights"
    assert changed_network(before, before, "frozen") is None


def test_what_is_stored_of_photos_says_how_they_were_seen():
    """By this version in its own words, by the one before through what it took for granted."""
    lite = "timm/tf_efficientnet_lite0"
    today = network_settings(RUN, network(lite, "download"))

    assert photos_as_stored(today, lite) == published(lite)
    assert photos_as_stored({"name": lite}, lite) == published(lite)._replace(
        interpolation="bilinear"
    )
