"""The ridge regression beside a training: fitted, trained with, resumed, begun from."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from seje_ray.artifact import read_shard
from seje_ray.baselines.ridge import PENALTIES
from seje_ray.calibration.corpus import recipe_text
from seje_ray.config import load_run, run_to_dict, with_settings
from seje_ray.features.checkpoint import load_model
from seje_ray.features.encoder import Encoder
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.initial import prepare_initial
from seje_ray.pipeline.ridge_fit import Sums, fit_ridge
from seje_ray.pipeline.train import train
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.training.checkpoints import checkpoint_name
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally, copied, rows_of

SETTINGS = (
    "calibrate.lexical.enabled=true", "calibrate.lexical.dim=8", "model.recipe_encoder=none",
    "model.lexical=fixed", "model.head=residual", "model.head_hidden=16",
    "model.freeze_backbone=true", "model.backbone.weights=categorizer", "model.ridge_share=0.4",
    "train.num_epochs=2",
)  # fmt: skip
PARTS = ("recipes", "calibrator", "calibrated", "cookbook-120-0")


def slow_twin(features, targets, penalty):
    """scikit-learn's own, on standardised features: predictions (n, L) of all rows."""
    scaled = StandardScaler().fit_transform(features)
    return Ridge(alpha=penalty).fit(scaled, targets).predict(scaled)


def test_sums_of_pieces_give_what_scikit_learn_gives_of_all():
    """More features than pairs, one that never changes, and targets that are not centred."""
    draw = np.random.default_rng(0)
    features = draw.normal(5.0, 3.0, (30, 40)).astype(np.float32)
    features[:, 7] = 0.1
    targets = draw.normal(1.0, 1.0, (30, 6)).astype(np.float32)
    sums = Sums.empty(40, 6)
    for rows in (slice(0, 1), slice(1, 12), slice(12, 30)):
        sums.add(features[rows], targets[rows])
    penalties = []
    for penalty, weights, bias in sums.maps():
        # What the map leaves out is the mean of the targets, which are centred bags.
        found = features @ weights.T + bias + targets.mean(0)
        np.testing.assert_allclose(found, slow_twin(features, targets, penalty), atol=1e-5)
        assert not weights[:, 7].any()
        penalties.append(penalty)
    assert penalties == list(PENALTIES)


@pytest.fixture(scope="module")
def own(tmp_path_factory, cookbook, calibrated):
    """A workspace with stored features and bags, and a training in it."""
    workspace = copied(cookbook, tmp_path_factory.mktemp("ridge"), *PARTS)
    calibrated_locally(tiny_run(*SETTINGS), None, workspace)
    train(load_run(workspace.calibrated_run, ["train.num_epochs=2"]), workspace, EXECUTOR, name="a")
    return workspace


def run_of(workspace, *settings):
    return load_run(workspace.calibrated_run, ["train.num_epochs=2", *settings])


def first_photos(workspace, partition):
    """Features and ids by a plain reading of the shards."""
    calibrated = workspace.open_calibrated()
    rows = [
        row
        for path in calibrated.shards(partition)
        for row in read_shard(path, ["id", "image_features"]).to_pylist()
    ]
    return np.array([row["image_features"][0] for row in rows]), [row["id"] for row in rows]


def test_it_is_fitted_on_first_photos_and_unit_bags(own):
    """Beside a slow twin over all rows; fewer pairs are those that the training has."""
    run, calibrated = run_of(own), own.open_calibrated()
    ridge, penalty = fit_ridge(run, calibrated)
    features, ids = first_photos(own, "train")
    gallery = load_embeddings(
        embed_partition(train(run, own, EXECUTOR, name="a"), own, EXECUTOR, "train").shards("train")
    )
    order = [gallery.ids.index(name) for name in ids]
    dim = run.model.embedding_dim
    targets = gallery.recipe_embeddings[order, dim:] / np.sqrt(0.4)
    expected = slow_twin(features, targets, penalty) - targets.mean(0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = ridge(torch.from_numpy(features).float())
    np.testing.assert_allclose(found, expected, atol=1e-3)
    np.testing.assert_allclose(gallery.image_embeddings[order, dim:], found * 0.4**0.5, atol=1e-5)
    fewer, _ = fit_ridge(with_settings(run, {"train.max_pairs": 20}), calibrated)
    assert not torch.equal(fewer.weight, ridge.weight)


def test_it_stands_beside_every_embedding(own):
    """Of a partition, and of a recipe that the model has never seen; unit rows, D + L numbers."""
    run = run_of(own)
    trained = train(run, own, EXECUTOR, name="a")
    gallery = load_embeddings(embed_partition(trained, own, EXECUTOR, "test").shards("test"))
    assert gallery.recipe_embeddings.shape[1] == run.model.embedding_dim + 8
    assert load_model(trained.best_checkpoint).embedding_dim == run.model.embedding_dim + 8
    for rows in (gallery.image_embeddings, gallery.recipe_embeddings):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    recipes = {row["id"]: recipe_text(row) for row in rows_of(own.open_calibrated())}
    encoder = Encoder.load(trained.best_checkpoint, own, "cpu")
    found = encoder.embed_recipes([recipes[name] for name in gallery.ids])
    np.testing.assert_allclose(found, gallery.recipe_embeddings, atol=1e-5)


def test_what_is_learnt_is_what_it_would_be_without(own):
    """The same weights, bit by bit, epoch by epoch: the loss does not see the regression."""
    run = run_of(own)
    beside = train(run, own, EXECUTOR, name="a")
    without = train(run_of(own, "model.ridge_share=0"), own, EXECUTOR, name="without")
    last = [one.folder / checkpoint_name(2) for one in (beside, without)]
    states = [load_file(folder / "model.safetensors") for folder in last]
    extra = states[0].keys() - states[1].keys()
    assert extra == {"image_head.ridge.weight", "image_head.ridge.bias"}
    assert all(torch.equal(states[0][name], value) for name, value in states[1].items())


def test_a_training_that_begins_from_another_fits_its_own(own, tmp_path):
    """The regression is of the data at hand, here of fewer pairs."""
    trained = train(run_of(own), own, EXECUTOR, name="a")
    run = run_of(own, f"train.init_from={trained.folder.name}", "train.max_pairs=30")
    told = prepare_initial(run, own.open_calibrated(), tmp_path, own)
    assert not any("ridge.weight" in line for line in told)
    assert any("ridge regression beside it: penalty" in line for line in told)
    fitted = load_file(tmp_path / "ridge.safetensors")
    theirs = load_file(trained.best_checkpoint / "model.safetensors")
    assert not torch.equal(fitted["weight"], theirs["image_head.ridge.weight"])


@pytest.mark.parametrize(
    "settings",
    [
        {"model.freeze_backbone": False, "model.backbone.weights": None},
        {"model.lexical": "learnt"},
        {"model.lexical": "none"},
    ],
)
def test_a_model_without_its_ends_has_none(settings):
    """A preset may name a share that a changed model has no use for."""
    run = with_settings(tiny_run(*SETTINGS), settings)
    assert run_to_dict(run)["model"]["ridge_share"] == 0.4
    assert run.model.used_ridge_share == 0
