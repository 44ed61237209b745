"""What every page of an evaluation shows: tables, how it was measured, plots."""

from collections.abc import Sequence
from typing import Any

import torch

from seje_ray.report.evaluation import (
    ALL_METRICS,
    DIRECTIONS,
    GalleryLines,
    Measurable,
    all_keys,
    as_cell,
    drawn,
)
from seje_ray.report.plots import rank_histogram
from seje_ray.report.protocol import Measured
from seje_ray.report.scale_plot import scale_curve
from seje_ray.retrieval.galleries import draw_galleries
from seje_ray.retrieval.protocol import rows_of
from seje_ray.retrieval.ranking import pair_ranks

ORACLE = "category oracle"
HISTOGRAM_PAIRS = 10_000  # at most, drawn by the seed: all pairs of Recipe1M take minutes


def gallery_values(
    galleries: Sequence[GalleryLines], measured: Measured, embeddings: Measurable
) -> dict[str, Any]:
    """Values of the names that ``templates/galleries.html`` and its plots need."""
    return {
        "directions": list(DIRECTIONS.values()),
        "metrics": list(ALL_METRICS.values()),
        "galleries": [_rows(gallery) for gallery in galleries],
        "protocol": measured.sentences(),
        "curve": scale_curve(galleries),
        "histogram": _histogram(embeddings, measured.plan.seed),
    }


def _rows(gallery: GalleryLines) -> dict[str, Any]:
    return {
        "drawn": drawn(gallery),
        "has_oracle": any(line.name == ORACLE for line in gallery.lines),
        "rows": [
            {"name": line.name, "cells": [as_cell(gallery, line, key) for key in all_keys()]}
            for line in gallery.lines
        ],
    }


def _histogram(embeddings: Measurable, seed: int) -> str:
    """Of one gallery, or of all pairs where they are no more."""
    ids = embeddings.ids
    [rows] = draw_galleries(ids, gallery_size=HISTOGRAM_PAIRS, num_repeats=1, seed=seed)
    sides = rows_of(ids, embeddings.image_embeddings, embeddings.recipe_embeddings)
    ranks = pair_ranks(*(side[torch.from_numpy(rows)] for side in sides))
    return rank_histogram(
        {name: getattr(ranks, key).mid_ranks.numpy() for key, name in DIRECTIONS.items()},
        len(rows),
    )
