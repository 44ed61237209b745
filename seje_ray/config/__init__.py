"""Run configuration: what a run is, with nothing of torch, Ray or click."""

from seje_ray.config.load import (
    RECALIBRATED,
    load_run,
    named_run_file,
    run_from_json,
    run_to_dict,
    with_settings,
    with_space,
)
from seje_ray.config.loss import LossConfig
from seje_ray.config.sections import (
    CATEGORIZER,
    BackboneConfig,
    CalibrateConfig,
    CategoryConfig,
    DataConfig,
    EvaluateConfig,
    ImageCategorizerConfig,
    LineTaggerConfig,
    ModelConfig,
    RunConfig,
    SentenceEncoderConfig,
    TrainConfig,
    WordVectorConfig,
)
from seje_ray.config.tune import Dimension, Scalar, TuneConfig

__all__ = [
    "CATEGORIZER",
    "RECALIBRATED",
    "BackboneConfig",
    "CalibrateConfig",
    "CategoryConfig",
    "DataConfig",
    "Dimension",
    "EvaluateConfig",
    "ImageCategorizerConfig",
    "LineTaggerConfig",
    "LossConfig",
    "ModelConfig",
    "RunConfig",
    "Scalar",
    "SentenceEncoderConfig",
    "TrainConfig",
    "TuneConfig",
    "WordVectorConfig",
    "load_run",
    "named_run_file",
    "run_from_json",
    "run_to_dict",
    "with_settings",
    "with_space",
]
