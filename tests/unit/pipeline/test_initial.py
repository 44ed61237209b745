"""A training that starts from another one, of this workspace or of another."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from safetensors.torch import load_file

from seje_ray.artifact import Manifest, Plan, write_json
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import with_overrides
from seje_ray.errors import ArtifactError
from seje_ray.pipeline.initial import prepare_initial, with_shape_of_start
from seje_ray.pipeline.initial_axes import fitted_for, word_map
from seje_ray.pipeline.train import train
from seje_ray.training.loaders import loaders_of, origin_of
from seje_ray.training.loop import Trainer
from seje_ray.training.worker import LocalWorker
from tests.trainings import assert_equal_weights, history_of
from tests.unit.pipeline.calibrated import calibrated_workspace, tiny_run


def with_facts(workspace, **facts):
    """Say something else in the manifest of the calibrated recipes."""
    path = workspace.calibrated / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["facts"] |= facts
    path.write_text(json.dumps(manifest))


def started(workspace, folder, **settings):
    """Weights of a model at the start of its training in ``folder``."""
    run, calibrated = tiny_run(**settings), workspace.open_calibrated()
    folder.mkdir()
    prepare_initial(run, calibrated, folder, workspace)
    worker = LocalWorker(folder)
    trainer = Trainer(run, origin_of(run, calibrated), loaders_of(run, calibrated, worker), worker)
    return trainer.state.model.state_dict()


def weights_of(trained):
    """Weights of a training's best epoch."""
    return load_file(trained.best_checkpoint / "model.safetensors")


@pytest.mark.parametrize("place", ["name", "run", "checkpoint"])
def test_a_training_starts_where_another_one_ended(workspace, local, tmp_path, capsys, place):
    """The whole model, by the name in this workspace, the folder of a run, or of a checkpoint."""
    first = train(tiny_run(), workspace, local, name="first")
    places = {"name": "first", "run": str(first.folder), "checkpoint": str(first.best_checkpoint)}

    init = {"train__init_from": places[place]}

    train(tiny_run(1, **init), workspace, local, name="second")
    found = started(workspace, tmp_path / "start", **init)

    expected = weights_of(first)
    assert found.keys() == expected.keys()
    assert all(value.equal(expected[name]) for name, value in found.items())
    told = capsys.readouterr().err
    assert "taken: image_head.projection (" in told
    assert "new: nothing\ndropped: nothing\n" in told


def test_a_resumed_training_needs_its_start_no_more(workspace, local):
    """Bit by bit as in one go; and another start under its name is refused."""
    train(tiny_run(1), workspace, local, name="first")
    other = train(tiny_run(1, seed=1), workspace, local, name="other")
    init = {"train__init_from": "first"}
    whole = train(tiny_run(3, **init), workspace, local, name="whole")
    train(tiny_run(1, **init), workspace, local, name="parts")

    (workspace.run("parts") / "initial.safetensors").unlink()
    moved = shutil.copytree(workspace.run("first"), workspace.run("moved"))
    parts = train(tiny_run(3, train__init_from=str(moved)), workspace, local, name="parts")

    assert history_of(parts) == history_of(whole)
    assert_equal_weights(parts, whole)
    for another in (str(other.folder), None):
        with pytest.raises(ArtifactError, match=r"made with another start \(train.init_from\)"):
            train(tiny_run(4, train__init_from=another), workspace, local, name="parts")

    shutil.rmtree(workspace.run("first"))
    again = train(tiny_run(3, **init), workspace, local, name="whole")
    assert history_of(again) == history_of(whole)
    shaped = with_shape_of_start(tiny_run(), "first", workspace, workspace.run("whole"))
    assert shaped.model == tiny_run().model
    longer = train(tiny_run(4, **init), workspace, local, name="whole")
    assert history_of(longer)[:3] == history_of(parts)
    with pytest.raises(ArtifactError, match="expected the folder of a finished training"):
        train(tiny_run(4, **init), workspace, local, name="new")


def test_categories_are_taken_by_name_and_other_words_are_new(workspace, local, tmp_path):
    """Of another workspace, whose words nobody can compare: its calibrator is gone."""
    big = calibrated_workspace(tmp_path / "big")
    with_facts(big, vocabulary_hash="others", category_names=["background", "soup", "cake"])
    with_facts(workspace, category_names=["background", "cake", "bread"])
    first = train(tiny_run(), big, local, name="first")
    given, fresh = weights_of(first), started(workspace, tmp_path / "fresh")
    init = {"train__init_from": str(first.folder)}

    found = started(workspace, tmp_path / "start", **init)

    head = "category_head.linear.weight"
    assert found[head][0].equal(given[head][0])
    assert found[head][1].equal(given[head][2])
    assert found[head][2].equal(fresh[head][2])
    image = "image_head.projection.linear.weight"  # 5 pooled features, 4 of the category's words
    assert found[image][:, :5].equal(given[image][:, :5])
    assert found[image][:, 5:].equal(fresh[image][:, 5:])
    told = prepare_initial(
        tiny_run(**init), workspace.open_calibrated(), tmp_path / "start", workspace
    )
    assert "category_head.linear (0 of 2 tensors, 67% of weight, 67% of bias)" in told[1]
    assert "56% of linear.weight" in told[1]


