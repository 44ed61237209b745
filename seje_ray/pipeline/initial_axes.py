"""What the axes of two trainings' weights stand for, and whether it is the same thing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seje_ray.artifact import Artifact
from seje_ray.calibration.lexical import Lexicon
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import CATEGORIZER, RunConfig
from seje_ray.errors import ArtifactError
from seje_ray.features.checkpoint import TrainedModel
from seje_ray.features.inputs import Reads
from seje_ray.features.model_axes import model_axes
from seje_ray.features.transfer import (
    MIN_SHARED,
    Axis,
    Labelled,
    Mapped,
    Other,
    Same,
    State,
    Stretch,
    linear_map,
)
from seje_ray.manifest import (
    manifest_in,
)
from seje_ray.store.location import parent_of
from seje_ray.workspace import Workspace

MEANINGS = (  # of all that an axis may stand for
    "photos", "words", "standardised words", "sentences", "tower", "terms", "bag", "categories",
)  # fmt: skip


def axes_of(state: State, run: RunConfig, facts: Mapping[str, Any]) -> dict[str, Axis]:
    """What each axis of a model's weights stands for."""
    return model_axes(state, facts["word_dim"], has_key_terms=Reads.of(run.model).key_terms)


def stretches(
    given: TrainedModel, run: RunConfig, calibrated: Artifact, checkpoint: Path
) -> dict[str, Stretch]:
    """What becomes of each thing that an axis may stand for."""
    own_facts, facts = calibrated.manifest.facts, given.origin.facts
    if given.origin.calibrated_hash == calibrated.content_hash:
        return dict.fromkeys(MEANINGS, Same())
    here, there = Workspace.of(calibrated), Workspace(parent_of(parent_of(parent_of(checkpoint))))
    fitted = (
        fitted_for(here, calibrated.content_hash),
        fitted_for(there, given.origin.calibrated_hash),
    )
    terms = _terms(*fitted)
    has_words = given.origin.vocabulary_hash == own_facts["vocabulary_hash"]
    vocabularies = own_facts["vocabulary_hash"], given.origin.vocabulary_hash
    seen = _sees(run, own_facts), _sees(given.run, facts)
    return {
        "photos": _same(_is_same_network(*seen, fitted)),
        "words": Same() if has_words else _between_words(vocabularies, here, there),
        "standardised words": _same(has_words),
        "sentences": _same(_has_same_component("sentence_encoder", *fitted)),
        "tower": Same(),
        "terms": Other() if terms is None else Labelled(*terms, is_vector=True),
        "bag": _same(terms is not None and not set(terms[0]).isdisjoint(terms[1])),
        "categories": Labelled(
            own_facts.get("category_names", ()), facts.get("category_names", ())
        ),
    }


def _same(is_same: bool) -> Stretch:
    return Same() if is_same else Other()


def fitted_for(workspace: Workspace, calibrated_hash: str) -> Workspace | None:
    """The workspace, where what is fitted there still made the recipes of this hash; else None."""
    try:
        calibrated = workspace.open_calibrated()
        workspace.open_calibrator_of(calibrated)
    except ArtifactError:
        return None
    return workspace if calibrated.content_hash == calibrated_hash else None


def _sees(run: RunConfig, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The network whose pooled features the image head reads."""
    stored = facts.get("image_features_of") if run.model.freeze_backbone else None
    return dict(stored) if stored else {"name": run.model.backbone.name}


def _is_same_network(
    own: dict[str, Any],
    given: dict[str, Any],
    fitted: tuple[Workspace | None, Workspace | None],
) -> bool:
    """Whether two networks give the same pooled features, wherever their weights lie."""
    are_fitted = [network.get("weights") == CATEGORIZER for network in (own, given)]
    if any(are_fitted) and not (
        all(are_fitted) and _has_same_component("image_categorizer", *fitted)
    ):
        return False
    unknown = {"weights"}
    if not all("weights_hash" in network for network in (own, given)):
        unknown.add("weights_hash")  # of a version before it was stored
    own, given = (
        {key: value for key, value in network.items() if key not in unknown}
        for network in (own, given)
    )
    return own == given


def _terms(here: Workspace | None, there: Workspace | None) -> tuple[list[str], list[str]] | None:
    """Terms of the lexical bags of both calibrations; None where one has none."""
    if here is None or there is None:
        return None
    folders = [workspace.component("lexical") for workspace in (here, there)]
    if not all((folder / "lexicon.json").is_file() for folder in folders):
        return None
    own, theirs = (Lexicon.load(folder).terms for folder in folders)
    return own, theirs


def _has_same_component(name: str, here: Workspace | None, there: Workspace | None) -> bool:
    if here is None or there is None:
        return False
    own, theirs = (manifest_in(workspace.component(name)) for workspace in (here, there))
    return own is not None and theirs is not None and own.shards == theirs.shards


def _between_words(vocabularies: tuple[str, str], here: Workspace, there: Workspace) -> Stretch:
    """A map between the spaces of two calibrations, learnt from the words that both have."""
    folders = [workspace.component("word_vectors") for workspace in (here, there)]
    if not all((folder / "words.json").is_file() for folder in folders):
        return Other()
    own, theirs = (WordVectors.load(folder) for folder in folders)
    if (own.vocabulary_hash, theirs.vocabulary_hash) != vocabularies:
        return Other()  # calibrated anew since
    matrix = word_map(own, theirs)
    return Other() if matrix is None else Mapped(matrix)


def word_map(own: WordVectors, given: WordVectors) -> Tensor | None:
    """A map from one space of word vectors to another, learnt from the words that both have.

    Returns:
        Shape (own dimensions, given dimensions); None if too few words are shared.
    """
    rows = {word: row for row, word in enumerate(given.words)}
    ours = [row for row, word in enumerate(own.words) if word in rows]
    if len(ours) < MIN_SHARED:
        return None
    theirs = [rows[own.words[row]] for row in ours]
    return linear_map(torch.from_numpy(own.matrix[ours]), torch.from_numpy(given.matrix[theirs]))
