"""A network that is no longer what it was: exactly what it made is made again."""

import json
import shutil
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file

from seje_ray.artifact import open_artifact
from seje_ray.errors import ArtifactError
from seje_ray.integrity import file_hash
from seje_ray.models.image_backbone import create_backbone
from seje_ray.pipeline.train import train
from seje_ray.schema import COMPONENT
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally, copied

PARTS = ("recipes", "calibrator", "calibrated", "cookbook-120-0")
NEW = ("mean", "std", "interpolation")  # what the version before did not store of a network


@pytest.fixture
def copy(cookbook, calibrated, tmp_path):
    """The calibrated cookbook in a workspace of the test's own."""
    return copied(cookbook, tmp_path, *PARTS)


def made_at(workspace):
    """When each artifact of phase I was finished, by the name of its folder."""
    folders = [workspace.recipes, workspace.calibrated]
    folders += sorted(path for path in workspace.calibrator.iterdir() if path.is_dir())
    return {folder.name: (folder / "manifest.json").stat().st_mtime_ns for folder in folders}


def changed(before, after):
    return {name for name, time in after.items() if before[name] != time}


def test_an_upgrade_that_normalises_otherwise_repeats_the_networks_stages(
    copy, monkeypatch, capsys
):
    """The categorizer and the photos' features: neither the recipes nor any fit on texts."""
    before = made_at(copy)
    stock = timm.get_pretrained_cfg("test_resnet")
    other = replace(stock, mean=(0.4, 0.5, 0.5))
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda *_, **__: other)

    again = calibrated_locally(tiny_run(), None, copy)

    assert changed(before, made_at(copy)) == {"image_categorizer", "calibrated"}
    assert again.calibrated.manifest.facts["image_features_of"]["mean"] == [0.4, 0.5, 0.5]
    told = "timm/test_resnet: mean [0.5, 0.5, 0.5] -> [0.4, 0.5, 0.5]"
    errors = capsys.readouterr().err
    assert f"image_categorizer is fitted again, since {told}" in errors
    assert f"photos are calibrated again, since {told}" in errors


def test_a_training_is_not_resumed_with_photos_seen_in_another_way(copy, trained, monkeypatch):
    """Half of its epochs would be of other pixels; one that is finished is given back."""
    shutil.copytree(trained.folder, copy.run("one"))
    other = replace(timm.get_pretrained_cfg("test_resnet"), mean=(0.4, 0.5, 0.5))
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda *_, **__: other)

    assert train(tiny_run(), copy, EXECUTOR, name="one").metrics == trained.metrics
    expected = r"timm/test_resnet saw photos in another way .*\(mean \[0.5, .* -> \[0.4, .*--run"
    with pytest.raises(ArtifactError, match=expected):
        train(tiny_run("train.num_epochs=3"), copy, EXECUTOR, name="one")


def rewrite(folder, change):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def without(settings):
    for name in (*NEW, "weights_hash"):
        settings.pop(name, None)


def as_the_version_before_left_it(workspace, weights):
    """The same bytes of data under manifests that say less of the networks."""

    def categorizer(stored):
        without(stored["plan"]["section"]["backbone"])
        stored["plan"]["inputs"]["weights"] = file_hash(weights)

    rewrite(workspace.component("image_categorizer"), categorizer)
    kind = f"{COMPONENT}image_categorizer"
    fitted = open_artifact(workspace.component("image_categorizer"), kind).content_hash
    rewrite(
        workspace.calibrator,
        lambda stored: stored["plan"]["inputs"].update(image_categorizer=fitted),
    )
    calibrator = workspace.open_calibrator().content_hash

    def calibrated(stored):
        without(stored["plan"]["section"]["frozen"])
        without(stored["facts"]["image_features_of"])
        stored["plan"]["inputs"]["calibrator"] = calibrator

    rewrite(workspace.calibrated, calibrated)


def test_features_of_the_version_before_are_taken_where_the_pixels_are_the_same(
    copy, tmp_path, monkeypatch, capsys
):
    """A bilinear network's as they are; a bicubic one, as most of timm's are, sees them anew."""
    torch.manual_seed(3)
    weights, name = tmp_path / "weights.safetensors", "timm/test_resnet"
    state = create_backbone(name, weights=None, image_size=32).network.state_dict()
    save_file({key: value.contiguous() for key, value in state.items()}, weights)
    run = tiny_run(f"calibrate.image_categorizer.backbone.weights={weights}")
    calibrated_locally(run, None, copy)
    as_the_version_before_left_it(copy, weights)
    before = made_at(copy)

    same = calibrated_locally(run, None, copy)

    assert changed(before, made_at(copy)) == set()
    assert same.calibrated.manifest.facts["image_features_of"].keys() == {
        "name", "weights", "resize", "crop"
    }  # fmt: skip

    bicubic = replace(timm.get_pretrained_cfg("test_resnet"), interpolation="bicubic")
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda *_, **__: bicubic)
    capsys.readouterr()
    calibrated_locally(run, None, copy)

    assert changed(before, made_at(copy)) == {"image_categorizer", "calibrated"}
    errors = capsys.readouterr().err
    told = f"{name}: interpolation bilinear -> bicubic"
    assert f"image_categorizer is fitted again, since {told}" in errors
    assert f"photos are calibrated again, since {told}" in errors
