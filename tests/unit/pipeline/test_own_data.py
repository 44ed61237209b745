"""Recipes of a user: what is counted, what is refused, and why."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from seje_ray.artifact import open_artifact
from seje_ray.calibration.corpus import recipe_text
from seje_ray.features.texts import text_calibrator_of
from seje_ray.recipe1m.own_data import RULES
from seje_ray.recipe1m.records import DataError
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import calibrated_locally, rows_of


def test_a_forgotten_data_option_never_replaces_real_recipes(tmp_path):
    """The workspace of a user's recipes, and no --data."""
    path = tmp_path / "own.jsonl"
    path.write_text('{"id": 1, "ingredients": "1 cup peas", "partition": "train"}')
    made = calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest")
    with pytest.raises(DataError, match=r"expected --data PATH, since 1 recipes"):
        calibrated_locally(tiny_run(), None, Workspace(tmp_path / "w"))
    assert open_artifact(made.recipes.folder, "recipes").content_hash == made.recipes.content_hash


def test_own_recipes_of_the_version_before_are_read_again_and_said(tmp_path, capsys):
    """Its plans name no version of the reader; another file is read without a word on rules."""
    path, workspace = tmp_path / "own.jsonl", Workspace(tmp_path / "w")
    path.write_text('{"id": 1, "ingredients": "1&nbsp;cup peas", "partition": "train"}')
    said = "own recipes are read by newer rules: ingest runs again"

    def made():
        found = calibrated_locally(tiny_run(), path, workspace, last_stage="ingest").recipes
        return found.manifest, said in capsys.readouterr().err

    first, is_said = made()
    assert not is_said
    manifest = json.loads((workspace.recipes / "manifest.json").read_text())
    assert manifest["plan"]["section"].pop("reader") == RULES
    (workspace.recipes / "manifest.json").write_text(json.dumps(manifest))
    assert made() == (first, True)
    assert made() == (first, False)
    path.write_text('{"id": 1, "ingredients": "salt", "partition": "train"}')
    assert not made()[1]


def test_the_plan_of_the_cookbook_names_no_reader(tmp_path):
    """A workspace of the version before is not read again."""
    run = tiny_run("data.cookbook_recipes=12")
    made = calibrated_locally(run, None, Workspace(tmp_path / "w"), last_stage="ingest")
    assert set(made.recipes.manifest.plan.section) == {"data", "is_made_up"}


def test_photos_that_come_later_are_read_then(tmp_path):
    """A rerun finds nothing new, then a photo that had been missing."""
    record = {"id": "a", "ingredients": "peas", "images": ["a.png", "b.png"], "partition": "train"}
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(record))

    def photos():
        made = calibrated_locally(
            tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest"
        ).recipes
        return [i["id"] for i in rows_of(made)[0]["images"]], made.manifest.rejected

    assert photos() == ([], {"missing_file": 2})
    assert photos() == ([], {"missing_file": 2})
    Image.new("RGB", (40, 40), "red").save(tmp_path / "b.png")
    assert photos() == (["b.png"], {"missing_file": 1})


def test_data_without_a_photo_to_train_on_says_where_photos_were_looked_for(tmp_path):
    """Text is read and fitted; then one clear error, no empty artifact."""
    path = tmp_path / "own.jsonl"
    record = {"id": "a", "ingredients": "peas", "images": ["a.png"], "partition": "train"}
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"expected train recipes with photos.*'missing_file': 1"):
        calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"))
    assert not (tmp_path / "w" / "calibrated").exists()


def test_own_recipes_without_photos_or_partitions_are_counted(tmp_path):
    """A user's JSON lines without photos or entities, one of them broken: texts are fitted.

    The line tagger learns from the built-in common ingredients, and knows the lines then.
    """
    records = [
        {"id": n, "title": "Pea soup", "ingredients": ["1 cup peas"], "instructions": ["Boil."]}
        for n in range(30)
    ]
    lines = [json.dumps(record) for record in records]
    lines[7] = '{"id": 7, "title": '
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(lines))

    (tmp_path / "classes.csv").write_text("id,class\n0,soup\n1,green soup\n2,\n")
    run = tiny_run(
        "calibrate.tagger=bilstm",
        "calibrate.line_tagger.epochs=30",
        f"calibrate.categories.table={tmp_path / 'classes.csv'}",
    )
    made = calibrated_locally(run, path, Workspace(tmp_path / "w"), last_stage="fit")

    calibrator = text_calibrator_of(run.calibrate, tmp_path / "w" / "calibrator")
    [features] = calibrator.features([recipe_text(rows_of(made.recipes)[0])])
    assert features.key_terms[0] == "peas"
    assert features.num_unknown_lines == 0
    assert calibrator.categories.names == ("background", "green soup", "soup")
    found = [calibrator.categories.of("Pea soup", str(n)) for n in range(3)]
    assert found == [(2, "given"), (1, "given"), (0, "background")]
    assert made.calibrator.manifest.facts["category_rows_rejected"] == {"empty_class": 1}
    assert made.recipes.num_rows() == 29
    assert made.recipes.manifest.rejected == {"malformed_json": 1}
    assert made.calibrated is None
    assert open_artifact(tmp_path / "w" / "calibrator", "calibrator").manifest.facts


def test_a_data_set_without_a_usable_recipe_is_one_clear_error(tmp_path):
    """What was rejected is named."""
    path = tmp_path / "own.jsonl"
    path.write_text('{"id": 1}\n{"title": "no id"}\n')
    with pytest.raises(DataError, match="'no_text': 2"):
        calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"))


def test_rejected_photos_are_kept_with_their_reason(tmp_path):
    """A broken photo costs itself; the recipe stays with its others."""
    records = [
        {
            "id": "a",
            "title": "Pea soup",
            "ingredients": ["1 cup peas"],
            "instructions": ["Boil."],
            "images": ["missing.jpg", "broken.jpg"],
            "partition": "train",
        }
    ]
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 not a photo")
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(records[0]))

    made = calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest")

    assert made.recipes.manifest.rejected == {"missing_file": 1, "undecodable_image": 1}
    rejects = pa.Table.to_pylist(pq.read_table(made.recipes.folder / "rejects.parquet"))
    assert {r["id"] for r in rejects} == {"missing.jpg", "broken.jpg"}
    assert rows_of(made.recipes)[0]["images"] == []
