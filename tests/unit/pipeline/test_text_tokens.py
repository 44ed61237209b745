"""Tokens from calibration on: what is stored of them, and when they are made again."""

import pytest

from seje_ray.config import load_run
from seje_ray.errors import ArtifactError
from seje_ray.pipeline.evaluate import evaluate_run
from seje_ray.pipeline.gallery_choice import GalleryChoice
from seje_ray.pipeline.train import train
from tests.tiny import tiny_run
from tests.trainings import history_of
from tests.unit.pipeline.locally import (
    EXECUTOR,
    assert_file_finds_the_same,
    calibrated_locally,
    copied,
    rows_of,
    searcher,
)

pytest.importorskip("transformers", reason="needs the extra text")
from tests.text_models import tiny_bert

STORED = (
    "calibrate.text_tokens.store=true",
    "calibrate.text_tokens.max_step=4",
    "calibrate.sentence_encoder.max_sentences=3",
)
PARTS = ("recipes", "calibrator", "calibrated", "cookbook-120-0")


def test_tokens_are_stored_per_line_and_nothing_is_fitted_for_them(tmp_path, cookbook, calibrated):
    """Other limits or another tokenizer make the stage transform run again, and that alone."""
    own, model = copied(cookbook, tmp_path, *PARTS), tiny_bert(tmp_path / "bert")
    run = tiny_run(*STORED, f"calibrate.text_model={model}")
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "calibrator").glob("*/manifest.json")}

    found = calibrated_locally(run, None, own).calibrated

    assert {p: p.stat().st_mtime_ns for p in made} == made
    row = rows_of(found)[0]
    assert len(row["title_tokens"]) == 1
    assert len(row["ingredient_tokens"]) == len(row["ingredients"])
    assert len(row["step_tokens"]) == min(3, len(row["instructions"]))
    assert {len(tokens) for tokens in row["step_tokens"]} == {4}
    assert found.manifest.facts["text_format"]["config"]["model_type"] == "bert"
    plan = found.manifest.plan

    (model / "model.safetensors").write_bytes(b"weights do not matter here")
    assert calibrated_locally(run, None, own).calibrated.manifest.plan == plan
    shorter = tiny_run(*STORED, f"calibrate.text_model={model}", "calibrate.text_tokens.max_step=2")
    again = calibrated_locally(shorter, None, own).calibrated
    assert {len(tokens) for tokens in rows_of(again)[0]["step_tokens"]} == {2}
    assert {p: p.stat().st_mtime_ns for p in made} == made


def test_plans_of_runs_without_tokens_are_as_they_were(calibrated):
    """Nothing is made again only since this version knows of tokens."""
    plan = calibrated.calibrated.manifest.plan
    assert "text_tokens" not in plan.section
    assert "tokenizer" not in plan.inputs
    assert "text_format" not in calibrated.calibrated.manifest.facts


@pytest.mark.parametrize(
    "settings",
    [
        ["model.text.max_tokens=32", "model.text.gradient_checkpointing=true"],
        [
            "model.text.layout=hierarchical", "model.recipe_transformer.dim=8",
            "model.text.training=lora", "model.text.lora_rank=2", "model.text.key_terms=true",
        ],
    ],
)  # fmt: skip
def test_a_text_tower_is_trained_evaluated_and_searched_by_without_its_weights(
    tmp_path, cookbook, calibrated, settings
):
    """Without tokens it is refused, with the command.

    A checkpoint needs no published weights; a recipe of the data set, given as a file, is embedded
    as the stored one was.
    """
    own, model = copied(cookbook, tmp_path, *PARTS), tiny_bert(tmp_path / "bert")
    named = (f"calibrate.text_model={model}", "model.recipe_encoder=text", "train.num_epochs=1")
    run = tiny_run(*STORED, *named, "train.text_learning_rate=1e-4", *settings)
    with pytest.raises(ArtifactError, match=r"found none; run `seje-ray calibrate` with this run"):
        train(run, own, EXECUTOR, name="early")
    calibrated_locally(run, None, own)

    trained = train(load_run(own.calibrated_run), own, EXECUTOR, name="texts")

    assert history_of(trained)[0]["train/gradient_norm/text"] > 0
    assert history_of(trained)[0]["learning_rate/text"] == 1e-4
    (model / "model.safetensors").unlink()
    evaluated = evaluate_run(
        trained, own, EXECUTOR, partition="test", choice=GalleryChoice(sizes=(10,))
    )
    assert evaluated.galleries
    assert_file_finds_the_same(searcher(trained, own), tmp_path)