@pytest.mark.parametrize(("theirs", "is_same"), [("ours", True), ("others", False), (None, False)])
def test_pooled_features_are_the_same_where_the_weights_are(
    workspace, local, tmp_path, theirs, is_same
):
    """One network's name with another file of weights is another network."""
    big = calibrated_workspace(tmp_path / "big")
    features = workspace.open_calibrated().manifest.facts["image_features_of"]
    with_facts(workspace, image_features_of=features | {"weights_hash": "ours"})
    with_facts(big, image_features_of=features | {"weights": "there.pth", "weights_hash": theirs})
    first = train(tiny_run(1, model__backbone__weights="there.pth"), big, local, name="first")

    found = started(workspace, tmp_path / "start", train__init_from=str(first.folder))

    image = "image_head.projection.linear.weight"  # 5 pooled features, 4 of the category's words
    given = weights_of(first)[image]
    assert found[image][:, :5].equal(given[:, :5]) == is_same
    assert found[image][:, 5:].equal(given[:, 5:])


def test_what_is_fitted_anew_since_tells_nothing_of_a_training_before(workspace):
    """Terms have names by the calibrator of the very recipes that were trained on."""
    hashes = []
    for seed in (0, 1):
        plan = Plan(kind="calibrator", section={}, inputs={}, seed=seed)
        manifest = Manifest(plan=plan, seje_ray_version="1")
        workspace.calibrator.mkdir(exist_ok=True)
        write_json(workspace.calibrator / "manifest.json", asdict(manifest))
        hashes.append(workspace.open_calibrator().content_hash)
    path = workspace.calibrated / "manifest.json"
    stored = json.loads(path.read_text())
    for calibrator, is_fitted in zip(hashes, (False, True), strict=True):
        stored["plan"]["inputs"] = {"calibrator": calibrator}
        path.write_text(json.dumps(stored))
        calibrated = workspace.open_calibrated().content_hash
        assert fitted_for(workspace, calibrated) == (workspace if is_fitted else None)
        assert fitted_for(workspace, "another") is None


def test_nothing_that_fits_is_an_error(workspace, local):
    """And so is a place where no training is."""
    train(tiny_run(1), workspace, local, name="first")
    with pytest.raises(ArtifactError, match=r"nothing of this training fits the run.* new: "):
        train(
            tiny_run(1, model__embedding_dim=5, model__lstm_dim=3, train__init_from="first"),
            workspace,
            local,
            name="second",
        )
    with pytest.raises(ArtifactError, match="expected the folder of a finished training"):
        train(tiny_run(1, train__init_from="none"), workspace, local, name="second")


def test_a_map_between_word_vectors_is_learnt_from_the_words_that_both_have():
    """One space is a turned copy of the other; too few words give none."""
    generator = np.random.default_rng(0)
    words = [f"word{n}" for n in range(300)]
    theirs = generator.normal(size=(300, 6)).astype(np.float32)
    turn = np.linalg.qr(generator.normal(size=(6, 6)))[0].astype(np.float32)
    given = WordVectors(words, theirs)
    own = WordVectors(
        [*reversed(words[50:]), "own"], np.vstack([(theirs @ turn)[:49:-1], turn[:1]])
    )

    matrix = word_map(own, given)

    assert matrix is not None
    np.testing.assert_allclose(own.matrix[:-1] @ matrix.numpy(), theirs[:49:-1], atol=0.02)
    assert word_map(own, WordVectors(words[:60], theirs[:60])) is None


def test_a_worker_needs_the_training_s_own_folder_alone(tmp_path, workspace, local):
    """What the driver has put there once: the other training may be out of its reach."""
    first = train(tiny_run(1), workspace, local, name="first")
    run, calibrated = tiny_run(1, train__init_from="first"), workspace.open_calibrated()
    prepare_initial(run, calibrated, tmp_path, workspace)
    expected = weights_of(first)
    shutil.rmtree(first.folder)

    worker = LocalWorker(tmp_path)
    trainer = Trainer(run, origin_of(run, calibrated), loaders_of(run, calibrated, worker), worker)

    found = trainer.state.model.state_dict()
    assert all(value.equal(expected[name]) for name, value in found.items())


def test_the_model_and_the_loss_of_the_start_are_taken_and_the_image_network_is_not(
    workspace, local
):
    """So that it fits as it is; what is laid over it afterwards counts."""
    settings = {"model__embedding_dim": 7, "loss__kind": "info_nce", "train__learning_rate": 0.5}
    train(tiny_run(1, **settings), workspace, local, name="first")
    own = tiny_run(model__backbone__crop=100, model__dropout=0.1)

    run = with_shape_of_start(own, "first", workspace, workspace.run("new"))

    assert run.model.embedding_dim == 7
    assert run.model.backbone == own.model.backbone
    assert run.model.dropout == tiny_run().model.dropout
    assert run.loss.kind == "info_nce"
    assert run.train == replace(own.train, init_from="first")
    assert with_overrides(run, ["model.embedding_dim=8"]).model.embedding_dim == 8
