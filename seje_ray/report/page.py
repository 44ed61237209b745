"""Pages a person opens: one HTML file each, photos and plots inside, no network."""

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("seje_ray.report"),
        autoescape=True,  # titles come from data that nobody here wrote
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
