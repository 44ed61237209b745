"""Writes report.json and report.html of embeddings from a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from seje_ray import __version__
from seje_ray.artifact import write_json, write_text
from seje_ray.report.evaluation import GalleryLines
from seje_ray.report.gallery_page import gallery_values
from seje_ray.report.page import render
from seje_ray.report.protocol import Measured
from seje_ray.retrieval.given import GivenPairs


def write_embeddings_report(
    folder: Path,
    name: str,
    files: Mapping[str, str],
    pairs: GivenPairs,
    measured: Measured,
    galleries: Sequence[GalleryLines],
) -> None:
    """Write both files into ``folder``.

    Args:
        folder: That is there.
        name: Of what was measured.
        files: Name -> sha256.
        pairs: That were measured.
        measured: How.
        galleries: What was found.
    """
    num_pairs, num_dims = pairs.image_embeddings.shape
    page = {
        "title": f"seje_ray: {name}",
        "subtitle": f"{num_pairs:,} pairs of {num_dims:,} dimensions; seje_ray {__version__}",
        "files": files,
        "lengths": lengths(pairs),
        **gallery_values(galleries, measured, pairs),
    }
    write_text(folder / "report.html", render("embeddings.html", page))
    facts = {
        "seje_ray_version": __version__,
        "name": name,
        "files": dict(files),
        "num_pairs": num_pairs,
        "num_dimensions": num_dims,
        "num_rows_scaled": pairs.num_scaled,
        "protocol": measured.to_dict(),
        "galleries": [gallery.to_dict() for gallery in galleries],
    }
    write_json(folder / "report.json", facts)


def lengths(pairs: GivenPairs) -> str:
    """What was done to the rows' lengths, in words."""
    if not pairs.num_scaled:
        return "All rows are of length 1, as they were given."
    return f"{pairs.num_scaled:,} of {2 * len(pairs.ids):,} rows were scaled to length 1."
