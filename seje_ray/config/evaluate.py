"""The section ``evaluate`` of a run file: the retrieval protocol."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig:
    """The retrieval protocol: docs/method.md, rule 6.5."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    gallery_sizes: tuple[int, ...] = (1000, 10_000)  # pairs; cut to the size of the partition
    num_repeats: int = 10  # galleries drawn per size

    def __post_init__(self) -> None:
        require(
            self,
            ("gallery_sizes", all(n >= 2 for n in self.gallery_sizes), "a list of numbers >= 2"),
            ("num_repeats", self.num_repeats >= 1, ">= 1"),
        )
