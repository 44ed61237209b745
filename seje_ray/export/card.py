"""The model card of an exported folder: nothing in it but what was measured or is known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm

from seje_ray import __version__
from seje_ray.config import CATEGORIZER, BackboneConfig, RunConfig
from seje_ray.export.evaluations import Evaluation
from seje_ray.export.examples import Examples
from seje_ray.export.photo_side import PhotoParts
from seje_ray.features.encoder import EncoderParts
from seje_ray.features.inputs import Reads
from seje_ray.models.libraries import resolve
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.report.evaluation import ALL_METRICS, DIRECTIONS, NOT_MEASURED, SUM_NAME
from seje_ray.retrieval.protocol import RECALL_SUM
from seje_ray.workspace import Workspace

USE = """```python
import sys
sys.path.append("FOLDER")  # this one; pip install -r FOLDER/requirements.txt
from seje_encoder import load

model = load("FOLDER")
photos = model.embed_photos(["dinner.jpg"])
recipes = model.embed_recipes([{
    "title": "Tomato soup",
    "ingredients": ["4 ripe tomatoes", "1 onion"],
    "instructions": ["Chop both.", "Boil them for ten minutes."],
}])
print(photos @ recipes.T)  # cosine similarity: the larger, the likelier they are one dish
```"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card is filled from."""

    trained: TrainedRun
    workspace: Workspace
    parts: EncoderParts
    found: PhotoParts
    examples: Examples
    difference: float  # of the loader, from this package's numbers
    onnx_difference: float | None
    packages: Mapping[str, str]  # and their versions
    licence: str | None


