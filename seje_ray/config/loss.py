"""The section ``loss`` of a run file: which objective, and its constants."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require

LossKind = Literal[
    "soft_margin",
    "hinge_average",
    "hinge_hardest",
    "hinge_semi_hard",
    "adamine",
    "pairwise_cosine",
    "info_nce",
    "sigmoid",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftMarginConfig:
    """Constants of kind ``soft_margin``; the defaults are SEJE's."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    scale: float = 16.0  # gamma > 0, sharpness of the soft margin
    margin: float = 0.0  # m in [0, 2], Euclidean distance between unit vectors

    def __post_init__(self) -> None:
        require(
            self,
            ("scale", self.scale > 0, "> 0"),
            ("margin", 0 <= self.margin <= 2, "in [0, 2]"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HingeConfig:
    """Constants of kinds ``hinge_average``, ``hinge_hardest`` and ``hinge_semi_hard``."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    margin: float = 0.3  # in (0, 2], Euclidean distance between unit vectors

    def __post_init__(self) -> None:
        require(self, ("margin", 0 < self.margin <= 2, "in (0, 2]"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaMineConfig:
    """Constants of kind ``adamine``."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    margin: float = 0.3  # in (0, 2], cosine distance
    semantic_weight: float = 0.1  # lambda >= 0, of the term over categories; as in AdaMine's code

    def __post_init__(self) -> None:
        require(
            self,
            ("margin", 0 < self.margin <= 2, "in (0, 2]"),
            ("semantic_weight", self.semantic_weight >= 0, ">= 0"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairwiseCosineConfig:
    """Constants of kind ``pairwise_cosine``; the defaults are im2recipe's."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    margin: float = 0.1  # in [-1, 1], cosine similarity that costs a drawn mismatch nothing
    positive_share: float = 0.2  # in [0, 1], of own pairs among those drawn

    def __post_init__(self) -> None:
        require(
            self,
            ("margin", -1 <= self.margin <= 1, "in [-1, 1]"),
            ("positive_share", 0 <= self.positive_share <= 1, "in [0, 1]"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoNceConfig:
    """Constants of kind ``info_nce``; the defaults are CLIP's."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    logit_scale: float = 1 / 0.07  # > 0, one over the temperature; where learning starts
    max_logit_scale: float = 100.0  # >= logit_scale

    def __post_init__(self) -> None:
        require(
            self,
            ("logit_scale", self.logit_scale > 0, "> 0"),
            (
                "max_logit_scale",
                self.max_logit_scale >= self.logit_scale,
                f">= logit_scale ({self.logit_scale})",
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SigmoidConfig:
    """Constants of kind ``sigmoid``; the defaults are SigLIP's."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    logit_scale: float = 10.0  # > 0, one over the temperature; where learning starts
    logit_bias: float = -10.0  # where learning starts; near 0, mismatches weigh most at first

    def __post_init__(self) -> None:
        require(self, ("logit_scale", self.logit_scale > 0, "> 0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """Weights and constants of the training objective."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    kind: LossKind = "soft_margin"  # what brings pairs together; the others: docs/method.md
    # double negative sampling, of soft_margin and hinge_*
    negatives: Literal["instance", "category", "both"] = "both"
    category_share: float = 0.5  # in [0, 1], of the category negatives' loss where both are taken
    # most candidates of an anchor, >= 3; null: the whole global batch. Not for pairwise_cosine
    mining_pool: int | None = None
    soft_margin: SoftMarginConfig = field(default_factory=SoftMarginConfig)
    hinge: HingeConfig = field(default_factory=HingeConfig)
    adamine: AdaMineConfig = field(default_factory=AdaMineConfig)
    pairwise_cosine: PairwiseCosineConfig = field(default_factory=PairwiseCosineConfig)
    info_nce: InfoNceConfig = field(default_factory=InfoNceConfig)
    sigmoid: SigmoidConfig = field(default_factory=SigmoidConfig)
    category_weight: float = 0.005  # lambda 1 >= 0, of each of the two cross entropies
    background_weight: float = 0.0  # >= 0, of recipes without a category; SEJE's code has 1
    discriminator_weight: float = 0.005  # lambda 2 >= 0
    # form of its loss: docs/method.md, rule 5.5
    discriminator: Literal["wgan_gp", "bce"] = "wgan_gp"
    gradient_penalty: float = 10.0  # >= 0, wgan_gp only
    discriminator_learning_rate: float = 1e-4  # > 0

    def __post_init__(self) -> None:
        require(
            self,
            ("category_share", 0 <= self.category_share <= 1, "in [0, 1]"),
            ("mining_pool", self.mining_pool is None or self.mining_pool >= 3, ">= 3 or null"),
            ("category_weight", self.category_weight >= 0, ">= 0"),
            ("background_weight", self.background_weight >= 0, ">= 0"),
            ("discriminator_weight", self.discriminator_weight >= 0, ">= 0"),
            ("gradient_penalty", self.gradient_penalty >= 0, ">= 0"),
            ("discriminator_learning_rate", self.discriminator_learning_rate > 0, "> 0"),
        )
