"""A training as a folder: the numbers of this package, without this package."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from seje_ray.config import load_run
from seje_ray.export.examples import as_plain, examples_of
from seje_ray.export.folder import LOADER, TOLERANCE, export_run
from seje_ray.export.recipe_side import ExportError, require_exportable
from seje_ray.export.seje_encoder import load
from seje_ray.features.checkpoint import read_origin
from seje_ray.features.encoder import Encoder, find_parts
from seje_ray.pipeline.ensemble import make_ensemble
from seje_ray.pipeline.runs import open_run
from seje_ray.pipeline.train import train
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally, copied

PARTS = ("recipes", "calibrator", "calibrated", "cookbook-120-0")

# What a user's process is without this package and Ray: a search for either is an error.
APART = """
import json, sys
class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("ray", "seje_ray"):
            raise ImportError(f"{name} was imported")
sys.meta_path.insert(0, Forbidden())
folder, photo = sys.argv[1:]
sys.path.append(folder)
from seje_encoder import load
model = load(folder)
recipes = json.load(sys.stdin)
rows = [model.embed_photos([photo]), model.embed_recipes(recipes)]
print(json.dumps([part.tolist() for part in rows]))
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory, cookbook, trained, trained_heads):
    """With networks of its own for photos and f_cat, and with one for both."""
    folder = tmp_path_factory.mktemp("exported")
    runs = {"own": trained, "one": trained_heads}
    return {name: export_run(run, cookbook, folder / name) for name, run in runs.items()}


@pytest.mark.parametrize("name", ["own", "one"])
def test_the_folder_alone_gives_the_packages_numbers(
    name, exported, cookbook, trained, trained_heads, tmp_path
):
    """In a process that cannot import this package, from a photo's file and recipes' texts."""
    run = trained if name == "own" else trained_heads
    encoder = Encoder.load(run.best_checkpoint, cookbook, "cpu")
    pairs = examples_of(encoder, cookbook.open_calibrated())
    (tmp_path / "dinner.jpg").write_bytes(pairs.photos[0])
    folder = tmp_path / "elsewhere"
    shutil.copytree(exported[name].folder, folder)

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", APART, str(folder), str(tmp_path / "dinner.jpg")],
        input=json.dumps([as_plain(recipe) for recipe in pairs.recipes] + [{}]),
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    photos, recipes = json.loads(done.stdout)
    np.testing.assert_allclose(photos, pairs.image_embeddings[:1], atol=1e-5)
    np.testing.assert_allclose(recipes[:-1], pairs.recipe_embeddings, atol=1e-5)
    assert np.linalg.norm(recipes[-1]) == pytest.approx(1)
    assert np.abs(pairs.recipe_embeddings[0] - pairs.recipe_embeddings[1]).max() > 1e-2


def test_one_network_for_photos_and_categories_is_stored_once(exported):
    """Another one beside it."""
    networks = {
        name: json.loads((found.folder / "config.json").read_text())["networks"].keys()
        for name, found in exported.items()
    }
    assert networks == {"own": {"image", "category"}, "one": {"image"}}


def test_what_is_written_says_its_difference_and_names_its_packages(exported):
    folder = exported["own"].folder
    assert exported["own"].difference <= 1e-5 < TOLERANCE
    assert not folder.with_name("own.partial").exists()
    needed = (folder / "requirements.txt").read_text().splitlines()
    assert [one.partition("==")[0] for one in needed] == [
        "torch", "safetensors", "pillow", "numpy", "timm",
    ]  # fmt: skip
    assert {path.suffix for path in (folder / LOADER).iterdir()} == {".py"}
    assert "/" not in (folder / "config.json").read_text().replace("test_resnet", "")


def test_rows_come_one_by_one_and_none_for_none(exported, tmp_path):
    """By path, by bytes; a field that a recipe does not have is named."""
    model = load(exported["own"].folder)
    Image.new("RGB", (70, 50), "red").save(tmp_path / "red.png")
    data = (tmp_path / "red.png").read_bytes()
    rows = model.embed_photos([tmp_path / "red.png", str(tmp_path / "red.png"), data])
    assert rows.dtype == torch.float32
    assert torch.equal(rows[0], rows[1])
    assert torch.equal(rows[0], rows[2])
    assert model.embed_photos([]).shape == model.embed_recipes([]).shape == (0, 16)
    with pytest.raises(ValueError, match=r"a recipe has title, .*; found steps"):
        model.embed_recipes([{"steps": ["Boil."]}])


def test_an_ensemble_is_exported_with_what_its_members_share_once(
    cookbook, trained, trained_heads, exported, tmp_path
):
    """Its cosines are the mean of theirs; there is no ONNX file of it, and none of two models."""
    run, _ = read_origin(trained_heads.best_checkpoint)
    train(replace(run, seed=5), cookbook, EXECUTOR, name="heads-5")
    made = make_ensemble(["heads", "heads-5"], cookbook, EXECUTOR, name="heads-both")

    folder = export_run(made, cookbook, tmp_path / "both").folder

    both, one = load(folder), load(exported["one"].folder)
    other = load(export_run(open_run(cookbook, "heads-5"), cookbook, tmp_path / "other").folder)
    photos = examples_of(
        Encoder.load(made.best_checkpoint, cookbook, "cpu"), cookbook.open_calibrated()
    ).photos
    found, *own = ((rows := m.embed_photos(photos)) @ rows.T for m in (both, one, other))
    torch.testing.assert_close(found, (own[0] + own[1]) / 2)
    weights = load_file(folder / "model.safetensors")
    network = [name for name in weights if ".image." in name]
    assert network  # frozen, so it is one for both
    assert not any(name.startswith("members.") for name in network)
    assert {name.split(".")[1] for name in weights if name.startswith("members.")} == {"0", "1"}
    assert "ensemble of heads, heads-5" in (folder / "README.md").read_text()
    with pytest.raises(ExportError, match="leave --onnx out, or export one of heads, heads-5"):
        export_run(made, cookbook, tmp_path / "onnx", onnx=True)
    mixed = make_ensemble(["heads", trained.folder.name], cookbook, EXECUTOR, name="heads-mixed")
    with pytest.raises(
        ExportError, match=f"an ensemble of different models, heads, {trained.folder.name};"
    ):
        export_run(mixed, cookbook, tmp_path / "mixed")