def model_card(facts: Facts, evaluations: Sequence[Evaluation]) -> str:
    """The card as Markdown, with the header that model hubs read."""
    sections = {
        "Use": [USE, *_files(facts)],
        "What it is": list(_model(facts)),
        "Data": list(_data(facts)),
        "How good it is": list(_numbers(facts, evaluations)),
        "Checked": list(_checked(facts)),
        "Licence": list(_licence(facts)),
        "Intended use": [
            "Finding the recipe of a food photo and the photo of a recipe, among recipes like "
            "those it was trained on; sorting and comparing them; research on retrieval.",
        ],
        "What it cannot do": list(_limits(facts)),
    }
    header = [
        "---",
        f"license: {facts.licence or 'unknown'}",
        "tags: [recipe-retrieval, cross-modal-retrieval, food]",
        "---",
        "",
        f"# {facts.trained.folder.name}: photos and recipes as vectors of one space",
    ]
    body = [f"## {title}\n\n" + "\n\n".join(parts) for title, parts in sections.items()]
    return "\n".join(header) + "\n\n" + "\n\n".join(body) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is of words."""
    lines = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, lines, *rows))


def _files(facts: Facts) -> Iterator[str]:
    yield (
        "Vectors have length 1; their scalar product is the cosine similarity. `model.safetensors` "
        "holds the weights, `config.json` the settings, `vocabulary.json` the word lists, "
        "`seje_encoder/` the loader: plain Python and torch, to be read and changed."
    )
    if facts.onnx_difference is not None:
        yield (
            "`image_encoder.onnx` and `recipe_encoder.onnx` are the networks for any runtime "
            "of ONNX; `model.photo_inputs(file)` and `model.recipe_inputs(recipe)` give their "
            "inputs."
        )


def _model(facts: Facts) -> Iterator[str]:
    run, trained = facts.parts.run, facts.trained
    backbone = run.model.backbone
    reads = Reads.of(run.model)
    views = " and ".join("centre crop" if v == "crop" else "whole photo" for v in backbone.views)
    recipe = {
        f"{run.model.recipe_encoder} over its text": run.model.recipe_encoder != "none",
        "word vectors of its key terms": reads.key_terms and run.model.use_key_terms,
        "a bag of all its words": reads.lexical,
    }
    rows = [
        ["dimensions", str(facts.parts.trained.embedding_dim)],
        ["photo", f"{backbone.name}, {'frozen' if run.model.freeze_backbone else 'trained'}, "
                  f"{views}, {backbone.crop} pixels{', mirrored too' if backbone.flip else ''}"],
        ["recipe", "; ".join(name for name, is_there in recipe.items() if is_there)],
        ["head", _head(run)],
        ["loss", run.loss.kind],
        ["training", f"{_made(trained, run)}; batches of {run.train.global_batch_size} pairs"],
        ["made by", f"seje_ray {__version__}, run file {run.name}"],
        ["loader needs", ", ".join(f"{n} {v}" for n, v in facts.packages.items())],
    ]  # fmt: skip
    yield table(["", ""], rows).replace("---:", "---")


def _head(run: RunConfig) -> str:
    share = run.model.used_ridge_share
    beside = f"; a ridge regression beside it has {share:.0%} of the similarity" if share else ""
    return f"{run.model.head}{beside}"


def _made(trained: TrainedRun, run: RunConfig) -> str:
    if trained.members:
        return trained.made
    return f"best of {run.train.num_epochs} epochs at most: {trained.best_epoch}; seed {run.seed}"


def _data(facts: Facts) -> Iterator[str]:
    recipes, calibrated = facts.workspace.open_recipes(), facts.parts.calibrated
    if recipes.manifest.facts.get("is_made_up", False):
        yield "**The data is made up: the embedded cookbook of seje_ray, with drawn photos.**"
    sources = ", ".join(sorted(map(_file_name, recipes.manifest.plan.inputs)))
    if sources:
        yield f"Read from {sources}."
    pairs = calibrated.manifest.rows
    rows = [
        [name, f"{number:,}", f"{pairs.get(name, 0):,}"]
        for name, number in sorted(recipes.manifest.rows.items())
    ]
    yield table(["partition", "recipes", "with a photo"], rows)
    rejected = dict(recipes.manifest.rejected) | dict(calibrated.manifest.rejected)
    told = ", ".join(f"{name} {number:,}" for name, number in sorted(rejected.items()) if number)
    yield f"Left out, by reason: {told or 'none'}."
    yield (
        "All that was fitted (word vectors, term frequencies, categories, heads) was fitted on "
        f"train alone. Content hash of the calibrated data: `{calibrated.content_hash[:16]}`."
    )


def _file_name(name: str) -> str:
    return Path(name).name


def _numbers(facts: Facts, evaluations: Sequence[Evaluation]) -> Iterator[str]:
    if not evaluations:
        yield (
            f"Not evaluated: `seje-ray evaluate --run {facts.trained.folder.name}` has not been "
            "run on this training."
        )
        return
    yield (
        "Protocol: each photo ranks all recipes of its gallery by cosine, and each recipe all "
        "photos; no pair is twice in a gallery; ties count half. MedR "
        "is the median rank of the true match (1 is perfect), R@K the share of queries, in %, with "
        "theirs among the first K, MRR the mean of 1 / rank, in %, R-sum the sum of the recalls of "
        "both directions. Means over the galleries, ± the standard deviation over them, "
        "which says nothing of other seeds of the training."
    )
    yield (
        "Beside the model: an oracle that knows each dish's category and nothing else, the model "
        "with photos and recipes paired at random, and chance. The epoch was chosen on val, so "
        "numbers on val are a little too good, and those on train say nothing of new recipes."
    )
    for evaluation in evaluations:
        yield from _evaluation(evaluation)


def _evaluation(evaluation: Evaluation) -> Iterator[str]:
    for gallery in evaluation.galleries:
        repeats = gallery["num_repeats"]
        drawn = f"{repeats} galleries" if repeats > 1 else "one gallery"
        yield (
            f"**Partition {evaluation.partition}**, {evaluation.num_pairs:,} pairs: {drawn} of "
            f"{gallery['gallery_size']:,} pairs, draw {evaluation.draw}, seed {evaluation.seed}."
        )
        rows = [
            [f"{line['name']}, {direction}", *_cells(line, key, is_spread=repeats > 1)]
            for key, direction in DIRECTIONS.items()
            for line in gallery["lines"]
        ]
        yield table(["", *ALL_METRICS.values()], rows)
        sums = [
            [line["name"], _cell(line, RECALL_SUM, is_spread=repeats > 1)]
            for line in gallery["lines"]
        ]
        yield table(["both directions", SUM_NAME], sums)
    if evaluation.hub_weight > 0:
        yield (
            "These embeddings were corrected for hubs by the train pairs (evaluate.hubness.weight "
            f"{evaluation.hub_weight:g}). The loader gives them uncorrected, so nearest neighbours "
            "by plain cosine may be a little worse."
        )


def _cells(line: Mapping[str, Any], direction: str, *, is_spread: bool) -> Iterator[str]:
    for metric in ALL_METRICS:
        yield _cell(line, f"{metric}/{direction}", is_spread=is_spread)


def _cell(line: Mapping[str, Any], key: str, *, is_spread: bool) -> str:
    if key not in line["means"]:
        return NOT_MEASURED
    factor = 1.0 if key.startswith("median_rank") else 100.0
    text = f"{line['means'][key] * factor:.1f}"
    return f"{text} ± {line['deviations'][key] * factor:.1f}" if is_spread else text


def _checked(facts: Facts) -> Iterator[str]:
    number = len(facts.examples.photos)
    yield (
        f"{number} photos and {number} recipes of partition {facts.examples.partition}, embedded "
        f"by the loader and by seje_ray: largest difference of a number {facts.difference:.1e}."
    )
    if facts.onnx_difference is not None:
        yield f"By the ONNX files, on the same: {facts.onnx_difference:.1e}."


def _licence(facts: Facts) -> Iterator[str]:
    yield (
        f"Of the weights: {facts.licence}."
        if facts.licence
        else "Of the weights: not chosen yet by those who trained them (`export --licence`)."
    )
    yield "The loader in `seje_encoder/` is part of seje_ray: Apache-2.0."
    networks = {"image network": facts.found.image.config}
    if facts.found.category is not None:
        networks["network of food categories"] = facts.found.category.config
    for what, config in networks.items():
        yield f"The {what} began from {_origin(config)}."
    if Reads.of(facts.parts.run.model).tokens:
        yield (
            f"The text network began from {_file_name(str(facts.parts.run.calibrate.text_model))}, "
            "whose licence is not known here."
        )
    yield (
        "The recipes and photos have licences of their own, which are not known here and may bind "
        "what was trained on them (Recipe1M, for one, is for research only)."
    )


def _origin(config: BackboneConfig) -> str:
    """Where weights came from, and the licence that their library publishes."""
    if config.weights is None:
        return "random weights"
    if config.weights == CATEGORIZER:
        return "the weights of the image categorizer"
    library, model = resolve(config.name)
    published: Any = timm.get_pretrained_cfg(model) if library == "timm" else None
    licence = getattr(published, "license", None)
    said = f"licence {licence}, as timm says" if licence else "whose licence is not known here"
    if config.weights == "download":
        return f"the weights that {library} publishes for {model}, {said}"
    return f"the file {_file_name(config.weights)}, whose licence is not known here"


def _limits(facts: Facts) -> Iterator[str]:
    run = facts.parts.run
    language = run.calibrate.language
    points = [
        "It compares; it writes no recipe, and names no ingredient, allergen or nutrient of a "
        "photo. Nobody's health may depend on what it finds.",
        f"It knows the kinds of dishes and photos that are in its data. Texts are read as language "
        f"`{language}`; others were not measured.",
        "Photos that show no food get a vector, too, and are near to something.",
        "Recipes without a title, ingredients or instructions are embedded, but what that costs "
        "was not measured here.",
        "A similarity is no probability: it says which of two is nearer, not whether it is right.",
    ]
    yield "\n".join(f"- {point}" for point in points)
