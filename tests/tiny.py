"""A small run that many tests share."""

from seje_ray.config import RunConfig, load_run, named_run_file

TINY = [
    "data.cookbook_recipes=120",
    "data.recipes_per_shard=16",
    "data.shorter_side=64",
    "calibrate.word_vectors.dim=12",
    "calibrate.word_vectors.epochs=2",
    "calibrate.sentence_encoder.dim=16",
    "calibrate.image_categorizer.backbone.resize=36",
    "calibrate.image_categorizer.backbone.crop=32",
    "calibrate.image_categorizer.epochs=1",
    "model.backbone.resize=36",
    "model.backbone.crop=32",
    "model.embedding_dim=16",
    "model.lstm_dim=16",
    "model.dropout=0.2",
    "train.num_epochs=2",
    "train.schedule=plateau",
    "train.warmup_steps=0",
    "train.global_batch_size=16",
]


def tiny_run(*overrides: str) -> RunConfig:
    """The demo run, small enough for a test."""
    return load_run(named_run_file("demo"), [*TINY, *overrides])