def test_another_format_of_the_folder_is_refused(exported, tmp_path):
    folder = tmp_path / "later"
    shutil.copytree(exported["own"].folder, folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(ValueError, match="expected format 1, found 99"):
        load(folder)


def test_a_folder_with_something_in_it_is_left_alone(cookbook, trained, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ExportError, match="expected a new folder, found something there"):
        export_run(trained, cookbook, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_gives_other_numbers_is_not_finished(
    cookbook, trained, tmp_path, monkeypatch
):
    """As it would be if the loader fell behind the package."""
    monkeypatch.setattr("seje_ray.export.seje_encoder.photos.JPEG_QUALITY", 5)
    with pytest.raises(ExportError, match=r"the loader embeds photos .* otherwise than seje_ray"):
        export_run(trained, cookbook, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def trained_on(folder, cookbook, *settings):
    """An epoch of another model on the same recipes, in a workspace of its own."""
    own = copied(cookbook, folder, *PARTS)
    calibrated_locally(tiny_run(*settings), None, own)
    run = load_run(own.calibrated_run, ["train.num_epochs=1"])
    return train(run, own, EXECUTOR, name="other"), own


@pytest.mark.parametrize("lexical", ["learnt", "fixed"])
def test_a_bag_and_a_residual_head_are_exported(tmp_path, cookbook, calibrated, lexical):
    """Without f_cat, with the tagger of lines that is not asked for its words; ridge beside it."""
    run, own = trained_on(
        tmp_path, cookbook, "calibrate.lexical.enabled=true", "calibrate.lexical.dim=8",
        "model.recipe_encoder=none", f"model.lexical={lexical}", "model.head=residual",
        "model.head_hidden=16", "model.use_image_category=false", "model.freeze_backbone=true",
        "model.backbone.weights=categorizer",
        *(["model.ridge_share=0.5"] if lexical == "fixed" else []),
    )  # fmt: skip
    onnx = lexical == "fixed" and find_spec("onnxscript") is not None
    found = export_run(run, own, tmp_path / "model", onnx=onnx)
    assert found.difference <= 1e-5
    assert not onnx or found.onnx_difference <= 1e-4
    card = (tmp_path / "model" / "README.md").read_text()
    assert ("ridge regression beside it has 50% of the similarity" in card) is (lexical == "fixed")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["photo"]["category"] is None


@pytest.mark.skipif(find_spec("transformers") is None, reason="needs the extra text")
@pytest.mark.parametrize(
    "settings",
    [
        ["model.recipe_encoder=text", "model.text.max_tokens=16", "model.text.training=lora",
         "model.text.lora_rank=2"],
        ["model.recipe_encoder=text", "model.text.layout=hierarchical",
         "model.recipe_transformer.dim=8", "model.text.key_terms=true"],
        ["calibrate.text_vectors=true", "model.recipe_encoder=transformer", "calibrate.rater=bert",
         "model.recipe_transformer.dim=8", "model.recipe_transformer.key_terms=true"],
        ["calibrate.sentence_encoder.backend=transformer"],
    ],
    ids=["sequence with LoRA", "hierarchical", "text vectors", "sentences"],
)  # fmt: skip
def test_text_networks_are_exported_with_their_tokenizer(tmp_path, cookbook, calibrated, settings):
    """Nothing of peft is left in the weights; what was published is not asked for again."""
    from tests.text_models import tiny_bert

    model = tiny_bert(tmp_path / "bert")
    run, own = trained_on(
        tmp_path, cookbook, f"calibrate.text_model={model}", "calibrate.text_tokens.store=true",
        *settings,
    )  # fmt: skip
    found = export_run(run, own, tmp_path / "model")
    assert found.difference <= 1e-5
    assert "transformers" in (tmp_path / "model" / "requirements.txt").read_text()
    pairs = examples_of(
        Encoder(*find_parts(run.best_checkpoint, own, "cpu")), own.open_calibrated()
    )
    shutil.rmtree(model)
    rows = load(tmp_path / "model").embed_recipes([as_plain(one) for one in pairs.recipes])
    np.testing.assert_allclose(rows, pairs.recipe_embeddings, atol=1e-5)


def test_sentence_vectors_from_a_file_are_told():
    """Nothing can make those of a new recipe; a model that does not read them has none to miss."""
    given = "calibrate.sentence_encoder.backend=file", "calibrate.sentence_encoder.file=x.parquet"
    with pytest.raises(ExportError, match=r"backend file: .*expected skip_instructions or"):
        require_exportable(tiny_run(*given))
    require_exportable(tiny_run(*given, "model.use_sentences=false"))
    require_exportable(tiny_run())
