"""Pages a person opens: one HTML file each, photos and plots inside, no network."""

import base64
import io
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure


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
    """The ``<svg>`` element of a figure; equal figures give equal text."""
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "seje-ray"}):  # otherwise ids are random
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
