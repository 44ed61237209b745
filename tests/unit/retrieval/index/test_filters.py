"""Words of ingredient lines: whole words, in singular and plural."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from seje_ray.retrieval.index.filters import word_pattern


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("tomato", "4 Tomatoes, diced"),
        ("tomatoes", "1 tomato"),
        ("egg", "2 eggs"),
        ("eggs", "1 EGG."),
        ("berry", "frozen berries"),
        ("berries", "one berry"),
        ("peach", "3 peaches"),
        ("soy  sauce", "1 tbsp soy sauce"),
        ("soy sauce", "1 tbsp soy-sauce"),
        ("jalapeño", "Jalapeños\n2 onions"),
        ("swiss", "swiss cheese"),
        ("番茄", "两个番茄"),
        ("c++", "c++ drops"),
    ],
)
def test_a_word_is_found_in_singular_and_plural(word, text):
    """In any case of letters."""
    assert found(word, text)


@pytest.mark.parametrize(
    ("word", "text"),
    [("egg", "1 eggplant"), ("nut", "doughnut"), ("milk", "1 cup buttermilk"), ("a.b", "axb")],
)
def test_a_part_of_a_word_is_not_it(word, text):
    """Nor is a pattern."""
    assert not found(word, text)


def found(word: str, text: str) -> bool:
    """Whether a text has a word."""
    return bool(pc.match_substring_regex(pa.array([text]), word_pattern(word))[0].as_py())
