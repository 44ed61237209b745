"""What the line tagger sees of a line, and which of its tokens name the ingredient."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import EntityLexicon, Reexaminer
from seje_ray.calibration.line_features import (
    DROPPED_WORD,
    MARKS,
    MAX_TOKENS,
    NUM_BUCKETS,
    NUM_FLAGS,
    batches_by_length,
    line_batch,
    read_line,
    word_pieces,
)
from seje_ray.calibration.line_labels import (
    MAX_GAP,
    align,
    label_line,
    labelled_batches,
    labelled_lines,
    names_something,
)
from seje_ray.recipe1m.records import Entity
from seje_ray.recipe1m.text import tokenize

WORDS = st.sampled_from(["red", "oil", "salt", "or"])
NOTHING_KNOWN = Reexaminer(EntityLexicon({}))


def marked(line, entity):
    """The words that a label marks, or None."""
    labelled = label_line(line, entity)
    if labelled is None:
        return None
    pairs = zip(labelled.line.words, labelled.is_marked, strict=True)
    return [word for word, is_marked in pairs if is_marked]


@pytest.mark.parametrize(
    ("line", "entity", "is_marked"),
    [
        ("1 tablespoon chopped walnuts", "walnuts", [0, 0, 0, 1]),
        ("2 12 cups Sugar", "sugar", [0, 0, 0, 1]),  # "2 1/2" without its slash
        ("1½ cups all-purpose flour", "all_purpose_flour", [0, 0, 0, 1, 1, 1]),
        ("3 dried, pitted dates", "dried_pitted_dates", [0, 1, 1, 1]),
        ("2 tbsp sunflower/groundnut oil", "sunflower_oil", [0, 0, 1, 0, 1]),
        ("Chinese 5 Spice", "chinese_spice", [1, 0, 1]),
        ("1 cup butter, plus butter for the pan", "butter", [0, 0, 1, 0, 0, 0, 0, 0]),  # the first
        ("red or red bell pepper", "red_bell_pepper", [0, 0, 1, 1, 1]),  # the closest
        ("baker's yeast (dry)", "baker's_yeast", [1, 1, 0]),
        ("Crème fraîche 10cl", "crème_fraîche", [1, 1, 0, 0]),
        ("盐 5克", "盐", [1, 0, 0]),
        ("соль по вкусу", "соль", [1, 0, 0]),
    ],
)
def test_the_entity_is_found_in_the_raw_line(line, entity, is_marked):
    assert label_line(line, entity).is_marked == tuple(map(bool, is_marked))


@pytest.mark.parametrize(
    ("line", "entity"),
    [
        ("1 cup pomegranate sees", "pomegranate_seeds"),  # a typing error
        ("2 eggs", "egg"),  # another form of the word
        ("oil of olive", "olive_oil"),  # another order
        ("1 cup", "sugar"),
        ("1 1/2", "sugar"),
        ("", "sugar"),
        ("salt" + " and" * (MAX_GAP + 1) + " oil", "salt_oil"),  # too far apart to be meant
        ("very " * MAX_TOKENS + "salty salt", "salt"),  # behind the last token that is read
    ],
)
def test_an_entity_that_is_not_in_the_line_gives_no_label(line, entity):
    assert label_line(line, entity) is None


def test_gaps_up_to_the_limit_and_long_lines_are_labelled():
    assert marked("salt" + " and" * MAX_GAP + " oil", "salt_oil") == ["salt", "oil"]
    assert marked("salt " + "very " * 1000, "salt") == ["salt"]


def brute_force_align(words, tokens):
    """All increasing positions; the closest, then the first."""
    fits = [
        positions
        for positions in combinations(range(len(tokens)), len(words))
        if [tokens[i] for i in positions] == words
        and positions[-1] - positions[0] + 1 - len(words) <= MAX_GAP
    ]
    return min(((p[-1] - p[0], p[0]) for p in fits), default=None)


@given(
    words=st.lists(WORDS, min_size=1, max_size=4),
    tokens=st.lists(WORDS, max_size=12),
)
def test_alignment_equals_brute_force(words, tokens):
    found = align(words, tokens)

    extent = None if found is None else (found[-1] - found[0], found[0])
    assert extent == brute_force_align(words, tokens)
    assert found is None or [tokens[i] for i in found] == words


@pytest.mark.parametrize(
    ("words", "is_name"),
    [
        (["walnuts"], True),
        (["the", "best", "oil"], True),
        (["the", "best"], False),
        (["2", "cups"], False),
        ([], False),
    ],
)
def test_stop_words_and_quantities_name_nothing(words, is_name):
    assert names_something(words) is is_name


def test_every_line_has_an_outcome_that_is_counted():
    detected = RecipeText(
        "0",
        "T",
        ("2 eggs", "1 cup sugra", "for the topping", "(2 cups)"),
        (),
        (
            Entity("eggs", True),
            Entity("sugar", True),
            Entity("for the topping", False),
            Entity("(2 cups)", True),
        ),
    )
    bare = RecipeText("1", "T", ("3 onions, diced", "1 lb unobtainium"), (), None)
    counts = Counter()

    found = [
        line
        for recipe in (detected, bare)
        for line in labelled_lines(recipe, NOTHING_KNOWN, counts)
    ]

    assert [line.line.words for line in found] == [("2", "eggs"), ("3", "onions", "diced")]
    assert [line.is_marked for line in found] == [(False, True), (False, True, False)]
    assert counts == {"labelled": 2, "unaligned": 1, "flagged": 1, "nameless": 1, "unmatched": 1}


@given(line=st.text(max_size=40))
def test_words_are_those_of_tokenize_and_punctuation_is_no_trouble(line):
    read = read_line(line)

    assert list(read.words) == tokenize(line)[:MAX_TOKENS]
    assert len(read.flags) == len(read.words)
    assert all(0 <= flags < 1 << NUM_FLAGS for flags in read.flags)


def test_flags_say_what_stands_before_a_word_and_of_which_kind_it_is():
    """Kinds: up to 1, 2, 3, 5, 8 letters or more, a number, with more than letters or digits."""
    comma, opened, closed = (1 << MARKS.index(mark) for mark in ",()")
    names = ["1", "2", "3", "5", "8", "9", "number", "more"]
    kinds = {name: 1 << len(MARKS) + i for i, name in enumerate(names)}

    flags = read_line("1½ (ripe) bananas, cook's CHOICE").flags

    assert flags == (
        kinds["number"],
        kinds["number"] | kinds["more"],  # 1/2
        opened | kinds["5"],
        closed | kinds["8"],
        comma | kinds["8"] | kinds["more"],
        kinds["8"],
    )
    assert sum(kinds.values()) >> len(MARKS) == 255
    assert len(MARKS) + len(kinds) == NUM_FLAGS


def test_case_does_not_matter():
    assert read_line("2 CUPS Sugar") == read_line("2 cups sugar")


def test_words_share_the_pieces_that_they_have_in_common():
    egg, eggs = set(word_pieces("egg")), set(word_pieces("eggs"))

    # <egg>: 4 pieces of 2, 3 of 3, 2 of 4 letters, and the whole
    assert len(egg) == 4 + 3 + 2 + 1
    assert len(egg & eggs) == len({"<e", "eg", "gg", "<eg", "egg", "<egg"})
    assert all(0 <= bucket < NUM_BUCKETS for bucket in egg | eggs)


def test_numbers_are_known_by_their_form():
    assert word_pieces("1/2") == word_pieces("3/4") != word_pieces("12") == word_pieces("14")
    assert word_pieces(DROPPED_WORD) != word_pieces("egg")


def test_a_batch_holds_each_word_once():
    batch = line_batch([read_line("2 eggs"), read_line("3 eggs"), read_line("2 figs")])

    assert batch.words.tolist() == [[0, 1], [2, 1], [0, 3]]
    assert batch.starts.tolist() == [0, 1, 1 + len(word_pieces("eggs")), batch.starts[3]]
    assert batch.pieces[batch.starts[3] :].tolist() == list(word_pieces("figs"))
    assert batch.flags.shape == (3, 2, NUM_FLAGS)
    assert batch.flags.sum() == 6  # one kind per word, no punctuation


def test_lines_of_equal_length_share_batches_and_empty_ones_are_in_none():
    assert batches_by_length([2, 0, 1, 2, 2, 1], batch_size=2) == [[2, 5], [0, 3], [4]]
    assert batches_by_length([], batch_size=2) == []


def test_a_pass_gives_every_labelled_line_once_and_tells_every_recipe(make_recipe):
    recipes = [make_recipe(str(i), ["salt", "red wine", "!2 x"], []) for i in range(9)]
    counts = Counter()

    chunks = list(
        labelled_batches(
            recipes, NOTHING_KNOWN, counts, batch_size=4, generator=np.random.default_rng(0)
        )
    )

    shapes = sorted(batch.is_marked.shape for _, batches in chunks for batch in batches)
    assert shapes == sorted([(4, 1), (4, 1), (1, 1), (4, 2), (4, 2), (1, 2)])
    assert chunks[-1][0] == 9
    assert counts == {"labelled": 18, "flagged": 9}


def test_training_hides_one_word_in_twenty_and_keeps_its_label(make_recipe):
    """1,000 times the same word: expected are 50 hidden ones, with a deviation of 7."""
    recipes = [make_recipe(str(i), ["salt"] * 10, []) for i in range(100)]
    generator = np.random.default_rng(0)

    (chunk,) = labelled_batches(
        recipes, NOTHING_KNOWN, Counter(), batch_size=1000, generator=generator
    )
    (batch,) = chunk[1]

    words = [
        batch.lines.pieces[start:end].tolist()
        for start, end in zip(
            batch.lines.starts, [*batch.lines.starts[1:], len(batch.lines.pieces)], strict=True
        )
    ]
    hidden = words.index(list(word_pieces(DROPPED_WORD)))
    assert 15 < (batch.lines.words == hidden).sum() < 85
    assert list(word_pieces("salt")) in words
    assert len(words) == 2
    assert batch.is_marked.all()
