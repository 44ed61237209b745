"""Pages made from the code are those that the code makes."""

from pathlib import Path

from docs.generate import settings_page

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_of_settings_is_not_stale():
    """``make docs`` writes it anew."""
    assert (DOCS / "settings.md").read_text() == settings_page()
