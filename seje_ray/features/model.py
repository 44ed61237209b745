"""From a run and its calibrated data to the modules that are trained."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

import torch

from seje_ray.artifact import Artifact
from seje_ray.calibration.lexical import Lexicon
from seje_ray.calibration.text_model import text_model_source
from seje_ray.calibration.text_tokens import TextFormat, tokenizer_hash
from seje_ray.config import CATEGORIZER, BackboneConfig, LossConfig, RunConfig
from seje_ray.config.backbone import NEWER, View
from seje_ray.distributed.batch_norm import use_global_batch_norm
from seje_ray.distributed.dropout import use_global_dropout
from seje_ray.errors import ArtifactError
from seje_ray.features.dual_encoder import begin_as_published
from seje_ray.features.inputs import Reads
from seje_ray.features.recipe_side import build_image_head, build_recipe_encoder
from seje_ray.losses.kinds import retrieval_loss
from seje_ray.models.heads import CategoryHead, Discriminator, LogitScale
from seje_ray.models.image_backbone import ImageBackbone, create_backbone
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.models.libraries import Published, published, takes_only_squares
from seje_ray.random_streams import Stream, torch_seed
from seje_ray.recipe1m.pixels import PixelSpec, whole_size_of


@dataclass(frozen=True, slots=True)
class FeatureDims:
    """Sizes of what calibration stored; part of every checkpoint."""

    word_dim: int  # E, of f_term and f_cat
    sentence_dim: int  # of f_sent
    num_categories: int  # C, background included
    feature_dim: int | None  # F, where pooled image features are stored
    text_dim: int | None = None  # H, where text vectors are stored
    num_terms: int | None = None  # V, where lexical bags are stored
    lexical_dim: int | None = None  # L, of the terms' vectors
    text_format: TextFormat | None = None  # of the text model, where its tokens are stored

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "FeatureDims":
        """Read them from a calibrated artifact's manifest."""
        lexical = facts.get("lexical", {})
        return cls(
            facts["word_dim"],
            facts["sentence_dim"],
            facts["num_categories"],
            facts["feature_dim"],
            facts.get("text_dim"),
            lexical.get("num_terms"),
            lexical.get("dim"),
            TextFormat.from_dict(facts["text_format"]) if "text_format" in facts else None,
        )


def stored_backbone(run: RunConfig) -> BackboneConfig | None:
    """The network whose pooled features calibration stores, or None if it stores none."""
    if run.model.freeze_backbone:
        return run.model.backbone
    categorizer = run.calibrate.image_categorizer
    if categorizer.store_features:
        return replace(categorizer.backbone, weights=CATEGORIZER)
    return None


def require_features(run: RunConfig, calibrated: Artifact) -> None:
    """Check that a run finds what it trains on: features of texts, a frozen backbone's features.

    Raises:
        ArtifactError: If they are missing, another network's, or of other pixels.
    """
    reads = Reads.of(run.model)
    if reads.texts and not calibrated.manifest.facts.get("text_dim"):
        raise ArtifactError(
            f"{calibrated.folder}: expected text vectors for model.recipe_encoder transformer, "
            "found none; run `seje-ray calibrate --set calibrate.text_vectors=true --set "
            "calibrate.text_model=FOLDER_OR_HUB_NAME`"
        )
    if reads.lexical and not calibrated.manifest.facts.get("lexical"):
        raise ArtifactError(
            f"{calibrated.folder}: expected lexical bags for model.lexical {run.model.lexical}, "
            "found none; run `seje-ray calibrate --set calibrate.lexical.enabled=true`"
        )
    if run.train.partial_texts > 0 and not calibrated.manifest.facts.get("partial_texts"):
        raise ArtifactError(
            f"{calibrated.folder}: expected features of parts of recipes for train.partial_texts, "
            "found none; run `seje-ray calibrate --set calibrate.partial_texts=true`"
        )
    if reads.tokens:
        _require_tokens(run, calibrated)
    if not run.model.freeze_backbone:
        return
    wanted = run.model.backbone.decisive()
    wanted = wanted | NEWER | wanted
    found = calibrated.manifest.facts["image_features_of"]
    if found is not None:
        found = NEWER | found
    differing = [key for key in wanted if found is None or found.get(key) != wanted[key]]
    if differing:
        expected = ", ".join(f"{key} {wanted[key]}" for key in differing)
        instead = ", ".join(f"{key} {found.get(key)}" for key in differing) if found else "none"
        raise ArtifactError(
            f"{calibrated.folder}: expected pooled image features of {expected}, found {instead}; "
            "run `seje-ray calibrate` with this run file"
        )


def _require_tokens(run: RunConfig, calibrated: Artifact) -> None:
    name = str(run.calibrate.text_model)
    found = calibrated.manifest.plan.inputs.get("tokenizer")
    if found == tokenizer_hash(name):
        return
    instead = "none" if found is None else "those of another text model"
    raise ArtifactError(
        f"{calibrated.folder}: expected tokens of text model {name} for model.recipe_encoder text, "
        f"found {instead}; run `seje-ray calibrate` with this run file (its stage transform runs "
        "again), or `seje-ray calibrate --set calibrate.text_tokens.store=true --set "
        f"calibrate.text_model={name}`"
    )


