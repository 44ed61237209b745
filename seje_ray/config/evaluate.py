"""The section ``evaluate`` of a run file: the retrieval protocol."""

from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require


@dataclass(frozen=True, slots=True, kw_only=True)
class HubnessConfig:
    """Correction of similarities for hubs, which are near to everything: docs/method.md, 10.17."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    weight: float = 0.0  # >= 0, of a row's mean cosine with its nearest train rows; 0: as they are
    num_neighbours: int = 50  # of those rows

    def __post_init__(self) -> None:
        require(
            self,
            ("weight", self.weight >= 0, ">= 0"),
            ("num_neighbours", self.num_neighbours >= 1, ">= 1"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig:
    """The retrieval protocol: docs/method.md, rule 6.5."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    gallery_sizes: tuple[int, ...] = (1000, 10_000)  # pairs; cut to the size of the partition
    num_repeats: int = 10  # galleries drawn per size
    hubness: HubnessConfig = field(default_factory=HubnessConfig)

    def __post_init__(self) -> None:
        require(
            self,
            ("gallery_sizes", all(n >= 2 for n in self.gallery_sizes), "a list of numbers >= 2"),
            ("num_repeats", self.num_repeats >= 1, ">= 1"),
        )
