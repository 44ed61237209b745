"""Weights as people publish them: pickled, prefixed, with another classifier, or broken."""

import argparse
import subprocess
import sys
import zipfile

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from seje_ray.models.backbone_weights import fill
from seje_ray.models.libraries import BackboneError
from seje_ray.models.weights_file import read_weights, require_finite, without_prefix


def network():
    """A network without its classifier, ``fc``."""
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def filled(found, name="w.pth"):
    """A network with these weights, and what was said."""
    made = network()
    return made, fill(made, found, ("fc",), name="net", source=name)


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "module.encoder.", "_orig_mod."])
@pytest.mark.parametrize("holder", ["", "state_dict", "model"])
def test_a_checkpoint_of_a_training_is_read(tmp_path, prefix, holder):
    """As torch.save writes it, also beside an optimizer's state; other parts are left out."""
    torch.manual_seed(0)
    state = network().state_dict()
    saved = {prefix + key: value for key, value in state.items()}
    saved |= {"projector.weight": torch.ones(2, 2)} if prefix else {}
    path = tmp_path / "w.pth"
    torch.save({holder: saved, "epoch": 3, "best": 0.5} if holder else saved, path)

    made, said = filled(read_weights(str(path)))

    assert all(torch.equal(value, state[key]) for key, value in made.state_dict().items())
    expected = f"{prefix} taken away from the names of weights, and 1 weights of other parts left"
    assert [line.startswith(expected) for line in said] == [True] * bool(prefix)


def test_a_classifier_of_other_classes_is_left_out_and_said():
    """One of ImageNet's thousand needs no word."""
    state = network().state_dict()
    for classes, expected in ((1000, ()), (7, ("the classifier fc.weight of 7 classes left out",))):
        assert filled({**state, "fc.weight": torch.ones(classes, 4)})[1] == expected


def test_two_networks_in_one_file_are_refused():
    """Of a student and its teacher no one knows which is meant."""
    found = {
        f"{p}.{k}": v for p in ("student", "teacher") for k, v in network().state_dict().items()
    }
    with pytest.raises(BackboneError, match=r"several behind student\., teacher\.; keep those of"):
        filled(found)


def test_names_that_fit_are_never_changed():
    """Though a copy of them stands behind a prefix."""
    state = network().state_dict()
    both = state | {f"ema.{key}": value + 1 for key, value in state.items()}
    assert without_prefix(both, state, source="w")[1] == ""


def test_half_a_network_behind_a_prefix_is_not_taken():
    """The names that are missing are told as they are."""
    found = {f"module.{k}": v for k, v in network().state_dict().items() if "running" not in k}
    with pytest.raises(BackboneError, match=r"6 missing|missing \(0.bias"):
        filled(found)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(bad):
    with pytest.raises(BackboneError, match=r"found NaN or infinite ones in 0\.bias"):
        require_finite({"0.bias": torch.tensor([1.0, bad])}, source="w.pth")
    with pytest.raises(BackboneError, match="NaN or infinite"):
        filled(network().state_dict() | {"0.bias": torch.full((4,), bad)})


class Evil:
    """What a pickle can do."""

    def __reduce__(self):
        return (open, ("/nonexistent/owned", "w"))


def test_no_code_of_a_file_is_run(tmp_path):
    torch.save({"state_dict": network().state_dict(), "x": Evil()}, tmp_path / "w.pth")
    with pytest.raises(BackboneError, match="cannot be read without running code"):
        read_weights(str(tmp_path / "w.pth"))


def test_the_printed_conversion_keeps_the_weights(tmp_path):
    """The command of the message, really run, gives a file that is read."""
    state = network().state_dict()
    path = tmp_path / "it's.pth"
    torch.save({"args": argparse.Namespace(lr=1), "state_dict": state}, path)
    with pytest.raises(BackboneError) as error:
        read_weights(str(path))

    command = str(error.value).partition("convert it once: python ")[2]
    subprocess.run(f"{sys.executable} {command}", shell=True, check=True)

    converted = load_file(tmp_path / "it's.safetensors")
    assert converted.keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in converted.items())


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"PK\3\4"]
)
def test_damaged_files_are_one_error(tmp_path, content):
    (tmp_path / "w.bin").write_bytes(content)
    with pytest.raises(BackboneError, match=r"w\.bin: expected weights alone"):
        read_weights(str(tmp_path / "w.bin"))


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.ones(2)], torch.ones(2)])
def test_files_without_named_weights_are_one_error(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(BackboneError, match=r"w\.pt: expected tensors by name"):
        read_weights(str(tmp_path / "w.pt"))


def test_weights_that_are_packed_are_refused(tmp_path):
    """``torch.save`` stores numbers as they are; packed, a small file may fill the memory."""
    path = str(tmp_path / "w.pth")
    torch.save({"fc.weight": torch.zeros(1 << 20)}, path)
    assert read_weights(path)["fc.weight"].shape == (1 << 20,)
    with zipfile.ZipFile(path) as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    with pytest.raises(BackboneError, match=r"it unpacks to 4,\d+,\d+ bytes"):
        read_weights(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 64,
        (2**62).to_bytes(8, "little") + b"{}",
        (9).to_bytes(8, "little") + b"[" * 9,
    ],
    ids=["empty", "noise", "E13, a header of 2^62 bytes", "no header"],
)
def test_a_safetensors_file_that_is_none_is_one_line(tmp_path, content):
    """E12, E13: without memory for what its header says."""
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(BackboneError, match=r"w\.safetensors: not a safetensors file"):
        read_weights(str(tmp_path / "w.safetensors"))
