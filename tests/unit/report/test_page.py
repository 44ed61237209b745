"""Pages hold texts that nobody here wrote."""

import pytest
from jinja2 import UndefinedError

from seje_ray.report.cards import Card, Example
from seje_ray.report.page import render


def page_of(title):
    query = Card(title, "data:image/jpeg;base64,", ("1 cup <b>peas</b>",))
    example = Example(query, True, (query,))
    values = {
        "title": "Search",
        "subtitle": "",
        "made_up": False,
        "examples": [("Recipes for a photo", example)],
    }
    return render("search.html", values)


def test_markup_in_a_title_or_ingredient_is_shown_and_not_run():
    """A recipe site's title is no place to run a script from."""
    page = page_of("<script>alert(1)</script>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;peas" in page


def test_a_page_fetches_nothing():
    """Photos and plots are inside: a page works from a mail attachment and behind a firewall."""
    page = page_of("Pea soup")
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_photos_are_there_before_they_are_looked_at():
    """A browser that prints a page leaves out what it would have loaded later."""
    page = page_of("Pea soup")
    assert "<img" in page
    assert "lazy" not in page


def test_a_forgotten_value_is_an_error_and_no_empty_place():
    """A typo in a template is found by the first rendering."""
    with pytest.raises(UndefinedError):
        render("search.html", {})
