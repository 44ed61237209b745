"""The documents of the API as a page without scripts."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


def docs_html(document: Mapping[str, Any]) -> str:
    """A page from an OpenAPI document."""
    routes = [
        {
            "method": method.upper(),
            "path": path,
            "text": route.get("description", ""),
            "bodies": list(route.get("requestBody", {}).get("content", {})),
            "statuses": sorted(route["responses"]),
        }
        for path, methods in document["paths"].items()
        for method, route in methods.items()
    ]
    info = document["info"]
    return _template().render(title=info["title"], version=info["version"], routes=routes)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("seje_ray.serving"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("docs.html")
