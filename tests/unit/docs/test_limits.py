"""The page of limits is whole."""

import re
from pathlib import Path

from seje_ray import limits

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"


def test_every_limit_stands_on_the_page_with_its_value():
    """And no other does."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([\d,.]+) \|", PAGE.read_text(), re.MULTILINE)
    expected = {name: f"{value:,}" for name, value in vars(limits).items() if name.isupper()}
    del expected["MEGABYTE"]
    assert dict(rows) == expected
