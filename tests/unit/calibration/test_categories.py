"""Categories from titles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.calibration.categories import (
    Categories,
    fit_categories,
    food101_names,
    scaled_min_members,
)
from seje_ray.recipe1m.text import title_words

SETTINGS = {"num_bigrams": 2000, "max_bigram_categories": 1000, "min_members": 1, "food101": False}


def test_bigrams_with_more_members_than_the_threshold_become_categories():
    """beef stew 3, fish soup 2, and pea soup 1 title."""
    titles = [
        "Beef Stew",
        "Hot Beef Stew",
        "The Beef Stew",
        "Fish Soup",
        "My Fish Soup",
        "Pea Soup",
    ]

    strict = fit_categories(titles, **{**SETTINGS, "min_members": 2})
    lenient = fit_categories(titles, **SETTINGS)

    assert strict.names == ("background", "beef stew")
    assert lenient.names == ("background", "beef stew", "fish soup")
    assert lenient.sources == ("background", "bigram", "bigram")
    assert [lenient.of(title)[0] for title in titles] == [1, 1, 1, 2, 2, 0]
    assert lenient.of("Pea Soup") == (0, "background")


def test_the_first_category_takes_its_members_from_later_ones():
    """ "stew pot" is in 3 titles; 2 of them already belong to "beef stew" (4 titles)."""
    titles = ["Beef Stew", "Beef Stew", "Beef Stew Pot", "Beef Stew Pot", "Stew Pot"]

    categories = fit_categories(titles, **SETTINGS)

    assert categories.names == ("background", "beef stew")
    assert categories.of("Beef Stew Pot") == (1, "bigram")
    assert categories.of("Stew Pot") == (0, "background")


def test_only_the_most_frequent_bigrams_are_considered():
    titles = ["Aa Bb"] * 4 + ["Cc Dd"] * 3 + ["Ee Ff"] * 2

    assert fit_categories(titles, **{**SETTINGS, "num_bigrams": 2}).names[1:] == ("aa bb", "cc dd")
    assert fit_categories(titles, **{**SETTINGS, "max_bigram_categories": 1}).names[1:] == (
        "aa bb",
    )
    assert fit_categories(titles, **{**SETTINGS, "num_bigrams": 0}).names == ("background",)


def test_equally_frequent_bigrams_stand_by_alphabet():
    assert fit_categories(["Zz Yy", "Bb Cc"] * 2, **SETTINGS).names[1:] == ("bb cc", "zz yy")


def test_bigrams_ignore_stop_words_on_both_sides():
    categories = fit_categories(["Soup of Tomato", "Soup with the Tomato"], **SETTINGS)

    assert categories.of("Easy Soup and Tomato") == (1, "bigram")
    assert categories.of("Tomato Soup") == (0, "background")


def test_food101_names_follow_the_bigrams_and_need_a_member():
    titles = ["Apple Pie", "Apple Pie", "Waffle", "Fish & Chips", "Macaroni and Cheese", "Toast"]

    categories = fit_categories(titles, **{**SETTINGS, "food101": True})

    expected = ("background", "apple pie", "fish and chips", "macaroni and cheese", "waffles")
    assert categories.names == expected
    assert categories.sources == ("background", "bigram", "food101", "food101", "food101")
    assert categories.of("Belgian Waffles") == (4, "food101")  # singular and plural
    assert categories.of("A Fish with Chips") == (2, "food101")
    assert categories.of("French Toast") == (0, "background")  # no train title has it


def test_names_are_met_at_word_boundaries():
    categories = fit_categories(["Steak", "Pho"], **{**SETTINGS, "food101": True})

    assert set(categories.names) == {"background", "steak", "pho"}
    assert categories.of("Beefsteak")[0] == categories.of("Photogenic Bread")[0] == 0


def test_a_bigram_that_is_a_food101_name_is_one_category():
    titles = ["Apple Pie"] * 3 + ["Apple Pies"]

    categories = fit_categories(titles, **{**SETTINGS, "food101": True})

    assert categories.names == ("background", "apple pie")
    assert categories.of("Apple Pies") == (0, "background")


def test_a_food101_name_that_is_too_rare_for_a_bigram_stays():
    titles = ["Apple Pie"] * 3

    categories = fit_categories(titles, **{**SETTINGS, "food101": True, "min_members": 5})

    assert categories.of("Apple Pie") == (1, "food101")


@pytest.mark.parametrize("titles", [[], [""], ["of the", "123"]])
def test_titles_without_words_leave_background_alone(titles, tmp_path):
    categories = fit_categories(titles, **{**SETTINGS, "food101": True, "min_members": None})

    assert categories.names == ("background",)
    assert categories.of("Apple Pie") == (0, "background")


WORDS = st.sampled_from(["beef", "stew", "apple", "pie", "pies", "and", "pizza", "waffle"])


@given(
    titles=st.lists(st.lists(WORDS, max_size=5).map(" ".join), max_size=12),
    min_members=st.integers(0, 3),
    food101=st.booleans(),
)
def test_categories_equal_a_plain_search(titles, min_members, food101):
    """Each title has the first category it contains; each bigram keeps more than the minimum."""
    categories = fit_categories(
        titles, **{**SETTINGS, "min_members": min_members, "food101": food101}
    )

    def contains(title, name, source):
        def spelled(text):
            words = title_words(text)
            if source == "food101":
                words = [word.removesuffix("s") for word in words]
            return f" {' '.join(words)} "

        return spelled(name) in spelled(title)

    entries = list(enumerate(zip(categories.names, categories.sources, strict=True)))[1:]
    found = [categories.of(title)[0] for title in titles]
    for title, category_id in zip(titles, found, strict=True):
        assert category_id == next((i for i, entry in entries if contains(title, *entry)), 0)
    for number, (_, source) in entries:
        assert found.count(number) > (min_members if source == "bigram" else 0)


def test_the_threshold_scales_with_the_corpus():
    # 20 * sqrt(n / 238408): 20 for Recipe1M; a quarter of it halves to 10; never below 3
    assert scaled_min_members(238_408) == scaled_min_members(1_000_000) == 20
    assert scaled_min_members(238_408 // 4) == 10
    assert scaled_min_members(2_100) == scaled_min_members(0) == 3


def test_the_default_threshold_is_the_scaled_one():
    titles = ["Aa Bb"] * 4 + ["Cc Dd"] * 3

    assert fit_categories(titles, **{**SETTINGS, "min_members": None}).names[1:] == ("aa bb",)


def test_there_are_101_names_of_food101():
    assert len(set(food101_names())) == 101


def test_categories_survive_the_disk(tmp_path):
    categories = fit_categories(
        ["Beef Stew", "Beef Stew", "Pizza"], **{**SETTINGS, "food101": True}
    )
    categories.save(tmp_path)

    loaded = Categories.load(tmp_path)

    assert loaded == categories
    assert loaded.of("pizzas") == (2, "food101")


def test_categories_without_background_in_front_are_refused():
    with pytest.raises(ValueError, match="background"):
        Categories(("pizza",), ("food101",))
