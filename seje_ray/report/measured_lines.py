"""The lines of an evaluation in three groups: the model, measured baselines, controls."""

from collections.abc import Mapping, Sequence
from typing import Any

from seje_ray.retrieval.protocol import RECALL_SUM

DIRECTIONS = {"image_to_recipe": "image → recipe", "recipe_to_image": "recipe → image"}
METRICS = {  # those that an evaluation has are shown
    "median_rank": "MedR",
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
    "mean_reciprocal_rank": "MRR",
}
SUM_NAME = "R-sum"
CONTROLS = ("category oracle", "shuffled pairs", "chance")


def metric_table(gallery: Mapping[str, Any]) -> dict[str, Any]:
    """What ``templates/run.html`` shows of one gallery of ``report.json``."""
    lines = gallery["lines"]
    is_spread = gallery["num_repeats"] > 1
    first = lines[0]["means"]
    metrics = [metric for metric in METRICS if f"{metric}/image_to_recipe" in first]
    keys = [f"{metric}/{direction}" for direction in DIRECTIONS for metric in metrics]
    of_both = {SUM_NAME: RECALL_SUM} if RECALL_SUM in first else {}
    keys += of_both.values()
    drawn = f"{gallery['num_repeats']} galleries" if is_spread else "one gallery"
    groups = {
        "model": lines[:1],
        "baselines, measured on these data": [
            line for line in lines[1:] if line["name"] not in CONTROLS
        ],
        "controls": [line for line in lines[1:] if line["name"] in CONTROLS],
    }
    return {
        "drawn": f"{drawn} of {gallery['gallery_size']:,} pairs",
        "directions": list(DIRECTIONS.values()),
        "metrics": [METRICS[metric] for metric in metrics],
        "of_both": list(of_both),
        "groups": [
            (name, [(line["name"], _cells(line, keys, is_spread)) for line in members])
            for name, members in groups.items()
            if members
        ],
    }


def _cells(line: Mapping[str, Any], keys: Sequence[str], is_spread: bool) -> list[str]:
    return [_cell(line, key, is_spread) for key in keys]


def _cell(line: Mapping[str, Any], key: str, is_spread: bool) -> str:
    if key not in line["means"]:
        return "-"  # measured by an older version
    factor = 1.0 if key.startswith("median_rank") else 100.0
    text = f"{factor * line['means'][key]:.1f}"
    return f"{text} ±{factor * line['deviations'][key]:.1f}" if is_spread else text
