"""Learning rates of a text tower by depth, and what of it learns at all."""

import json
from dataclasses import replace

import pytest
import torch

from seje_ray.calibration.text_tokens import TextFormat
from seje_ray.config import run_from_json, run_to_dict
from seje_ray.features.model import FeatureDims, build_model
from seje_ray.models.text_tower import text_tower_of
from seje_ray.training.freezing import begin_epoch
from seje_ray.training.optimisation import learning_rates, model_optimizer
from tests.unit.training.test_text_towers_of_workers import CONFIG, FORM
from tests.unit.training.tiny_data import origin, tiny_run

pytest.importorskip("transformers", reason="needs the extra text")

DIMS = replace(
    FeatureDims.of(origin().facts), text_format=TextFormat.from_dict({"config": CONFIG, **FORM})
)


def text_run(training="full", **train):
    raw = run_to_dict(tiny_run(**train))
    raw["calibrate"]["text_tokens"]["store"] = True
    raw["model"] |= {"recipe_encoder": "text", "head": "residual"}
    raw["model"]["text"] |= {"training": training, "lora_rank": 2}
    return run_from_json(json.dumps(raw), "a test")


def model_of(run):
    return build_model(run, DIMS, load_weights=False)


def test_each_layer_takes_a_share_of_the_rate_above_it():
    """Two layers above the embeddings: 0.1 at the top, half of it below, and half of that."""
    run = text_run(text_learning_rate=0.1, text_layer_decay=0.5, learning_rate=0.3)
    model = model_of(run)
    optimizer = model_optimizer(model, run)

    rates = {id(p): group["full_lr"] for group in optimizer.param_groups for p in group["params"]}
    found = {name: rates[id(p)] for name, p in model.recipe_encoder.named_parameters()}
    embeddings = "tower.network.embeddings.word_embeddings.weight"
    assert found[embeddings] == pytest.approx(0.025)
    assert found["tower.network.encoder.layer.0.output.dense.weight"] == pytest.approx(0.05)
    assert found["tower.network.encoder.layer.1.output.dense.weight"] == pytest.approx(0.1)
    assert found["projection.linear.weight"] == 0.3
    assert len(rates) == len(list(model.parameters()))
    assert learning_rates(optimizer)["learning_rate/text"] == pytest.approx(0.1)


@pytest.mark.parametrize(("training", "share"), [("frozen", 0.0), ("lora", None)])
def test_what_is_not_to_learn_is_in_no_group_and_stays_frozen_in_an_epoch(training, share):
    run = text_run(training)
    model = model_of(run)
    begin_epoch(model, run.train, 0)
    tower = text_tower_of(model)
    learns = [p for p in tower.parameters() if p.requires_grad]
    grouped = {id(p) for g in model_optimizer(model, run).param_groups for p in g["params"]}
    assert {id(p) for p in tower.parameters()} & grouped == {id(p) for p in learns}
    assert (len(learns) == 0) == (share == 0.0)
    assert model.recipe_encoder.projection.linear.weight.requires_grad


def test_dropouts_of_the_network_are_off():
    """Their masks would differ by worker and padding; an input is embedded alike each time."""
    model = model_of(text_run()).train()
    tower = text_tower_of(model)
    tokens, lengths = torch.tensor([[1, 5, 6, 2]]), torch.tensor([4])
    torch.testing.assert_close(tower(tokens, lengths), tower(tokens, lengths), atol=0, rtol=0)
