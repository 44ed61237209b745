"""What a later command would refuse, said before hours of work."""

from collections.abc import Mapping

MIN_PAIRS = 2  # a loss needs a negative


def refused_later(
    pairs: Mapping[str, int], read: Mapping[str, int], *, global_batch_size: int
) -> list[str]:
    """A line for each command that would refuse these recipes, or do less than it was asked for.

    Args:
        pairs: Usable recipes with a photo, by partition.
        read: Recipes before anything was left out, by partition; or those that are stored.
        global_batch_size: Pairs of a training step.
    """
    lines = [
        f"train would refuse: expected at least {MIN_PAIRS} {partition} recipes with "
        f"photos, found {_found(partition, pairs, read)}"
        for partition in ("train", "val")
        if pairs.get(partition, 0) < MIN_PAIRS
    ]
    if not pairs.get("test"):
        lines.append(
            "evaluate would refuse: expected test recipes with photos, found "
            f"{_found('test', pairs, read)}"
        )
    num_train = pairs.get("train", 0)
    if MIN_PAIRS <= num_train < global_batch_size:
        lines.append(
            f"train has {num_train:,} pairs, fewer than train.global_batch_size="
            f"{global_batch_size}: each step takes all of them; set it lower"
        )
    return lines


def _found(partition: str, pairs: Mapping[str, int], read: Mapping[str, int]) -> str:
    found, there = pairs.get(partition, 0), read.get(partition, 0)
    if not there:
        return f"no {partition} recipe; add some, or see what was rejected"
    return (
        f"{found:,} of {there:,} {partition} recipes; see what was rejected, and where photos are"
    )
