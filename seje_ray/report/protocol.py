"""How something was measured, in words and as plain data: similarity, ties, galleries, pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from seje_ray.retrieval.galleries import Draw, GalleryPlan

SIMILARITY = "cosine; summed in float64, compared in float32"
TIES = "count half; MRR and Recall@K are the mean over all orders of ties"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a report says beside its numbers."""

    plan: GalleryPlan
    num_pairs: int
    left_out: Mapping[str, int]  # reason -> what is in no pair for it

    @property
    def share_left_out(self) -> float:
        """Of what was given, in [0, 1]."""
        num_out = sum(self.left_out.values())
        return num_out / max(1, num_out + self.num_pairs)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for report.json."""
        return {
            "preset": self.plan.preset,
            "draw": self.plan.draw,
            "seed": self.plan.seed,
            "similarity": SIMILARITY,
            "ties": TIES,
            "left_out": dict(self.left_out),
            "share_left_out": self.share_left_out,
        }

    def sentences(self) -> list[str]:
        """The same in words."""
        reasons = ", ".join(f"{count:,} {why}" for why, count in self.left_out.items() if count)
        left_out = f"{100 * self.share_left_out:.1f} % ({reasons})" if reasons else "nothing"
        return [
            f"similarity: {SIMILARITY}; ties {TIES}",
            f"galleries: {_drawn(self.plan.draw, self.plan.seed)}",
            f"left out: {left_out}",
        ]


def _drawn(draw: Draw, seed: int) -> str:
    match draw:
        case "seeded":
            return f"drawn by seed {seed}, whatever the order of rows"
        case "im2recipe":
            return f"random.sample of Python 3 over the sorted ids, seed {seed} (im2recipe)"
        case "im2recipe-pytorch":
            return (
                f"random.sample of Python 3 over the rows as given, seed {seed} (im2recipe-Pytorch)"
            )
        case "consecutive":
            return (
                f"rows as given, one gallery after another (AdaMine, TFood); seed {seed} shuffles"
            )
        case _:
            assert_never(draw)
