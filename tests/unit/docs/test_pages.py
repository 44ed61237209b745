"""Pages made from the code are those that the code makes."""

import re
import tomllib
from pathlib import Path

from docs.generate import settings_page

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


def test_the_page_of_settings_is_not_stale():
    """``make docs`` writes it anew."""
    assert (DOCS / "settings.md").read_text() == settings_page()


def test_the_layers_of_the_architecture_are_those_that_the_linter_enforces():
    """Top first, in one table."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    enforced = [name.strip() for layer in layers for name in layer.split("|")]
    page = (DOCS / "architecture.md").read_text()

    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == enforced
