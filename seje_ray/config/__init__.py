"""Run configuration: what a run is, with nothing of torch, Ray or click."""

from seje_ray.config.load import load_run, named_run_file, run_from_json, run_to_dict
from seje_ray.config.loss import LossConfig
from seje_ray.config.sections import (
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

__all__ = [
    "BackboneConfig",
    "CalibrateConfig",
    "CategoryConfig",
    "DataConfig",
    "EvaluateConfig",
    "ImageCategorizerConfig",
    "LineTaggerConfig",
    "LossConfig",
    "ModelConfig",
    "RunConfig",
    "SentenceEncoderConfig",
    "TrainConfig",
    "WordVectorConfig",
    "load_run",
    "named_run_file",
    "run_from_json",
    "run_to_dict",
]
