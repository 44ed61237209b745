"""Finished trainings side by side: what they rank by, and which do not go together."""

import shutil

import numpy as np
import pytest

from seje_ray.errors import ArtifactError, ConfigError
from seje_ray.features.checkpoint import load_model
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.ensemble import make_ensemble
from seje_ray.pipeline.runs import TrainedRun, open_run
from seje_ray.pipeline.train import train
from seje_ray.report.training import as_text
from seje_ray.retrieval.embeddings import load_embeddings
from tests.unit.pipeline.calibrated import tiny_run


@pytest.fixture
def trainings(workspace, local):
    """Two seeds of one run, ``a`` and ``b``."""
    return [
        train(tiny_run(seed=seed), workspace, local, name=name)
        for name, seed in (("a", 0), ("b", 1))
    ]


def embedded(trained, workspace, local):
    """Image and recipe embeddings of the test pairs."""
    found = load_embeddings(embed_partition(trained, workspace, local, "test").shards("test"))
    return found.image_embeddings, found.recipe_embeddings


def test_it_is_a_run_whose_similarities_are_the_mean_of_its_members(workspace, local, trainings):
    made = make_ensemble(["a", "b"], workspace, local, name="ab")

    (images, recipes), *own = (embedded(one, workspace, local) for one in (made, *trainings))
    np.testing.assert_allclose(
        images @ recipes.T, np.mean([i @ r.T for i, r in own], axis=0), atol=1e-6
    )
    assert load_model(made.best_checkpoint).embedding_dim == images.shape[1]
    assert open_run(workspace, "ab") == made == TrainedRun.read(made.folder)
    assert made.made == "ensemble of a, b"
    assert 0 < made.metrics["val/selection_score"] <= 2.4
    assert as_text(made.folder).startswith("ensemble of a, b\n")


def test_trainings_of_different_models_rank_by_the_mean_of_all_as_well(workspace, local, trainings):
    """Two that differ in their seed, and two with settings of their own, in any order."""
    others = [
        train(tiny_run(**settings), workspace, local, name=name)
        for name, settings in (
            ("aa", {"model__embedding_dim": 12}),
            ("other", {"model__dropout": 0.25}),
        )
    ]
    made = make_ensemble(["other", "a", "aa", "b"], workspace, local, name="mixed")

    members = [*trainings, *others]
    (images, recipes), *own = (embedded(one, workspace, local) for one in (made, *members))
    np.testing.assert_allclose(
        images @ recipes.T, np.mean([i @ r.T for i, r in own], axis=0), atol=1e-6
    )
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-6)
    loaded = load_model(made.best_checkpoint)
    assert [len(kind.origin.members) for kind in loaded.kinds] == [2, 0, 0]
    assert loaded.embedding_dim == images.shape[1]
    assert make_ensemble(["b", "a", "aa", "other"], workspace, local, name="mixed") == made
    assert made.made == "ensemble of a, aa, b, other"


def test_it_is_made_once(workspace, local, trainings):
    """The same trainings again, in any order, touch no file; others of this name are refused."""
    made = make_ensemble(["a", "b"], workspace, local, name="ab")
    before = {path: path.stat().st_mtime_ns for path in made.folder.rglob("*")}

    assert make_ensemble(["b", "a"], workspace, local, name="ab") == made
    assert {path: path.stat().st_mtime_ns for path in made.folder.rglob("*")} == before

    train(tiny_run(seed=2), workspace, local, name="c")
    with pytest.raises(ArtifactError, match="an ensemble of a, b, or of other weights"):
        make_ensemble(["a", "c"], workspace, local, name="ab")
    with pytest.raises(ArtifactError, match="something of that name is there"):
        make_ensemble(["a", "b"], workspace, local, name="c")


def test_one_that_was_killed_before_its_end_is_made(workspace, local, trainings):
    """Its checkpoint is there, what it reached on val is not."""
    made = make_ensemble(["a", "b"], workspace, local, name="ab")
    (made.folder / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match="an ensemble of a, b; choose another name"):
        train(tiny_run(), workspace, local, name="ab")

    assert make_ensemble(["a", "b"], workspace, local, name="ab") == made


def test_what_a_kill_left_of_its_checkpoint_is_in_nobodys_way(workspace, local, trainings):
    left = workspace.run("ab") / ".checkpoint-00001.partial"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")

    made = make_ensemble(["a", "b"], workspace, local, name="ab")

    assert open_run(workspace, "ab") == made
    assert not left.exists()


def test_a_damaged_one_names_the_command_that_makes_it_again(workspace, local, trainings):
    made = make_ensemble(["a", "b"], workspace, local, name="ab")
    weights = made.best_checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])

    with pytest.raises(ArtifactError, match="run `seje-ray ensemble a b --run ab` again"):
        open_run(workspace, "ab")
    assert make_ensemble(["a", "b"], workspace, local, name="ab") == open_run(workspace, "ab")


def test_a_training_neither_takes_its_name_nor_starts_from_it(workspace, local, trainings):
    make_ensemble(["a", "b"], workspace, local, name="ab")

    with pytest.raises(ArtifactError, match="an ensemble of a, b; choose another name"):
        train(tiny_run(), workspace, local, name="ab")
    with pytest.raises(ArtifactError, match="an ensemble; name one of its members"):
        train(tiny_run(train__init_from="ab"), workspace, local, name="c")


@pytest.mark.parametrize("names", [["a"], ["a", "a"]])
def test_it_takes_two_different_trainings(workspace, local, trainings, names):
    with pytest.raises(ArtifactError, match="two or more different trainings"):
        make_ensemble(names, workspace, local, name="ab")


def test_what_can_be_no_training_is_refused_as_that(workspace, local):
    with pytest.raises(ConfigError, match=r"TRAINING '\.\./a': expected"):
        make_ensemble(["a", "../a"], workspace, local, name="ab")


def test_what_is_no_training_of_the_same_data_is_refused(workspace, local, trainings, tmp_path):
    """By name: another calibration, an ensemble, one that is not there."""
    make_ensemble(["a", "b"], workspace, local, name="ab")
    with pytest.raises(ArtifactError, match="an ensemble itself, of a, b"):
        make_ensemble(["a", "ab"], workspace, local, name="more")
    with pytest.raises(ArtifactError, match="no finished training named 'none'"):
        make_ensemble(["a", "none"], workspace, local, name="more")

    stored = trainings[1].best_checkpoint / "run.json"
    (trainings[1].best_checkpoint / "files.json").unlink()
    known = load_model(trainings[1].best_checkpoint).origin.calibrated_hash
    stored.write_text(stored.read_text().replace(known, "0" * len(known)))
    with pytest.raises(ArtifactError, match="trained on other calibrated recipes"):
        make_ensemble(["a", "b"], workspace, local, name="more")


def test_a_member_may_go_once_it_is_made(workspace, local, trainings):
    """An ensemble holds the weights of all."""
    made = make_ensemble(["a", "b"], workspace, local, name="ab")
    before = embedded(made, workspace, local)
    shutil.rmtree(trainings[0].folder)
    shutil.rmtree(workspace.embeddings("ab", "test"))

    again = embedded(open_run(workspace, "ab"), workspace, local)
    assert all(np.array_equal(one, two) for one, two in zip(before, again, strict=True))
