"""Lengths of recipes, as counts per length: memory does not grow with the data set."""

from collections import Counter

from seje_ray.audit.findings import Distribution

MAX_BINS = 24


def distribution(name: str, counts: Counter[int]) -> Distribution | None:
    """Order statistics and a histogram of the lengths in ``counts``; None if there are none.

    Args:
        name: What was counted.
        counts: How many recipes have each length, >= 0.
    """
    if not counts:
        return None
    lengths = sorted(counts)
    return Distribution(
        name=name,
        minimum=lengths[0],
        median=(_quantile(counts, 0.5) + _quantile(counts, 0.5, strict=True)) / 2,
        p90=_quantile(counts, 0.9),
        maximum=lengths[-1],
        bins=_bins(counts),
    )


def _quantile(counts: Counter[int], share: float, *, strict: bool = False) -> int:
    """The smallest length that ``share`` of the recipes (strictly: more) do not exceed."""
    wanted = share * counts.total()
    seen = 0
    for length in sorted(counts):
        seen += counts[length]
        if seen > wanted if strict else seen >= wanted:
            return length
    return max(counts)


def _bins(counts: Counter[int]) -> tuple[tuple[int, int, int], ...]:
    """Bins of one width from the minimum; the last one holds the longest hundredth, too."""
    low = min(counts)
    high = max(low, _quantile(counts, 0.99))
    width = -(-(high - low + 1) // MAX_BINS)
    last = (high - low) // width
    filled: Counter[int] = Counter()
    for length, number in counts.items():
        filled[min(last, (length - low) // width)] += number
    edges = [low + n * width for n in range(last + 1)]
    ends = [*(edge - 1 for edge in edges[1:]), max(max(counts), edges[-1] + width - 1)]
    return tuple(
        (edge, end, filled[n]) for n, (edge, end) in enumerate(zip(edges, ends, strict=True))
    )
