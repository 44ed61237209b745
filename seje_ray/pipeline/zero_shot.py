"""A published dual encoder as it came: what a training of its towers begins with."""

import numpy as np
import torch

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig, with_settings
from seje_ray.features.checkpoint import TrainedModel
from seje_ray.features.model import FeatureDims, build_model, pixel_spec, require_features
from seje_ray.pipeline.embed import embed_shard, read_pairs
from seje_ray.retrieval.embeddings import Embeddings
from seje_ray.training.loaders import lexicon_for, origin_of


def zero_shot(
    run: RunConfig, calibrated: Artifact, partition: str, device: torch.device
) -> Embeddings:
    """Embed a partition with the dual encoder whose towers ``run`` names, before any training.

    Args:
        run: With image network, text model and tokens of one dual encoder, such as preset ``clip``.
        calibrated: With the tokens, and the image features where the image network is frozen.
        partition: train, val or test.
        device: Where to compute.

    Raises:
        ConfigError: If the towers are not those of one dual encoder.
        ArtifactError: If the tokens or the image features are missing.
        PublishedModelError: If the dual encoder is not there.
    """
    run = with_settings(run, {"model.head": "published", "loss.kind": "info_nce"})
    require_features(run, calibrated)
    origin = origin_of(run, calibrated)
    lexicon = lexicon_for(run, calibrated)
    model = build_model(run, FeatureDims.of(origin.facts), lexicon=lexicon).to(device).eval()
    published = TrainedModel(run, origin, model, pixel_spec(run), device)
    rows, images, recipes = [], [], []
    for path in calibrated.shards(partition):
        rows.append(read_pairs({"source": str(path)}))
        found = embed_shard(published, path)
        images.append(found[0])
        recipes.append(found[1])
    return Embeddings(
        ids=tuple(id_ for table in rows for id_ in table["id"].to_pylist()),
        image_ids=tuple(id_ for table in rows for id_ in table["image_id"].to_pylist()),
        titles=tuple(title for table in rows for title in table["title"].to_pylist()),
        category_ids=np.concatenate([table["category_id"].to_numpy() for table in rows]),
        image_embeddings=np.concatenate(images),
        recipe_embeddings=np.concatenate(recipes),
    )
