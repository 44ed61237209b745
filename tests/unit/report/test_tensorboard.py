"""What a training leaves for TensorBoard is there when it is read back."""

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from seje_ray.artifact import Artifact, Manifest, Plan
from seje_ray.report.hardest_pairs import HardPair, hardest_pairs, picture
from seje_ray.report.photos import PairBook
from seje_ray.report.tensorboard import TrainingCurves
from tests.unit.training.tiny_data import write_shards


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """Two val shards of three and five pairs."""
    folder = tmp_path_factory.mktemp("calibrated")
    names = [path.name for path in write_shards(folder, "val", [3, 5])]
    plan = Plan(kind="calibrated", section={}, inputs={}, seed=0)
    facts = {"category_names": ["background", "apple pie", "soup"]}
    manifest = Manifest(
        plan=plan, seje_ray_version="0", shards=dict.fromkeys(names, ""), facts=facts
    )
    return Artifact(folder, manifest, manifest.content_hash)


def unit_rows(num, dim, seed):
    rows = torch.randn(num, dim, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=1)


def written(folder):
    found = EventAccumulator(str(folder / "tensorboard"), {"images": 0, "scalars": 0})
    return found.Reload()


def test_hardest_pairs_by_hand():
    """Photo 0 finds its own (1 before 0), photo 1 recipe 0 (0 behind 1), photo 2 a tie."""
    images = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    recipes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])

    assert hardest_pairs(images, recipes, 2) == [HardPair(1, 0, 0.0, 1.0), HardPair(2, 1, 1.0, 1.0)]
    assert hardest_pairs(images, recipes, 9)[2] == HardPair(0, 1, 1.0, 0.0)


def test_hardest_pairs_equal_a_plain_twin_across_blocks():
    """Seven pairs, three at a time; and what was given is left as it is."""
    images, recipes = unit_rows(7, 4, 1), unit_rows(7, 4, 2)
    before = images.clone()
    found = {pair.row: pair for pair in hardest_pairs(images, recipes, 7, block_size=3)}

    for row in range(7):
        others = {n: float(images[row] @ recipes[n]) for n in range(7) if n != row}
        wrong = max(others, key=others.get)
        assert found[row].wrong_row == wrong
        assert found[row].wrong_similarity == pytest.approx(others[wrong], abs=1e-6)
        assert found[row].similarity == pytest.approx(float(images[row] @ recipes[row]), abs=1e-6)
    assert torch.equal(images, before)


def test_a_picture_shows_each_photo(calibrated):
    """Photos of one colour each: that colour fills more than any text could."""
    book = PairBook(calibrated, "val")
    pixels = picture([HardPair(0, 4, 0.1, 0.9), HardPair(5, 1, 0.2, 0.3)], book)

    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    photos = [book.pair(row)["jpeg"] for row in (0, 5)]
    assert len(set(photos)) == 2
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    assert (counts > 10_000).sum() == 3, colours  # two photos and the white page


def test_numbers_pictures_and_space_are_read_back(calibrated, tmp_path):
    """Scalars by epoch, times apart, one picture, and a projector with 2 x 8 points."""
    curves = TrainingCurves(tmp_path, calibrated, num_epochs=0)
    images, recipes = unit_rows(8, 4, 1), unit_rows(8, 4, 2)
    for epoch in (1, 2):
        curves.add_numbers({"epoch": epoch, "train/loss": 0.5 / epoch}, {"pairs_per_s": 7.0})
    curves.add_hardest_pairs(images, recipes, 2)
    curves.add_space(images, recipes, 2)
    curves.close()

    found = written(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("train/loss")] == [(1, 0.5), (2, 0.25)]
    assert [e.value for e in found.Scalars("time/pairs_per_s")] == [7.0, 7.0]
    assert [e.step for e in found.Images("val/hardest_pairs")] == [2]
    (space,) = (tmp_path / "tensorboard").glob("*/val")
    rows = [line.split("\t") for line in (space / "metadata.tsv").read_text().splitlines()]
    assert rows[0] == ["title", "category", "modality"]
    assert rows[1][0] == rows[9][0] == "title of val0-0"
    assert [row[2] for row in rows[1:]] == ["image"] * 8 + ["recipe"] * 8
    assert {row[1] for row in rows[1:]} <= {"background", "apple pie", "soup"}
    points = np.loadtxt(space / "tensors.tsv", delimiter="\t")
    np.testing.assert_allclose(points, torch.cat([images, recipes]).numpy(), rtol=1e-6)
    assert "tensors.tsv" in (tmp_path / "tensorboard" / "projector_config.pbtxt").read_text()


def test_epochs_that_are_done_again_replace_what_was_written_of_them(calibrated, tmp_path):
    """A resumed training drops what a killed one wrote after its last checkpoint."""
    for done, loss in ((0, 1.0), (1, 2.0)):
        curves = TrainingCurves(tmp_path, calibrated, num_epochs=done)
        for epoch in range(done + 1, 3):
            curves.add_numbers({"epoch": epoch, "train/loss": loss}, {})
        curves.close()

    assert [e.value for e in written(tmp_path).Scalars("train/loss")] == [1.0, 2.0]
