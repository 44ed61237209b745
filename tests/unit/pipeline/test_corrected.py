"""Embeddings corrected for hubs, from a training to its evaluation and a search."""

import json

import numpy as np
import pytest
import torch

from seje_ray.config.evaluate import HubnessConfig
from seje_ray.errors import ArtifactError, ConfigError
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.evaluate import evaluate_run
from seje_ray.pipeline.gallery_choice import GalleryChoice
from seje_ray.pipeline.index.build import build_index
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.pipeline.measured import measured_run
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.retrieval.hubness import corrected_recipes, hubness
from seje_ray.retrieval.index.filters import Filters
from seje_ray.training.checkpoints import NOTED
from tests.unit.pipeline.locally import EXECUTOR, copied, rows_of, searcher

WEIGHT, NEIGHBOURS = 0.5, 3


@pytest.fixture
def corrected(cookbook, trained, tmp_path):
    """A workspace and a training whose run corrects for hubs."""
    copy = copied(cookbook, tmp_path, "recipes", "calibrator", "calibrated", "runs")
    folder = copy.runs / trained.folder.name
    path = folder / trained.best_checkpoint.name / "run.json"
    stored = json.loads(path.read_text())
    stored["run"]["evaluate"]["hubness"] = {"weight": WEIGHT, "num_neighbours": NEIGHBOURS}
    path.write_text(json.dumps(stored))
    (path.parent / NOTED).unlink()  # else the checkpoint is damaged
    return copy, TrainedRun.read(folder)


def test_embeddings_are_corrected_by_train_pairs(cookbook, trained, corrected):
    """Those of the model stay beside them; the second time nothing is made."""
    workspace, run = corrected
    plain = {
        p: pairs_of(embed_partition(trained, cookbook, EXECUTOR, p)) for p in ("train", "test")
    }

    artifact = embed_partition(run, workspace, EXECUTOR, "test")

    found = pairs_of(artifact)
    recipes = torch.from_numpy(plain["test"].recipe_embeddings)
    hubs = hubness(recipes, torch.from_numpy(plain["train"].image_embeddings), NEIGHBOURS)
    expected = corrected_recipes(recipes, hubs, WEIGHT).numpy()
    np.testing.assert_allclose(found.recipe_embeddings, expected, atol=1e-5)
    assert found.ids == plain["test"].ids
    again = embed_partition(run, workspace, EXECUTOR, "test")
    assert again.content_hash == artifact.content_hash
    evaluated = evaluate_run(
        run, workspace, EXECUTOR, partition="test", choice=GalleryChoice(sizes=(10,))
    )
    assert evaluated.galleries


def test_a_search_comes_in_the_order_of_the_evaluation(corrected, tmp_path):
    """By the corrected similarity, also for a recipe of a file; what is shown is the cosine."""
    workspace, run = corrected
    search = searcher(run, workspace)
    evaluated = pairs_of(embed_partition(run, workspace, EXECUTOR, "test"))
    stored = next(r for r in rows_of(workspace.open_recipes()) if r["id"] == evaluated.ids[0])
    path = tmp_path / "one.jsonl"
    names = ("id", "title", "ingredients", "instructions", "entities")
    path.write_text(json.dumps({name: stored[name] for name in names}))
    only_test = Filters(partitions=("test",))

    by_id = search.recipe(evaluated.ids[0], 100, wanted=only_test)
    by_file = search.recipe(path, 100, wanted=only_test)

    first = set(evaluated.image_ids)  # an evaluation knows the first photo of a recipe alone
    order = np.argsort(-(evaluated.image_embeddings @ evaluated.recipe_embeddings[0]))
    expected = [evaluated.image_ids[row] for row in order]
    for found in (by_id, by_file):
        assert [hit.id for hit in found if hit.id in first][:8] == expected[:8]
    model = pairs_of(embed_partition_plain(run, workspace))
    cosines = model.image_embeddings @ model.recipe_embeddings[0]
    for hit in by_id:
        if hit.id in first:
            row = model.image_ids.index(hit.id)
            assert hit.similarity == pytest.approx(cosines[row], abs=1e-4)


def test_an_index_without_hubs_is_given_them_without_embedding_anew(corrected):
    """A search that corrects says that it cannot; the index that is made again can."""
    workspace, run = corrected
    build_index(run, workspace, EXECUTOR, overrides=["evaluate.hubness.weight=0"])
    embed_partition(run, workspace, EXECUTOR, "train", HubnessConfig(weight=0.0))
    search = Searcher.open(workspace, run.folder.name)
    recipe_id = search.index.side("recipes").entries.row(0)["id"]
    with pytest.raises(ArtifactError, match=r"without evaluate\.hubness"):
        search.recipe(recipe_id)
    settings = ["evaluate.hubness.weight=0"]
    assert Searcher.open(workspace, run.folder.name, settings=settings).recipe(recipe_id)

    build_index(run, workspace, EXECUTOR)

    assert Searcher.open(workspace, run.folder.name).recipe(recipe_id)


def test_a_finished_training_takes_another_hubness(cookbook, trained, corrected):
    """Of a training without: corrected by ``--set``; of one with: another, or none."""
    workspace, run = corrected
    settings = ["evaluate.hubness.weight=0.5", "evaluate.hubness.num_neighbours=3"]
    expected = pairs_of(embed_partition(run, workspace, EXECUTOR, "test"))
    plain_run = measured_run(trained, settings)

    made = embed_partition(trained, cookbook, EXECUTOR, "test", plain_run.evaluate.hubness)

    np.testing.assert_allclose(
        pairs_of(made).image_embeddings, expected.image_embeddings, atol=1e-6
    )
    for weight, extra in ((0.25, 4), (0.0, 0)):
        overrides = [f"evaluate.hubness.weight={weight}"]
        other = measured_run(run, overrides).evaluate.hubness
        found = pairs_of(embed_partition(run, workspace, EXECUTOR, "test", other))
        dim = trained_dim(run)
        assert found.image_embeddings.shape[1] == dim + extra
        evaluated = evaluate_run(
            run,
            workspace,
            EXECUTOR,
            partition="test",
            choice=GalleryChoice(sizes=(10,)),
            overrides=overrides,
        )
        report = json.loads((evaluated.folder / "report.json").read_text())
        assert report["run"]["evaluate"]["hubness"]["weight"] == weight


def test_a_finished_training_takes_settings_of_evaluation_alone(trained):
    """Others would say what it is not."""
    with pytest.raises(ConfigError, match=r"--set seed=3: expected a setting of evaluate\.\*"):
        measured_run(trained, ["seed=3"])


def trained_dim(run):
    """Dimensions of a training's model."""
    return measured_run(run).model.embedding_dim


def embed_partition_plain(run, workspace):
    """Embeddings as the model gives them."""
    none = HubnessConfig(weight=0.0)
    return embed_partition(run, workspace, EXECUTOR, "test", none)


def pairs_of(artifact):
    """Embeddings of an artifact."""
    return load_embeddings(artifact.shards())
