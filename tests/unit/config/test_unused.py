"""Settings without use: refused where they are asked for by hand, and nowhere else."""

import json

import pytest

from seje_ray.config import load_run, named_run_file, run_from_json, run_to_dict, with_settings
from seje_ray.errors import ConfigError

FROZEN = "model.freeze_backbone=true"
TEXT = (
    "calibrate.text_model=minilm",
    "calibrate.text_tokens.store=true",
    "model.recipe_encoder=text",
)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ([FROZEN, "train.layer_decay=0.8"], "model.freeze_backbone is true"),
        ([FROZEN, "train.frozen_blocks=2"], "model.freeze_backbone is true"),
        ([FROZEN, "train.drop_path=0.1"], "model.freeze_backbone is true"),
        ([FROZEN, "train.augmentation=trivial"], "model.freeze_backbone is true"),
        ([FROZEN, "train.decode=cluster"], "model.freeze_backbone is true"),
        (["train.backbone_learning_rate=1e-5", FROZEN], "model.freeze_backbone is true"),
        (["model.term_dropout=0.2"], "model.lexical is none"),
        (["train.text_learning_rate=1e-5"], "model.recipe_encoder is lstm"),
        (["train.text_layer_decay=0.9"], "model.recipe_encoder is lstm"),
        (["model.text.layout=hierarchical"], "model.recipe_encoder is lstm"),
        ([*TEXT, "model.text.lora_rank=4"], "model.text.training is full"),
    ],
)
def test_a_setting_without_use_is_refused(overrides, reason):
    """It names the setting and why; the same value as the default asks for nothing."""
    named = next(o for o in overrides if o not in (FROZEN, *TEXT))
    key = named.partition("=")[0]
    with pytest.raises(ConfigError, match=f"{key} is unused where {reason}; leave it out"):
        load_run(named_run_file("seje"), overrides)


def test_dropout_of_published_heads_is_refused():
    """They are one linear map without any."""
    with pytest.raises(ConfigError, match=r"dropout is unused where model\.head is published"):
        load_run(named_run_file("clip"), ["model.dropout=0.3"])


def test_what_is_of_use_or_the_default_or_not_asked_for_by_hand_is_taken():
    """Also of stored runs and of changes by a program, whose settings may be without use."""
    seje = named_run_file("seje")
    assert load_run(seje, ["train.layer_decay=0.8"]).train.layer_decay == 0.8
    assert load_run(seje, [FROZEN, "train.layer_decay=1.0"]).model.freeze_backbone
    lora = load_run(seje, [*TEXT, "model.text.training=lora", "model.text.lora_rank=4"])
    assert lora.model.text.lora_rank == 4

    run = with_settings(load_run(seje), {"model.freeze_backbone": True, "train.layer_decay": 0.8})

    assert run_from_json(json.dumps(run_to_dict(run)), "stored") == run
