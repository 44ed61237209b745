"""Texts of other languages, brought to what the English rules read right."""

import builtins
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import normalise_entity
from seje_ray.calibration.language import (
    Language,
    LanguageError,
    PreparedRecipes,
    language_of,
    read_words,
    segmenter,
)
from seje_ray.recipe1m.records import Entity
from seje_ray.recipe1m.text import tokenize

GERMAN = Language("de", frozenset({"mit", "und", "die"}), frozenset({"el", "prise"}))


@given(st.text(), st.text())
def test_plain_english_stays_as_it_is(title, line):
    """The very same object: nothing is computed."""
    recipe = RecipeText("a", title, (line,), (title,), (Entity(line, True),))
    assert Language().prepared(recipe) is recipe
    assert Language().segmented(title) == title


def test_stop_words_go_everywhere_and_units_from_lines_alone():
    recipe = RecipeText("a", "Suppe mit Erbsen", ("2 EL Mehl",), ("Mit 1 EL Öl und Mehl.",), None)
    found = GERMAN.prepared(recipe)
    assert tokenize(found.title) == ["suppe", "erbsen"]
    assert tokenize(found.ingredients[0]) == ["2", "mehl"]
    assert tokenize(found.instructions[0]) == ["1", "el", "öl", "mehl"]


def test_entities_of_the_source_are_read_by_the_same_rules():
    recipe = RecipeText("a", "", ("x",), (), (Entity("Prise Salz und Pfeffer", True),))
    [entity] = GERMAN.prepared(recipe).entities
    assert normalise_entity(entity.text) == "salz_pfeffer"


def test_a_word_inside_another_is_no_stop_word():
    assert GERMAN.content("mittags Mitte Mit-Tag") == "mittags Mitte -Tag"


def test_what_french_joins_by_an_apostrophe_is_two_words():
    assert tokenize(Language("fr").segmented("gousse d'ail à l\u2019huile")) == [
        "gousse", "d", "ail", "à", "l", "huile",
    ]  # fmt: skip


def test_chinese_words_are_found_and_nothing_is_lost():
    """By jieba; ASCII stays, and so do the characters."""
    pytest.importorskip("jieba")
    text = "200克面粉\uff0c加入鸡蛋"
    found = Language("zh").segmented(text)
    assert {"面粉", "鸡蛋", "加入"} <= set(tokenize(found))
    assert found.replace(" ", "") == text
    assert Language("zh").segmented("salt & pepper") == "salt & pepper"
    assert Language("zh").min_letters == 1


def test_a_language_is_stored_with_its_words_and_english_with_none(tmp_path):
    """An older calibrator has no file of it."""
    GERMAN.save(tmp_path)
    assert Language.load(tmp_path) == GERMAN
    assert pickle.loads(pickle.dumps(GERMAN)) == GERMAN  # noqa: S301 - our own bytes
    (tmp_path / "en").mkdir()
    Language().save(tmp_path / "en")
    assert not list((tmp_path / "en").iterdir())
    assert Language.load(tmp_path / "en") == Language()


def test_spacy_gives_stop_words_and_lists_add_to_them(tmp_path):
    pytest.importorskip("spacy")
    for name, words in (("stop", "# ours\nLecker\n\n"), ("units", "EL\n")):
        (tmp_path / name).write_text(words, encoding="utf-8-sig")
    found = language_of("de", stop_words=str(tmp_path / "stop"), units=str(tmp_path / "units"))
    assert {"und", "mit", "lecker"} <= found.stop_words
    assert found.units == {"el"}
    assert language_of("xx", stop_words=None, units=None) == Language("xx")
    english = language_of("en", stop_words=str(tmp_path / "stop"), units=None)
    assert english == Language("en", frozenset({"lecker"}))


def test_an_unknown_language_is_one_error():
    pytest.importorskip("spacy")
    with pytest.raises(LanguageError, match=r"'qq': expected a language by its code.*take xx"):
        language_of("qq", stop_words=None, units=None)


@pytest.mark.parametrize(("name", "package"), [("zh", "jieba"), ("de", "spacy")])
def test_a_missing_package_is_named_with_its_install_line(monkeypatch, name, package):
    real = builtins.__import__

    def importing(wanted, *args, **options):
        if wanted.split(".")[0] == package:
            raise ImportError(f"No module named {package!r}")
        return real(wanted, *args, **options)

    segmenter.cache_clear()
    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(LanguageError, match=r"pip install 'seje-ray\[languages\]'"):
        language_of(name, stop_words=None, units=None)
    segmenter.cache_clear()


@pytest.mark.parametrize("content", [None, b"oil and \0 salt\n" * 9])
def test_a_list_that_is_no_text_is_one_error(tmp_path, content):
    if content is not None:
        (tmp_path / "words").write_bytes(content)
    with pytest.raises(LanguageError, match="words: expected a list, a word in a line"):
        read_words(str(tmp_path / "words"))


def test_a_corpus_is_prepared_as_its_recipes_are():
    recipes = [RecipeText(str(n), f"Suppe und {n}", (), (), None) for n in range(3)]
    corpus = PreparedRecipes(recipes, GERMAN)
    assert len(corpus) == 3
    assert list(corpus) == [GERMAN.prepared(recipe) for recipe in recipes]
