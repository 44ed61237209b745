"""The exported folder: weights, settings, word lists, the loader, ONNX files, the model card."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from seje_ray import __version__
from seje_ray.artifact import partial_folder, write_json, write_text
from seje_ray.export.card import Facts, model_card
from seje_ray.export.evaluations import stored_evaluations
from seje_ray.export.examples import Examples, as_plain, examples_of
from seje_ray.export.onnx_encoders import IMAGE, RECIPE, require_onnx, run_onnx, write_onnx
from seje_ray.export.photo_side import PhotoParts, photo_parts, photo_side
from seje_ray.export.recipe_side import ExportError, recipe_side, require_exportable
from seje_ray.export.seje_encoder import FORMAT, RecipePhotoModel, load
from seje_ray.export.side import Side, together
from seje_ray.features.encoder import Encoder, EncoderParts, find_parts, members_of
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.workspace import Workspace

LOADER = "seje_encoder"  # the package in the folder
TOLERANCE = 1e-4  # largest difference of a number of a unit row
ALWAYS = ("torch", "safetensors", "pillow", "numpy")  # what the loader imports


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how far it is from this package."""

    folder: Path
    difference: float  # largest, of the numbers of unit rows
    onnx_difference: float | None  # likewise, where there are ONNX files
    num_evaluations: int  # that the model card shows


def export_run(
    trained: TrainedRun,
    workspace: Workspace,
    folder: Path,
    *,
    onnx: bool = False,
    licence: str | None = None,
) -> Exported:
    """Write the best checkpoint of a training as a folder that plain torch loads.

    The folder is compared with this package on pairs of the workspace before it gets its name.

    Args:
        trained: The training.
        workspace: Where it was calibrated.
        folder: Not there yet, or empty.
        onnx: Write both encoders as ONNX, too.
        licence: Of the weights, as the model card says it; None if nobody has chosen one.

    Raises:
        ExportError: If something is in the folder, the training reads what cannot be had of a new
            recipe, or the folder gives other numbers.
        ArtifactError: If the workspace is not the one of the training.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExportError(f"{folder}: expected a new folder, found something there; name another")
    parts = find_parts(trained.best_checkpoint, workspace, "cpu")
    if parts.trained.kinds:
        raise ExportError(
            f"{trained.folder}: an ensemble of different models, {', '.join(trained.members)}; "
            "expected one training, or an ensemble that differs in seeds; export its members"
        )
    require_exportable(parts.run)
    if onnx:
        require_onnx(parts.run, trained.members)
    examples = examples_of(Encoder(*parts), parts.calibrated)
    building = partial_folder(folder)
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    members = members_of(parts)
    found = [photo_parts(one) for one in members]
    photo = together([photo_side(one, its) for one, its in zip(members, found, strict=True)])
    recipe = together([recipe_side(one, building) for one in members])
    _write(building, trained, parts, photo, recipe)
    model = load(building)
    difference = _difference(model, examples)
    onnx_difference = _onnx(building, parts, found[0], model, examples) if onnx else None
    evaluations = stored_evaluations(trained, workspace, parts)
    packages = _versions([*ALWAYS, *photo.packages, *recipe.packages])
    facts = Facts(
        trained,
        workspace,
        parts,
        found[0],
        examples,
        difference,
        onnx_difference,
        packages,
        licence,
    )
    write_text(building / "README.md", model_card(facts, evaluations))
    if folder.exists():
        folder.rmdir()
    building.rename(folder)
    return Exported(folder, difference, onnx_difference, len(evaluations))


def _write(
    folder: Path, trained: TrainedRun, parts: EncoderParts, photo: Side, recipe: Side
) -> None:
    """All files but the ONNX ones and the card."""
    origin = parts.trained.origin
    config: dict[str, Any] = {
        "format": FORMAT,
        "made_by": {
            "seje_ray": __version__,
            "torch": torch.__version__,
            "run": trained.folder.name,
            "epoch": trained.best_epoch,
            "calibrated": origin.calibrated_hash,
        },
        "members": len(origin.members),
        "embedding_dim": parts.trained.embedding_dim,
        "word_dim": origin.facts["word_dim"],
        "networks": photo.networks,
        "photo": photo.settings,
        "recipe": recipe.settings,
    }
    write_json(folder / "config.json", config)
    text = json.dumps(recipe.vocabulary, ensure_ascii=False)
    write_text(folder / "vocabulary.json", text)
    weights = photo.weights | recipe.weights
    plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    save_file(plain, folder / "model.safetensors")
    packages = _versions([*ALWAYS, *photo.packages, *recipe.packages])
    lines = [f"{name}=={number}\n" for name, number in packages.items()]
    write_text(folder / "requirements.txt", "".join(lines))
    copy_loader(folder)


def copy_loader(folder: Path) -> None:
    """Put the loader's modules into ``folder``, as they are."""
    target = folder / LOADER
    target.mkdir()
    for one in resources.files(f"{__package__}.{LOADER}").iterdir():
        if one.name.endswith(".py"):
            write_text(target / one.name, one.read_text(encoding="utf-8"))


def _versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions, without what says how torch was built."""
    return {name: version(name).partition("+")[0] for name in dict.fromkeys(packages)}


def _difference(model: RecipePhotoModel, examples: Examples) -> float:
    """Largest difference of the loader's numbers from this package's.

    Raises:
        ExportError: If it is too large, which is a bug here.
    """
    photos = model.embed_photos(examples.photos).numpy()
    recipes = model.embed_recipes([as_plain(recipe) for recipe in examples.recipes]).numpy()
    return _largest("the loader", examples, photos, recipes)


def _onnx(
    folder: Path,
    parts: EncoderParts,
    found: PhotoParts,
    model: RecipePhotoModel,
    examples: Examples,
) -> float:
    """Write the ONNX files; largest difference of their numbers from this package's."""
    photos = [model.photo_inputs(photo) for photo in examples.photos]
    recipes = [model.recipe_inputs(as_plain(recipe)) for recipe in examples.recipes]
    write_onnx(folder, parts, found, photos[0], recipes[0])
    rows = [
        np.concatenate([run_onnx(folder / name, one) for one in inputs])
        for name, inputs in ((IMAGE, photos), (RECIPE, recipes))
    ]
    return _largest("ONNX", examples, *rows)


def _largest(what: str, examples: Examples, photos: np.ndarray, recipes: np.ndarray) -> float:
    found: Mapping[str, float] = {
        "photos": float(np.abs(photos - examples.image_embeddings).max()),
        "recipes": float(np.abs(recipes - examples.recipe_embeddings).max()),
    }
    for of, difference in found.items():
        if not difference <= TOLERANCE:  # NaN, too
            raise ExportError(
                f"{what} embeds {of} of partition {examples.partition} otherwise than seje_ray: "
                f"expected a difference of at most {TOLERANCE:g}, found {difference:.2g}; please "
                "report it with the training's run.json"
            )
    return max(found.values())
