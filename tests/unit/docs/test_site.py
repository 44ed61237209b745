"""``make docs``: the site with its API reference builds without a warning."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REMOTE = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_site_has_every_package_and_needs_nothing_from_elsewhere(site):
    """A docstring that names an unknown parameter, a lost link or anchor fails the build itself."""
    packages = {path.parent.name for path in (ROOT / "seje_ray").glob("*/__init__.py")} - {"runs"}
    pages = {path.stem for path in (site / "api").glob("*.html")}

    assert packages <= pages
    for page in site.rglob("*.html"):
        assert REMOTE.findall(page.read_text()) == [], page


@pytest.mark.slow
def test_rules_that_docstrings_name_are_links(site):
    """From the API to the method."""
    page = (site / "api/losses.html").read_text()

    assert 'docs/method.md, rule <a href="../method.html#rule-5-2">5.2</a>' in page
    assert 'id="rule-5-2"' in (site / "method.html").read_text()
