"""The page of ``seje-ray data check --html``: tables, histograms, and photos to look at."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageFile

from seje_ray import __version__, limits
from seje_ray.artifact import write_text
from seje_ray.audit import Audit
from seje_ray.audit.findings import Distribution, Match
from seje_ray.plain_text import printable
from seje_ray.recipe1m import records
from seje_ray.recipe1m.images import load_image
from seje_ray.recipe1m.photo_formats import DECODER_ERRORS, opened
from seje_ray.recipe1m.stored_photos import photo_bytes
from seje_ray.report.audit import (
    cost_lines,
    entity_text,
    overlap_rows,
    partition_rows,
    reading_text,
    verdict,
)
from seje_ray.report.page import photo_uri, render

THUMBNAIL_SIDE = 200  # pixels, the shorter side
CHART_WIDTH, CHART_HEIGHT = 300, 90  # of a histogram, SVG units


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram, in SVG units."""

    x: float
    y: float
    width: float
    height: float
    label: str


def write_page(path: Path, audit: Audit) -> None:
    """Write the page into ``path``; every picture is inside."""
    write_text(path, page(audit))


def page(audit: Audit) -> str:
    """The page as HTML."""
    return render(
        "audit.html",
        {
            "title": "Data check",
            "subtitle": f"{printable(audit.source)}; {audit.records:,} records read, "
            f"{audit.usable:,} usable; seje_ray {__version__}",
            "verdict": verdict(audit),
            "blocked": printable(audit.blocked or ""),
            "pieces": audit.pieces,
            "partitions": [counts.partition for counts in audit.partitions],
            "partition_rows": partition_rows(audit),
            "max_images": audit.max_images,
            "rejected": audit.rejected,
            "bad_photos": [
                {"found": found, "photo": preview(found.location)} for found in audit.bad_photos
            ],
            "reading": reading_text(audit),
            "recipe_measures": [(m, overlap_rows(m, "recipe")) for m in audit.duplicate_recipes],
            "photo_measures": [(m, overlap_rows(m, "photo")) for m in audit.duplicate_photos],
            "photo_matches": _photo_matches(audit),
            "charts": [{"found": found, "bars": bars(found)} for found in audit.lengths],
            "chart_size": (CHART_WIDTH, CHART_HEIGHT),
            "entities": entity_text(audit),
            "cost": cost_lines(audit),
            "drawn": [_drawn(recipe) for recipe in audit.drawn],
        },
    )


def bars(found: Distribution) -> list[Bar]:
    """A histogram's bars; the highest takes the whole height."""
    width = CHART_WIDTH / len(found.bins)
    top = max(number for _, _, number in found.bins)
    drawn = []
    for position, (low, high, number) in enumerate(found.bins):
        height = CHART_HEIGHT * number / top
        label = f"{low}" if low == high else f"{low} to {high}"
        drawn.append(
            Bar(
                round(position * width, 2),
                round(CHART_HEIGHT - height, 2),
                round(max(width - 1, 0.5), 2),
                round(height, 2),
                f"{label}: {number:,} recipes",
            )
        )
    return drawn


def thumbnail(location: str) -> str:
    """A usable photo as a data URI, small; "" if it can no longer be read."""
    jpeg = load_image(records.ImageFile("", location), shorter_side=THUMBNAIL_SIDE)
    return photo_uri(jpeg) if isinstance(jpeg, bytes) else ""


def preview(location: str) -> str:
    """As much as can be seen of a photo that was rejected, as a data URI; "" for nothing."""
    strict = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # Pillow has no other way to show the part that is there
    try:
        with opened(photo_bytes(location)) as image:
            if image.width * image.height > limits.MAX_PIXELS:
                return ""
            image.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        picture = Image.alpha_composite(ground, layer).convert("RGB")
        picture.thumbnail((2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        return photo_uri(buffer.getvalue())
    except (OSError, *DECODER_ERRORS, Image.DecompressionBombError, Warning):
        return ""  # the reason beside it says what it is
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = strict


def _photo_matches(audit: Audit) -> list[dict[str, Any]]:
    """Each pair of photos once, with the measures that found it; across partitions first."""
    pairs: dict[tuple[str, str], Match] = {}
    measures: dict[tuple[str, str], list[str]] = {}
    for measure in audit.duplicate_photos:
        for match in measure.matches:
            key = (match.first.location, match.second.location)
            pairs[key] = match
            measures.setdefault(key, []).append(measure.measure.partition(" (")[0])
    shown = [
        {
            "sides": [(side, thumbnail(side.location)) for side in (match.first, match.second)],
            "is_leak": match.first.partition != match.second.partition,
            "note": ", ".join(measures[key])
            + (f", {match.distance} bits apart" if match.distance else ""),
        }
        for key, match in pairs.items()
    ]
    return sorted(shown, key=lambda pair: not pair["is_leak"])


def _drawn(recipe: records.Recipe) -> dict[str, Any]:
    return {
        "recipe": recipe,
        "photo": thumbnail(recipe.images[0].location) if recipe.images else "",
        "ingredients": recipe.ingredients[:12],
        "instructions": recipe.instructions[:8],
    }
