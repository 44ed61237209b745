"""Run configuration: a frozen dataclass per section, with nothing of torch, Ray or click.

A field's comment gives its meaning, unit and range; ``__post_init__`` checks the range. The
defaults are the paper's settings; ``seje_ray/runs/*.yaml`` hold only what differs.
"""

from seje_ray.config.backbone import CATEGORIZER, BackboneConfig
from seje_ray.config.calibrate import (
    CalibrateConfig,
    CategoryConfig,
    ImageCategorizerConfig,
    LexicalConfig,
    LineTaggerConfig,
    SentenceEncoderConfig,
    TextTokensConfig,
    WordVectorConfig,
)
from seje_ray.config.data import DataConfig
from seje_ray.config.evaluate import EvaluateConfig
from seje_ray.config.load import (
    RECALIBRATED,
    load_run,
    named_run_file,
    run_from_json,
    run_to_dict,
    with_overrides,
    with_settings,
    with_space,
)
from seje_ray.config.loss import LossConfig
from seje_ray.config.model import ModelConfig, TextTowerConfig
from seje_ray.config.run import RunConfig
from seje_ray.config.train import TrainConfig
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
    "LexicalConfig",
    "LineTaggerConfig",
    "LossConfig",
    "ModelConfig",
    "RunConfig",
    "Scalar",
    "SentenceEncoderConfig",
    "TextTokensConfig",
    "TextTowerConfig",
    "TrainConfig",
    "TuneConfig",
    "WordVectorConfig",
    "load_run",
    "named_run_file",
    "run_from_json",
    "run_to_dict",
    "with_overrides",
    "with_settings",
    "with_space",
]
