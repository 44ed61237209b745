"""Which galleries a user asks for."""

from dataclasses import dataclass

from seje_ray.config.evaluate import EvaluateConfig
from seje_ray.retrieval.galleries import (
    RELEASED_SEED,
    Draw,
    GalleryPlan,
    Preset,
    preset_counts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryChoice:
    """What the command line says about galleries; a run says the rest."""

    preset: Preset | None = None
    sizes: tuple[int, ...] = ()  # pairs per gallery, in place of a preset
    draw: Draw = "seeded"
    seed: int | None = None

    def plan(self, num_pairs: int, config: EvaluateConfig, seed: int) -> GalleryPlan:
        """Galleries to be drawn.

        Args:
            num_pairs: Pairs that there are.
            config: What holds where nothing is asked for.
            seed: Likewise, but for the draws of released codes, which have one of their own.
        """
        if self.preset is None:
            counts = tuple((n, config.num_repeats) for n in self.sizes or config.gallery_sizes)
        else:
            counts = preset_counts(self.preset, num_pairs)
        is_released = self.draw in ("im2recipe", "im2recipe-pytorch")
        default = RELEASED_SEED if is_released else seed
        return GalleryPlan(
            counts, default if self.seed is None else self.seed, self.draw, self.preset
        )
