"""Pages a person opens: one HTML file each, photos and plots inside, no network."""

import base64
import io
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure

from seje_ray.recipe1m.images import decode

THEME = {  # what matplotlib draws by itself -> variable of the page's style
    "#000000": "--ink",
    "#ffffff": "--paper",
    "#b0b0b0": "--line",
    "#cccccc": "--line",
}
PX_PER_INCH = 96
MAX_LEAST_PX = 600  # a wider plot is scrolled on a phone rather than shrunk below
PHOTO_SIDE = 256  # longer side of a photo in a card, pixels


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("seje_ray.report"),
        autoescape=True,  # titles come from data of unknown origin
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill ``templates/TEMPLATE``; every name in it must be in ``values``."""
    return _environment().get_template(template).render(values)


def photo_uri(jpeg: bytes) -> str:
    """A photo as text that a page can hold."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def svg_text(figure: Figure) -> str:
    """The ``<svg>`` element of a figure, in the page's colours; equal figures give equal text."""
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "seje-ray", "svg.fonttype": "none"}):  # else ids are random
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    for colour, variable in THEME.items():
        text = text.replace(f": {colour}", f": var({variable})")
    least = min(MAX_LEAST_PX, 0.72 * PX_PER_INCH * figure.get_figwidth())
    return f'<svg style="min-width: {least:.0f}px"' + text[text.index("<svg") + len("<svg") :]


def small_photo(jpeg: bytes) -> bytes:
    """A photo as small as a page shows it."""
    photo = decode(jpeg)
    photo.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
