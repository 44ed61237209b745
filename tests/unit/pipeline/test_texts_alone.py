"""Photos with a title, a caption or instructions alone: calibrated, trained and embedded."""

import json

import numpy as np
import pytest
from PIL import Image

from seje_ray.artifact import read_shard
from seje_ray.calibration.applied import NothingAppliesError
from seje_ray.pipeline.columns import matrix
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.train import train
from seje_ray.recipe1m.records import DataError
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally, rows_of, searcher

CAPTIONS = ("a red tomato soup", "a green salad bowl", "yellow corn bread", "blue berry cake")
SETTINGS = (
    "calibrate.tagger=none",
    "calibrate.actions=content_words",
    "calibrate.word_vectors.min_count=1",
    "train.num_epochs=1",
)


def written(folder, **texts):
    """16 photos in the partitions, each with texts that a function of its number gives."""
    folder.mkdir(exist_ok=True)
    lines = []
    for n in range(16):
        Image.new("RGB", (40, 40), (16 * n, 50 * (n % 4), 90)).save(folder / f"{n}.png")
        partition = "train" if n < 10 else "val" if n < 13 else "test"
        record = {"id": f"r{n}", "image": f"{n}.png", "split": partition}
        lines.append(json.dumps(record | {key: text(n) for key, text in texts.items()}))
    path = folder / "pairs.jsonl"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("key", ["caption", "text", "directions", "ingredients"])
def test_one_column_of_text_is_enough_to_train(tmp_path, key):
    """A caption is the title; steps and lists work alike. Every test pair is embedded."""
    path = written(tmp_path / "data", **{key: lambda n: CAPTIONS[n % 4]})
    workspace, run = Workspace(tmp_path / "w"), tiny_run(*SETTINGS)

    made = calibrated_locally(run, path, workspace)
    trained = train(run, workspace, EXECUTOR, name="one")
    found = embed_partition(trained, workspace, EXECUTOR, "test")

    terms = {tuple(row["key_terms"]) for row in rows_of(made.calibrated)}
    assert ("red", "tomato", "soup") in terms
    assert made.recipes.manifest.rejected == {}
    columns = ("recipe_embedding", "image_embedding")
    for embedded in (matrix(read_shard(found.shards()[0], [name])[name]) for name in columns):
        np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-5)
    assert "in which an ingredient is known" not in str(made)


def test_captions_without_the_setting_are_refused_in_a_line_that_names_it(tmp_path):
    """The field's filter needs ingredients."""
    path = written(tmp_path / "data", caption=lambda n: CAPTIONS[n % 4])
    with pytest.raises(DataError, match=r"'no_text': 16.*; calibrate.tagger=none takes photos"):
        calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"))


def test_lines_of_another_language_are_refused_before_anything_is_fitted(tmp_path):
    """The built-in ingredients are English."""
    path = written(tmp_path / "data", ingredients=lambda n: "2 杯面粉\n盐")
    with pytest.raises(NothingAppliesError, match=r"none in 20 lines, e.g. '2 杯面粉'"):
        calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"))


def test_a_script_without_spaces_is_calibrated_and_trained(tmp_path):
    """Chinese lines and steps with a list of ingredients; English settings read one word a line."""
    pytest.importorskip("jieba")
    pytest.importorskip("spacy")
    names = ("面粉", "鸡蛋", "番茄", "土豆")
    (tmp_path / "names.txt").write_text("\n".join(names), encoding="utf-8")
    path = written(
        tmp_path / "data",
        title=lambda n: f"{names[n % 4]}汤",
        ingredients=lambda n: [f"200克{names[n % 4]}", "加入鸡蛋"],
        instructions=lambda n: [f"将{names[n % 4]}打散\uff0c搅拌均匀。", "加入鸡蛋煮熟。"],
    )
    workspace = Workspace(tmp_path / "w")
    run = tiny_run(
        *SETTINGS[1:],
        "calibrate.language=zh",
        f"calibrate.word_lists.ingredients={tmp_path / 'names.txt'}",
    )

    made = calibrated_locally(run, path, workspace)
    trained = train(run, workspace, EXECUTOR, name="one")

    counts = made.calibrated.manifest.facts["counts"]
    assert (counts["lines"], counts["unknown_lines"]) == (32, 0)
    terms = {term for row in rows_of(made.calibrated) for term in row["key_terms"]}
    assert {*names, "搅拌", "打散"} <= terms
    assert not any(len(term) > 4 for term in terms)
    assert calibrated_locally(run, path, workspace).calibrated == made.calibrated
    query = tmp_path / "query.jsonl"
    query.write_text(json.dumps({"id": 1, "ingredients": ["200克面粉"]}))
    assert len(searcher(trained, workspace).recipe(query, 2)) == 2
