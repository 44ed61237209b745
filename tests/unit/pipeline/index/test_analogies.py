"""Arithmetic that a report shows, by hand: apple muffin - muffin + pie, in three dimensions."""

import numpy as np
import pyarrow as pa
import pytest

from seje_ray.artifact import write_table
from seje_ray.pipeline.index.analogies import Terms, analogies, chosen_terms
from seje_ray.retrieval.index.collection import Index
from seje_ray.retrieval.index.entries import Entries
from seje_ray.retrieval.index.side import IndexSide

MUFFIN, PIE, APPLE = np.eye(3, dtype=np.float32)
WITH_APPLE = ["apple", "flour"]
RECIPES = [  # category, key terms, partition, vector
    ("muffin", WITH_APPLE, "train", MUFFIN + APPLE),
    ("muffin", WITH_APPLE, "train", MUFFIN + APPLE),
    ("muffin", WITH_APPLE, "test", MUFFIN + APPLE),
    ("muffin", ["flour"], "test", MUFFIN),
    ("pie", WITH_APPLE, "train", PIE + APPLE),
    ("pie", WITH_APPLE, "train", PIE + APPLE),
    ("pie", WITH_APPLE, "test", PIE + APPLE),
    ("pie", ["flour"], "train", PIE),
    ("pie", ["flour"], "test", PIE),
]


def unit(vectors) -> np.ndarray:
    """Rows at length 1."""
    rows = np.array(vectors, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def side(folder, what, rows, vectors, **types) -> IndexSide:
    """One side of an index that lies nowhere but for its texts."""
    columns = dict.fromkeys(("id", "partition", "title", "category"), pa.string())
    columns |= {"thumbnail": pa.binary(), **types}
    path = folder / f"{what}.parquet"
    write_table(path, pa.Table.from_pylist(rows, schema=pa.schema([*columns.items()])))
    is_there = np.ones(len(rows), bool)
    return IndexSide(what, None, Entries([path]), unit(vectors), is_there, None, None)


@pytest.fixture
def index(tmp_path) -> Index:
    """Nine recipes, and a photo of each that looks just like it."""
    lists = dict.fromkeys(("ingredients", "key_terms", "photos"), pa.list_(pa.string()))
    seen = {"recipe": pa.string(), "seen_category": pa.string(), "seen_score": pa.float32()}
    recipes, photos = [], []
    for number, (category, terms, partition, _) in enumerate(RECIPES):
        shared = {"partition": partition, "title": f"{category} {number}", "category": category}
        own = {"id": f"r{number}", "ingredients": ["1 cup flour"], "key_terms": terms}
        recipes.append({**shared, **own, "photos": [f"p{number}"]})
        photos.append({**shared, "id": f"p{number}", "recipe": f"r{number}"})
    vectors = [vector for *_, vector in RECIPES]
    return Index(
        tmp_path,
        side(tmp_path, "recipes", recipes, vectors, **lists),
        side(tmp_path, "photos", photos, vectors, **seen),
    )


def test_a_term_is_one_that_two_categories_share_and_not_everything_has(index):
    """Flour is in all; of the two ways from one category to the other one is taken."""
    assert [*chosen_terms(index)] == [Terms("apple", "muffin", "pie")]


def test_the_nearest_photos_of_the_partition_are_shown_and_counted(index):
    """Apple muffins - muffins + pies; with a = 1 / sqrt(2) the means are in proportion

    muffins (3a + 1, 0, 3a), pies (0, 3a + 2, 3a), so at length 1 (.827, 0, .562), (0, .889, .458);
    (a, 0, a) minus the one plus the other is (-.120, .889, .603), of length 1.081. Its cosines: to
    apple pie (.889 + .603) a / 1.081 = .98, to pie .889 / 1.081 = .82, to apple muffin
    (.603 - .120) a / 1.081 = .32, to muffin -.11.
    """
    [found] = analogies(index, "test")
    assert found.name == "muffin with apple \N{MINUS SIGN} muffin + pie"
    assert found.wanted == "pie with apple"
    assert [(card.title, card.note, card.is_match) for card in found.cards] == [
        ("pie 6", "0.98 · pie", True),
        ("pie 8", "0.82 · pie", False),
        ("muffin 2", "0.32 · muffin", False),
        ("muffin 3", "-0.11 · muffin", False),
    ]
    assert found.num_as_wanted == 1
    assert found.usual_share == pytest.approx(1 / 4)


def test_nothing_is_shown_where_nothing_can_be_found(index):
    """A partition without recipes; one whose only apple pie was deleted."""
    assert analogies(index, "val") == []
    index.recipes.is_there[6] = False
    assert analogies(index, "test") == []
