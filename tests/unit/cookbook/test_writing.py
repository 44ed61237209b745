"""The cookbook on disk: Recipe1M's layout, equal bytes by seed."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seje_ray.cookbook import (
    CookbookSummary,
    draw_photo,
    generate_recipe,
    write_cookbook,
)
from seje_ray.recipe1m.records import DataError

NUM_RECIPES = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out_dir = tmp_path_factory.mktemp("cookbook")
    write_cookbook(out_dir, num_recipes=NUM_RECIPES, seed=0)
    return out_dir


def read(folder: Path, name: str) -> list[dict]:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_two_processes_give_the_bytes_of_one(folder: Path, tmp_path: Path) -> None:
    write_cookbook(tmp_path, num_recipes=NUM_RECIPES, seed=0, num_processes=2)
    assert digests(tmp_path) == digests(folder)


def test_another_seed_gives_other_recipes(folder: Path, tmp_path: Path) -> None:
    write_cookbook(tmp_path, num_recipes=NUM_RECIPES, seed=1, with_images=False)
    ids = {record["id"] for record in read(folder, "layer1.json")}
    assert not ids & {record["id"] for record in read(tmp_path, "layer1.json")}


def test_a_larger_cookbook_begins_with_the_smaller_one(folder: Path, tmp_path: Path) -> None:
    write_cookbook(tmp_path, num_recipes=1100, seed=0, with_images=False)
    for name in ("layer1.json", "det_ingrs.json"):
        assert read(tmp_path, name)[:NUM_RECIPES] == read(folder, name)


def test_layer1_has_recipe1ms_fields_one_record_per_line(folder: Path) -> None:
    lines = (folder / "layer1.json").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "["
    assert lines[-1] == "]"
    records = [json.loads(line.removesuffix(",")) for line in lines[1:-1]]
    assert len(records) == NUM_RECIPES
    for index, record in enumerate(records):
        recipe = generate_recipe(0, index)
        assert set(record) == {"id", "title", "partition", "url", "ingredients", "instructions"}
        assert record["id"] == recipe.id
        assert record["title"] == recipe.title
        assert tuple(line["text"] for line in record["ingredients"]) == recipe.ingredients
        assert tuple(step["text"] for step in record["instructions"]) == recipe.instructions


def test_det_ingrs_has_layer1s_order_and_lengths(folder: Path) -> None:
    layer1, det_ingrs = read(folder, "layer1.json"), read(folder, "det_ingrs.json")
    assert [entry["id"] for entry in det_ingrs] == [record["id"] for record in layer1]
    for entry, record in zip(det_ingrs, layer1, strict=True):
        assert len(entry["valid"]) == len(entry["ingredients"]) == len(record["ingredients"])


def test_layer2_lists_every_photo_in_another_order(folder: Path) -> None:
    partition_of = {record["id"]: record["partition"] for record in read(folder, "layer1.json")}
    layer2 = read(folder, "layer2.json")
    in_layer1_order = [i for i in partition_of if i in {entry["id"] for entry in layer2}]
    assert [entry["id"] for entry in layer2] != in_layer1_order
    assert sorted(entry["id"] for entry in layer2) == sorted(in_layer1_order)
    listed = set()
    for entry in layer2:
        assert 1 <= len(entry["images"]) <= 5
        for image in entry["images"]:
            assert image["url"].startswith("https://cookbook.example.org/")
            name = image["id"]
            path = folder.joinpath("images", partition_of[entry["id"]], *name[:4], name)
            with Image.open(path) as photo:
                photo.load()
                assert photo.format == "JPEG"
                assert min(photo.size) >= 136
            listed.add(path)
    assert listed == {path for path in (folder / "images").rglob("*") if path.is_file()}


def test_a_file_is_the_photo_of_its_own_recipe(folder: Path) -> None:
    recipe = next(
        recipe
        for recipe in (generate_recipe(0, index) for index in range(NUM_RECIPES))
        if len(recipe.image_ids) >= 2
    )
    for photo_index, image_id in enumerate(recipe.image_ids):
        drawn = np.asarray(draw_photo(recipe, photo_index), np.float32)
        path = folder.joinpath("images", recipe.partition, *image_id[:4], f"{image_id}.jpg")
        with Image.open(path) as photo:
            assert np.abs(np.asarray(photo, np.float32) - drawn).mean() < 8  # JPEG's loss


def test_recipes_without_photos_are_not_in_layer2(folder: Path) -> None:
    without = {
        recipe.id
        for recipe in (generate_recipe(0, index) for index in range(NUM_RECIPES))
        if not recipe.image_ids
    }
    assert without
    assert not without & {entry["id"] for entry in read(folder, "layer2.json")}


def test_no_images_mode_writes_texts_only(tmp_path: Path) -> None:
    summary = write_cookbook(tmp_path, num_recipes=30, seed=0, with_images=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "det_ingrs.json",
        "layer1.json",
        "layer2.json",
    ]
    assert read(tmp_path, "layer2.json") == []
    assert len(read(tmp_path, "layer1.json")) == 30
    assert summary.num_photos == 0
    assert summary.num_without_photo == 30


def test_the_summary_counts_what_was_written(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    summary = write_cookbook(
        tmp_path,
        num_recipes=1200,
        seed=2,
        with_images=False,
        progress=lambda done, total: seen.append((done, total)),
    )
    records = read(tmp_path, "layer1.json")
    partitions = [record["partition"] for record in records]
    assert summary.num_recipes == len(records) == 1200
    assert summary.num_train == partitions.count("train")
    assert summary.num_val == partitions.count("val")
    assert summary.num_test == partitions.count("test")
    assert summary.num_too_long == sum(
        max(len(record["ingredients"]), len(record["instructions"])) >= 20 for record in records
    )
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (1200, 1200)


def test_the_summary_reads_as_one_line() -> None:
    summary = CookbookSummary(
        num_recipes=1000,
        num_train=700,
        num_val=160,
        num_test=140,
        num_background=200,
        num_without_photo=90,
        num_too_long=20,
        num_photos=1900,
    )
    assert str(summary) == (
        "1,000 recipes (700 train, 160 val, 140 test) with 1,900 photos; "
        "90 have none, 20 are too long, 200 name no dish"
    )


@pytest.mark.parametrize(
    "bad", [{"num_recipes": 0}, {"seed": -1}, {"num_recipes": 1, "num_processes": 0}]
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be >= 1"):
        write_cookbook(tmp_path / "x", **{"num_recipes": 1, "seed": 0, **bad})
    assert not (tmp_path / "x").exists()


def test_a_finished_data_set_is_never_overwritten(folder: Path) -> None:
    before = (folder / "layer1.json").stat()
    with pytest.raises(DataError, match=r"holds a layer1\.json already"):
        write_cookbook(folder, num_recipes=1, seed=0, with_images=False)
    assert (folder / "layer1.json").stat() == before


def test_a_failure_leaves_no_layer1(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cookbook(tmp_path, num_recipes=5, seed=0, with_images=False, progress=stop)
    assert not (tmp_path / "layer1.json").exists()
    write_cookbook(tmp_path, num_recipes=5, seed=0, with_images=False)  # and the next run is clean
    assert len(read(tmp_path, "layer1.json")) == 5
    assert not list(tmp_path.glob("*.partial"))
