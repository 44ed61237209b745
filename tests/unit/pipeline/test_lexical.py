"""Lexical bags from calibration to search."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from seje_ray.calibration.corpus import recipe_text
from seje_ray.calibration.lexical import Lexicon
from seje_ray.config import load_run
from seje_ray.errors import ArtifactError
from seje_ray.features.checkpoint import load_model_weights
from seje_ray.features.encoder import Encoder
from seje_ray.features.model import FeatureDims, build_model
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.train import train
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.training.loaders import lexicon_for
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally, copied, rows_of

STORED = ("calibrate.lexical.enabled=true", "calibrate.lexical.dim=8")
MODEL = (
    "model.recipe_encoder=none", "model.lexical=learnt", "model.head=residual",
    "model.head_hidden=16", "model.part_dropout=0.2", "model.term_dropout=0.2",
)  # fmt: skip


def test_bags_are_stored_trained_on_and_searched_by(tmp_path, cookbook, calibrated):
    """Nothing else is refitted for them; without them the model is refused, with the command.

    A recipe that the model has never seen is embedded as a stored one.
    """
    parts = ("recipes", "calibrator", "calibrated", "cookbook-120-0")
    own = copied(cookbook, tmp_path, *parts)
    run = tiny_run(*STORED, *MODEL)
    with pytest.raises(ArtifactError, match=r"expected lexical bags .*lexical.enabled=true"):
        train(run, own, EXECUTOR, name="early")
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "calibrator").glob("*/manifest.json")}

    again = calibrated_locally(run, None, own).calibrated

    assert {p: p.stat().st_mtime_ns for p in made} == made
    lexicon, rows = Lexicon.load(own.component("lexical")), rows_of(again)
    assert again.manifest.facts["lexical"] == {"num_terms": len(lexicon.terms), "dim": 8}
    expected = lexicon.rows([recipe_text(row) for row in rows])
    stored = [[row[name] for row in rows] for name in ("lexical_terms", "lexical_weights")]
    np.testing.assert_array_equal(np.concatenate(stored[0]), expected.terms)
    np.testing.assert_allclose(np.concatenate(stored[1]), expected.weights)
    assert np.cumsum([len(terms) for terms in stored[0]]).tolist() == expected.ends.tolist()

    trained = train(load_run(own.calibrated_run), own, EXECUTOR, name="bags")
    embedded = embed_partition(trained, own, EXECUTOR, "test")
    gallery = load_embeddings(embedded.shards("test"))
    recipes = {row["id"]: recipe_text(row) for row in rows}
    encoder = Encoder.load(trained.best_checkpoint, own, "cpu")
    found = encoder.embed_recipes([recipes[name] for name in gallery.ids])
    np.testing.assert_allclose(found, gallery.recipe_embeddings, atol=1e-5)


def test_a_model_begins_with_the_vectors_of_the_decomposition(tmp_path, cookbook, calibrated):
    """The bag of a stored recipe is its standardised row; a training changes the vectors."""
    own = copied(cookbook, tmp_path, "recipes", "calibrator", "calibrated", "cookbook-120-0")
    run = tiny_run(*STORED, *MODEL)
    again = calibrated_locally(run, None, own).calibrated
    lexicon, row = Lexicon.load(own.component("lexical")), rows_of(again)[0]

    model = build_model(run, FeatureDims.of(again.manifest.facts), lexicon=lexicon)

    bag = torch.zeros(len(lexicon.terms))
    bag[row["lexical_terms"]] = torch.tensor(row["lexical_weights"])
    unit = F.normalize(bag @ torch.from_numpy(lexicon.vectors), dim=0).numpy()
    terms, weights = (torch.tensor([row[f"lexical_{part}"]]) for part in ("terms", "weights"))
    lexical = model.recipe_encoder.lexical.eval()
    with torch.no_grad():
        found = lexical(terms.long(), weights)[0].numpy()
    np.testing.assert_allclose(found, (unit - lexicon.mean) / lexicon.std, atol=1e-4)
    before = lexical.vectors.detach().clone()
    load_model_weights(model, train(run, own, EXECUTOR, name="bags").best_checkpoint)
    assert not torch.equal(lexical.vectors, before)
    path = own.calibrator / "manifest.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))  # as if fitted anew
    with pytest.raises(ArtifactError, match="made with another calibrator"):
        lexicon_for(run, again)
