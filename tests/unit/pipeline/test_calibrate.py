"""Phase I: every row once, every column in its type, and nothing made twice."""

import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from seje_ray.artifact import Plan, open_artifact
from seje_ray.building import begin, build_manifest, finish
from seje_ray.calibration.corpus import recipe_text
from seje_ray.calibration.sentence_encoder.skip_instructions import SkipInstructions
from seje_ray.cli.main import cli
from seje_ray.errors import ArtifactError
from seje_ray.features.texts import text_calibrator_of
from seje_ray.pipeline.calibrate import _require_no_real_data
from seje_ray.recipe1m.records import DataError
from seje_ray.schema import VERSIONS
from seje_ray.schema import calibrated as calibrated_schema
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import calibrated_locally, copied, rows_of


def test_every_recipe_with_a_photo_is_there_once(calibrated, cookbook):
    """Counts agree with the cookbook's own files, and nothing is left out silently."""
    folder = cookbook.cookbook(120, 0)
    layer1 = json.loads((folder / "layer1.json").read_text())
    with_photo = {r["id"] for r in json.loads((folder / "layer2.json").read_text())}
    read = {row["id"] for row in rows_of(calibrated.recipes)}
    ids = [row["id"] for row in rows_of(calibrated.calibrated)]

    assert len(layer1) == 120
    assert len(read) + sum(calibrated.recipes.manifest.rejected.values()) == 120
    assert sorted(ids) == sorted(read & with_photo)
    assert calibrated.calibrated.manifest.rejected == {"no_image": len(read - with_photo)}


def test_columns_have_their_final_types(calibrated):
    """The schema of every shard is the one that ``schema.py`` names."""
    expected = calibrated_schema(12, 16, 96)  # with the features of the categorizer
    for path in calibrated.calibrated.shards():
        assert pq.read_schema(path).equals(expected), path.name


def test_features_are_those_of_the_pure_functions(calibrated, cookbook):
    """Each row equals what the fitted parts give for that recipe alone."""
    folder = cookbook.calibrator
    calibrator = text_calibrator_of(tiny_run().calibrate, folder)
    encoder = SkipInstructions.load(folder / "sentence_encoder")
    rows = rows_of(calibrated.calibrated)
    assert any(row["category_id"] > 0 for row in rows)
    for row in rows[::7]:
        [features] = calibrator.features([recipe_text(row)])
        assert row["key_terms"] == features.key_terms
        np.testing.assert_allclose(row["key_term_scores"], features.key_term_scores, rtol=1e-6)
        np.testing.assert_array_equal(np.float32(row["key_term_vector"]), features.key_term_vector)
        assert row["category_id"] == features.category_id
        np.testing.assert_allclose(
            row["sentence_vectors"], encoder.encode(row["instructions"]), atol=1e-6
        )
        assert len(row["image_category_ids"]) == len(row["images"])
        assert len(row["image_category_vectors"]) == len(row["images"])


def test_the_page_shows_what_came_out(calibrated):
    """Counts, categories and photos are in one file that fetches nothing."""
    assert calibrated.report is not None
    page = calibrated.report.read_text()
    facts = calibrated.calibrated.manifest.facts
    assert f"{len(facts['category_names']) - 1} categories" in page
    assert page.count("<svg") >= 3  # key terms, curves, confusion matrix
    assert page.count("data:image/jpeg") == 10
    assert not re.search(r"""(src|href)=["']?http""", page)


def test_word_vectors_go_out_and_come_in_again(calibrated, cookbook, tmp_path):
    """The file of ``data export-vectors`` gives the vocabulary that it came from."""
    path = tmp_path / "vectors.bin"
    arguments = ["data", "export-vectors", "--workspace", str(cookbook), "--out", str(path)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0
    assert "words of 12 dimensions" in result.output

    run = tiny_run(f"calibrate.word_vectors.file={path}")
    copied(cookbook, tmp_path / "w", "recipes", "calibrator", "cookbook-120-0")
    again = calibrated_locally(run, None, Workspace(tmp_path / "w"), last_stage="fit").calibrator

    assert again is not None
    known = calibrated.calibrator.manifest.facts["vocabulary_hash"]
    assert again.manifest.facts["vocabulary_hash"] == known


def test_a_second_run_changes_nothing_and_a_setting_refits_only_its_part(tmp_path, calibrated):
    """Dimensions of word vectors do not concern sentences; what transform reads refits nothing."""
    first = calibrated_locally(tiny_run(), None, Workspace(tmp_path))
    assert first.calibrated is not None
    assert first.calibrated.content_hash == calibrated.calibrated.content_hash
    made = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("manifest.json")}

    def made_by(*overrides):
        before = dict(made)
        calibrated_locally(tiny_run(*overrides), None, Workspace(tmp_path))
        made.update({p: p.stat().st_mtime_ns for p in before})
        return {p.parent.name for p in before if made[p] != before[p]} - {"calibrator"}

    dim = "calibrate.word_vectors.dim=8"
    assert made_by() == set()
    assert made_by(dim) == {"word_vectors", "calibrated"}
    assert made_by(
        dim,
        "calibrate.actions=content_words",
        "calibrate.image_categorizer.vector=soft",
        "calibrate.sentence_encoder.max_sentences=5",
    ) == {"calibrated"}
    again = open_artifact(tmp_path / "calibrated", "calibrated")
    assert again.manifest.facts["word_dim"] == 8
    assert max(len(row["sentence_vectors"]) for row in rows_of(again)) == 5


def test_a_newer_version_of_the_calibrated_data_redoes_transform_alone(
    tmp_path, calibrated, cookbook, monkeypatch, capfd
):
    """Recipes and components stay what they are; the older data says which stage has to run."""
    own = copied(cookbook, tmp_path, "recipes", "calibrator", "calibrated", "cookbook-120-0")
    made = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("manifest.json")}
    monkeypatch.setitem(VERSIONS, "calibrated", VERSIONS["calibrated"] + 1)
    with pytest.raises(ArtifactError, match=r"stage transform has to run again; run `seje-ray cal"):
        own.open_calibrated()
    own.open_recipes()

    again = calibrated_locally(tiny_run(), None, own)

    assert "stage transform runs again, since" in capfd.readouterr().err
    redone = {p.parent.name for p, time in made.items() if p.stat().st_mtime_ns != time}
    assert redone - {"calibrator"} == {"calibrated"}
    assert again.calibrated.manifest.shards == calibrated.calibrated.manifest.shards
    assert again.calibrator.content_hash == calibrated.calibrator.content_hash


@pytest.mark.parametrize(
    ("kind", "facts", "is_refused"),
    [
        ("recipes", {"is_made_up": False}, True),
        ("recipes", {}, True),  # nothing says that they are made up
        ("recipes", {"is_made_up": True}, False),
        ("calibrated", {}, False),
    ],
)
def test_the_cookbook_takes_no_place_of_a_users_recipes(tmp_path, kind, facts, is_refused):
    """Whatever lies there, of whatever version: a line to read, no traceback."""
    workspace, plan = Workspace(tmp_path), Plan(kind=kind, section={}, inputs={}, seed=0)
    folder = workspace.recipes
    finish(folder, plan, build_manifest(plan, begin(folder, plan), facts=facts))

    if is_refused:
        with pytest.raises(DataError, match="expected --data PATH"):
            _require_no_real_data(workspace)
    else:
        _require_no_real_data(workspace)