def build_model(
    run: RunConfig,
    dims: FeatureDims,
    *,
    load_weights: bool = True,
    photos: Published | None = None,
    lexicon: Lexicon | None = None,
    network: Mapping[str, Any] | None = None,
) -> JointEmbedding:
    """Build the joint embedding that a run describes, heads seeded by ``run.seed``.

    Args:
        run: The run.
        dims: Sizes of the calibrated features.
        load_weights: False if a checkpoint's weights are loaded right after.
        photos: How its backbone sees photos; None for what the library publishes.
        lexicon: Terms whose vectors the lexical bag begins with, where the model has one.
        network: Configuration of its backbone, of a library that reads one; None for its source's.
    """
    torch.manual_seed(torch_seed(Stream.MODEL_WEIGHTS, run.seed))
    model, backbone = run.model, None
    feature_dim = dims.feature_dim
    if not model.freeze_backbone:
        backbone = backbone_of(
            model.backbone,
            load_weights=load_weights,
            photos=photos,
            drop_path=run.train.drop_path,
            network=network,
        )
        feature_dim = backbone.feature_dim
    assert feature_dim is not None
    text_source = None
    if load_weights and Reads.of(model).tokens:
        text_source = text_model_source(str(run.calibrate.text_model))
    joint = JointEmbedding(
        backbone,
        build_image_head(model, feature_dim, dims.word_dim, dims.lexical_dim),
        build_recipe_encoder(model, dims, text_source=text_source),
        CategoryHead(model.embedding_dim, dims.num_categories),
        build_logit_scale(run.loss),
    )
    if text_source is not None and model.head == "published":
        begin_as_published(joint, text_source, feature_dim)
    bag = joint.recipe_encoder.lexical
    if bag is not None and load_weights:
        assert lexicon is not None
        bag.begin_with(
            torch.from_numpy(lexicon.vectors), torch.from_numpy(lexicon.mean), lexicon.std
        )
    for name, child in joint.named_children():
        if name != "backbone" or run.train.batch_norm == "global":
            use_global_batch_norm(child)
        if name != "backbone":
            use_global_dropout(child)
    return joint


def build_logit_scale(loss: LossConfig) -> LogitScale | None:
    """Build what a loss that classifies similarities learns; None for every other kind."""
    learnt = retrieval_loss(loss).logits
    if learnt is None:
        return None
    return LogitScale(learnt.scale, max_scale=learnt.max_scale, bias=learnt.bias)


def build_discriminator(run: RunConfig) -> Discriminator:
    """Build the discriminator, seeded apart from the model."""
    torch.manual_seed(torch_seed(Stream.DISCRIMINATOR_WEIGHTS, run.seed))
    return Discriminator(run.model.embedding_dim)


def pixel_spec(run: RunConfig) -> PixelSpec | None:
    """Pixels of the run's backbone; None if it is frozen and features are read."""
    return None if run.model.freeze_backbone else pixels_of(run.model.backbone)[0]


def backbone_of(
    config: BackboneConfig,
    *,
    load_weights: bool = True,
    photos: Published | None = None,
    drop_path: float = 0.0,
    network: Mapping[str, Any] | None = None,
) -> ImageBackbone:
    """Build the backbone that a run file names; ``photos`` None is what its library publishes."""
    weights = config.weights if load_weights else None
    return create_backbone(
        config.name,
        weights=weights,
        image_size=config.crop,
        photos=photos,
        flip=config.flip,
        scales=config.scales,
        drop_path=drop_path,
        network=network,
    )


def pixels_of(config: BackboneConfig, photos: Published | None = None) -> tuple[PixelSpec, ...]:
    """Pixels of each view of a backbone; ``photos`` None is how its weights want them today.

    Source: docs/method.md, rule 6.3.
    """
    interpolation = (photos or photos_of(config)).interpolation
    return tuple(
        PixelSpec(config.resize, config.crop, interpolation, _whole_size(config, view))
        for view in config.views
    )


def _whole_size(config: BackboneConfig, view: View) -> tuple[int, int] | None:
    """Width and height of a view of the whole photo, pixels; None of a crop."""
    match view:
        case "crop":
            return None
        case "whole":
            if takes_only_squares(config.name):
                return config.crop, config.crop
            return config.whole_size or whole_size_of(config.crop)
    assert_never(view)


def photos_of(config: BackboneConfig) -> Published:
    """A backbone's view of photos, as its library publishes it; bilinear if weights are random."""
    assert config.weights != CATEGORIZER, "see weights_source"
    found = published(config.name)
    return found if config.weights is not None else found._replace(interpolation="bilinear")


def weights_source(run: RunConfig, config: BackboneConfig) -> BackboneConfig:
    """The network that the weights of ``config`` are of: the categorizer's where it says so."""
    is_categorizers = config.weights == CATEGORIZER
    return run.calibrate.image_categorizer.backbone if is_categorizers else config


def autocast(run: RunConfig, device: torch.device) -> torch.autocast:
    """The run's precision, where the device is CUDA or a CPU that is to take it and can."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=takes_bf16(run, device))


def takes_bf16(run: RunConfig, device: torch.device) -> bool:
    """Whether a run computes in bf16 on a device."""
    can = device.type == "cuda" or (run.train.precision_on_cpus and cpu_computes_bf16())
    return run.train.precision == "bf16" and can


def cpu_computes_bf16() -> bool:
    """Whether this machine's CPU multiplies in bf16 by its own instructions."""
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
