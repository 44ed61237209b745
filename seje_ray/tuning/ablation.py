"""Rows of the paper's comparisons, as changes of a run."""

from dataclasses import dataclass, field

from seje_ray.config import RunConfig, Scalar, with_settings
from seje_ray.features.inputs import Reads
from seje_ray.losses.kinds import retrieval_loss
from seje_ray.tuning.space import setting

FULL = "full model"


@dataclass(frozen=True, slots=True)
class Variation:
    """One row: what it changes in the run."""

    name: str
    settings: dict[str, Scalar] = field(default_factory=dict)

    @property
    def role(self) -> str:
        """Its name in folders."""
        return self.name.replace(" ", "-").replace("_", "-")

    def is_full(self, run: RunConfig) -> bool:
        """Whether it changes nothing: its row is the full model's."""
        return all(setting(run, key) == value for key, value in self.settings.items())

    def applied(self, run: RunConfig) -> RunConfig:
        """The run of this row."""
        return with_settings(run, self.settings)


def variations(run: RunConfig, text_model: str | None) -> list[Variation]:
    """All rows, the full model first.

    Args:
        run: The full model.
        text_model: Folder or hub name of a BERT-like model; without one, that rater has no row.

    Source: the comparisons of SEJE's paper: components left out, negatives, raters, f_cat.
    """
    raters: list[dict[str, Scalar]] = [{"calibrate.rater": r} for r in ("tfidf", "textrank")]
    model = text_model or run.calibrate.text_model
    if model is not None:
        raters.append({"calibrate.rater": "bert", "calibrate.text_model": model})
    return [
        Variation(FULL),
        *_recipe_parts(run),
        *_weighted_parts(run),
        *(
            Variation(f"negatives {kind}", {"loss.negatives": kind})
            for kind in ("instance", "category", "both")
            if retrieval_loss(run.loss).mines
        ),
        *(Variation(f"rater {r['calibrate.rater']}", r) for r in raters),
        *(
            Variation(f"image category {kind}", {"calibrate.image_categorizer.vector": kind})
            for kind in ("hard", "soft")
            if run.model.use_image_category
        ),
    ]


def _weighted_parts(run: RunConfig) -> list[Variation]:
    """Rows without f_cat, an alignment or the correction for hubs, of those that the run has."""
    rows: list[tuple[bool, str, dict[str, Scalar]]] = [
        (
            run.model.use_image_category,
            "without image category",
            {"model.use_image_category": False},
        ),
        (
            run.loss.category_weight > 0,
            "without category alignment",
            {"loss.category_weight": 0.0},
        ),
        (
            run.loss.discriminator_weight > 0,
            "without discriminator alignment",
            {"loss.discriminator_weight": 0.0},
        ),
        (
            run.evaluate.hubness.weight > 0,
            "not corrected for hubs",
            {"evaluate.hubness.weight": 0.0},
        ),
    ]
    return [Variation(name, settings) for is_there, name, settings in rows if is_there]


def _recipe_parts(run: RunConfig) -> list[Variation]:
    """Rows without one part of the recipe side, of those that the run has beside another."""
    reads, rows = Reads.of(run.model), []
    has_tower = run.model.recipe_encoder != "none"
    if reads.key_terms and (has_tower or reads.lexical):
        rows.append(Variation("without key terms", {"model.use_key_terms": False}))
    if reads.sentences:
        rows.append(Variation("without sentences", {"model.use_sentences": False}))
    elif has_tower and (reads.key_terms or reads.lexical):
        rows.append(Variation("without recipe tower", {"model.recipe_encoder": "none"}))
    if reads.lexical:
        if has_tower or reads.key_terms:
            rows.append(Variation("without lexical bag", {"model.lexical": "none"}))
        rows += [Variation(f"lexical bag {k}", {"model.lexical": k}) for k in ("fixed", "learnt")]
    dropped: dict[str, tuple[str, float]] = {
        "parts": ("part_dropout", run.model.part_dropout),
        "terms": ("term_dropout", run.model.term_dropout),
    }
    rows += [
        Variation(f"all {what} in training", {f"model.{key}": 0.0})
        for what, (key, share) in dropped.items()
        if share > 0
    ]
    if run.model.used_ridge_share:
        rows.append(Variation("without ridge beside it", {"model.ridge_share": 0.0}))
    if run.model.head == "residual":
        rows.append(Variation("head projection", {"model.head": "projection"}))
    return rows
