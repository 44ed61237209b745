"""Tokens from calibration on: what is stored of them, and when they are made again."""

import pytest

from tests.tiny import tiny_run
from tests.unit.pipeline.locally import calibrated_locally, copied, rows_of

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
