"""Photos decoded on a worker's device: what Pillow shows of them, but for rounding."""

import io
from itertools import chain

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from seje_ray.errors import ResourceError
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.training.decoding import Decoders
from seje_ray.training.device_decoding import DeviceDecoders, jpeg_decoder
from seje_ray.training.pairs import PairLoader
from tests.devices import DEVICES
from tests.unit.training.tiny_data import write_shards

try:
    jpeg_decoder()
except ResourceError as error:
    pytest.skip(str(error), allow_module_level=True)

CPU = torch.device("cpu")
SPECS = {
    "as it is": PixelSpec(48, 32),  # of photos of 60 x 48
    "smaller": PixelSpec(40, 32),
    "larger": PixelSpec(80, 64, "bicubic"),
    "whole": PixelSpec(40, 32, "bicubic", whole_size=(64, 32)),
}


def photos(count, *, drawn=True):
    """Smooth pictures of noise, each with a generator that has drawn before."""
    found = []
    for number in range(count):
        generator = np.random.default_rng(number)
        noise = Image.fromarray(generator.integers(0, 255, (5, 6, 3), np.uint8))
        buffer = io.BytesIO()
        noise.resize((60, 48), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
        found.append((buffer.getvalue(), generator if drawn else None))
    return found


def crops(decoders, given):
    pool = decoders.pool()
    try:
        return decoders.begin(given, pool)()
    finally:
        pool.shutdown()


def on_device(spec, augmentation, device, given):
    return crops(DeviceDecoders(spec, augmentation, torch.device(device), 2), given)


@pytest.mark.parametrize("augmentation", ["crop_flip", "rand_augment", "trivial"])
@pytest.mark.parametrize("drawn", [True, False])
def test_what_is_not_scaled_has_the_bytes_that_pillow_gives(augmentation, drawn):
    """Windows of whole pixels, flips and further changes are drawn alike."""
    spec, count = SPECS["as it is"], 19

    found = on_device(spec, augmentation, "cpu", photos(count, drawn=drawn))

    assert found.equal(crops(Decoders(spec, augmentation, 2), photos(count, drawn=drawn)))
    assert len(found.unique(dim=0)) == count


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("augmentation", ["rand_augment", "trivial"])
def test_every_change_is_made_on_the_device(device, augmentation):
    """Of so many photos that each is drawn."""
    found = on_device(SPECS["smaller"], augmentation, device, photos(100))
    assert (found.shape, found.dtype, found.device.type) == ((100, 3, 32, 32), torch.uint8, device)
    assert len(found.unique(dim=0)) == 100


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("drawn", [True, False])
def test_a_batch_shows_what_pillow_shows_of_whole_pixels(device, spec, drawn):
    """In order; less than a level apart in the mean, and a GPU's chroma less than two."""
    found = on_device(spec, "crop_flip", device, photos(19, drawn=drawn))

    assert (found.dtype, found.device.type) == (torch.uint8, device)
    assert found.is_contiguous(memory_format=torch.channels_last)
    expected = [twin(spec, *photo) for photo in photos(19, drawn=drawn)]
    apart = np.abs(found.permute(0, 2, 3, 1).cpu().numpy().astype(int) - expected)
    assert apart.mean(axis=(1, 2, 3)).max() < (1 if device == "cpu" else 2)


def twin(spec, jpeg, generator):
    """By Pillow, from the nearest whole pixels."""
    window, image = spec.window(generator), Image.open(io.BytesIO(jpeg))
    box = [round(edge) for edge in window.box(*image.size)]
    how = Image.Resampling[spec.interpolation.upper()]
    pixels = np.asarray(image.resize(window.size, how, box=box)).astype(int)
    return pixels[:, ::-1] if window.is_flipped else pixels


@pytest.mark.parametrize("device", DEVICES)
def test_batches_of_a_loader_hold_the_same_pairs(tmp_path, device):
    """An epoch and a validation, of the second of two workers; unscaled, so a CPU's same bytes."""
    shards = write_shards(tmp_path, "train", [30, 25, 29])
    side = Image.open(io.BytesIO(first_jpeg(shards[0]))).height

    def batches(where):
        loader = PairLoader(
            shards, PixelSpec(side, side - 4), global_batch_size=40, rank=1, world_size=2, seed=3,
            device=where,
        )  # fmt: skip
        return list(chain(loader.epoch(0), loader.in_order()))

    by_threads, by_device = batches(None), batches(torch.device(device))
    assert [len(batch.ids) for batch in by_device] == [20, 20, 40, 4]
    for one, other in zip(by_threads, by_device, strict=True):
        assert one.ids == other.ids
        there = other.to(torch.device(device)).images
        assert there.device.type == device
        apart = (one.images.int() - there.cpu().int()).abs().float().mean()
        assert apart == 0 if device == "cpu" else apart < 2


def first_jpeg(shard):
    return pq.read_table(shard, columns=["images"])["images"][0].as_py()[0]["jpeg"]


def test_no_photos_make_an_empty_batch():
    """What a worker has of a batch smaller than the number of workers."""
    assert on_device(SPECS["smaller"], "crop_flip", "cpu", []).shape == (0, 3, 32, 32)


def test_what_goes_wrong_is_raised_by_the_batch_that_waits():
    with pytest.raises(RuntimeError, match="JPEG"):
        on_device(SPECS["smaller"], "crop_flip", "cpu", [(b"no photo", None)])


def test_a_device_on_which_nothing_is_decoded_is_one_line(monkeypatch):
    """As of a TorchCodec for another CUDA, or none; before the first batch."""

    def decode_jpeg(*_: object, **__: object) -> None:
        raise RuntimeError("Failed to get current CUDA device.\nException raised from ...")

    monkeypatch.setattr("torchcodec.decoders.decode_jpeg", decode_jpeg)
    with pytest.raises(ResourceError, match=r"CUDA device\.; .*seje-ray\[gpu\].*decode=worker$"):
        DeviceDecoders(SPECS["smaller"], "crop_flip", CPU, 2)
