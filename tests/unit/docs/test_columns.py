"""The tables of columns in docs/data.md are those of the schemas, in their order."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from seje_ray import schema

PAGE = (Path(__file__).parents[3] / "docs/data.md").read_text()
LETTERS = {7: "E", 11: "S'", 13: "F", 17: "H", 19: "D"}
FULL = schema.calibrated(
    word_dim=7,
    sentence_dim=11,
    feature_dim=13,
    text_dim=17,
    has_tokens=True,
    has_terms=True,
    has_partial=True,
)
OWN = [field for field in FULL if field.name not in schema.RECIPES.names]


def in_words(kind):
    """How the page spells an Arrow type."""
    if pa.types.is_fixed_size_list(kind):
        return f"{LETTERS[kind.list_size]} floats"
    if pa.types.is_list(kind):
        return f"list of {in_words(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "{" + ", ".join(f"{f.name}: {in_words(f.type)}" for f in kind) + "}"
    return {"string": "text", "int32": "int"}.get(str(kind), str(kind))


def rows_below(heading):
    """(column, type) of the table below a heading."""
    section = PAGE.partition(f"### `{heading}`")[2].partition("\n#")[0]
    return re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("recipes/", list(schema.RECIPES)),
        ("calibrated/", OWN),
        ("embeddings/RUN-PARTITION/", list(schema.embeddings(19))),
    ],
)
def test_every_column_is_listed_with_its_type(heading, fields):
    """A new column, or another type, is documented in the same change."""
    assert rows_below(heading) == [(field.name, in_words(field.type)) for field in fields]
