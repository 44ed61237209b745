"""Sentence vectors by recipe id and step."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given as drawn
from hypothesis import strategies as st

from seje_ray.calibration.sentence_encoder import EncodedSentences, Steps
from seje_ray.calibration.sentence_encoder.given import (
    Agreement,
    GivenSentences,
    agreement,
    step_keys,
)
from seje_ray.schema import RECIPES

ids_and_steps = st.tuples(st.text(max_size=3), st.integers(0, 40))


def given_sentences(vectors):
    """Of a dict from (id, step) to numbers, whose order is that of the rows."""
    ids, steps = [id_ for id_, _ in vectors], np.array([step for _, step in vectors], np.int64)
    keys = step_keys(ids, steps)
    order = np.argsort(keys)
    index = np.stack([keys[order], order.astype(np.uint64)])
    return GivenSentences(index, np.array(list(vectors.values()), np.float32))


def test_a_step_is_found_by_recipe_and_number_and_what_is_missing_is_zero():
    """Recipe b comes first in the file and backwards; step 1 of a is not there."""
    found = given_sentences(
        {("b", 1): [4, 5], ("b", 0): [2, 3], ("a", 0): [0, 1], ("a", 2): [6, 7]}
    )

    vectors, is_missing = found.of(
        [
            Steps("a", ["Boil.", "Stir.", "Serve."]),
            Steps("none", ["Fry."]),
            Steps("empty", []),
            Steps("b", ["Mix.", "Bake."]),
        ]
    )

    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[0, 1], [0, 0], [6, 7], [0, 0], [2, 3], [4, 5]]
    assert is_missing.tolist() == [False, True, False, True, False, False]


def test_a_recipe_of_no_data_set_has_no_vector():
    found = given_sentences({("None", 0): [1.0]})

    assert found.of([Steps(None, ["Boil."])]).is_missing.tolist() == [True]
    assert found.of([Steps("None", ["Boil."])]).is_missing.tolist() == [False]


def test_without_a_step_there_are_no_rows():
    vectors, is_missing = given_sentences({("a", 0): [1, 2, 3]}).of([Steps("a", [])])

    assert (vectors.shape, is_missing.shape) == ((0, 3), (0,))


@drawn(known=st.sets(ids_and_steps, min_size=1), asked=st.lists(ids_and_steps))
def test_vectors_are_those_of_a_dictionary(known, asked):
    """Any ids and steps, in any order, some asked for twice."""
    rows = {place: [number, -number] for number, place in enumerate(sorted(known), start=1)}
    found = given_sentences(rows)

    has = found.has([id_ for id_, _ in asked], [step for _, step in asked])

    assert has.tolist() == [place in known for place in asked]
    for id_, step in asked:
        vectors, is_missing = found.of([Steps(id_, ["x"] * (step + 1))])
        expected = [rows.get((id_, number), [0, 0]) for number in range(step + 1)]
        assert vectors.tolist() == expected
        assert is_missing.tolist() == [row == [0, 0] for row in expected]


def test_a_key_changes_with_the_step_and_the_id():
    """blake2b of 8 bytes, read from the low end; steps are odd multiples apart."""
    keys = step_keys(["a", "a", "b", "a"], np.array([0, 1, 0, 0]))

    assert keys[0] == keys[3]
    assert len(set(keys.tolist())) == 3
    assert (int(keys[1]) - int(keys[0])) % 2**64 == 0x9E3779B97F4A7C15


def test_agreement_counts_recipes_that_are_known_and_that_end_too_soon(tmp_path):
    """Of five recipes one has no instruction; one is not there; of two the file has more steps."""
    counts = {"a": 2, "b": 1, "c": 0, "d": 3, "e": 1}
    shared = {"partition": "train", "title": "", "ingredients": [], "entities": None, "images": []}
    shards = []
    for number, names in enumerate(["ab", "cde"]):
        rows = [{"id": n, "instructions": ["x"] * counts[n], **shared} for n in names]
        shards.append(tmp_path / f"train-{number:06d}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, schema=RECIPES), shards[-1])
    steps = {"a": [0, 1], "b": [0, 1], "c": [0], "e": [0, 1, 2]}
    found = given_sentences({(id_, step): [1.0] for id_ in steps for step in steps[id_]})

    assert agreement(found, shards) == Agreement(num_recipes=4, num_known=3, num_longer=2)
    assert agreement(found, []) == Agreement(0, 0, 0)


class WordCounts:
    """Words and letters of each sentence."""

    dim = 2

    def encode(self, sentences):
        rows = [[len(s.split()), len(s)] for s in sentences]
        return np.array(rows, np.float32).reshape(-1, 2)


def test_a_network_gives_every_step_a_vector():
    """Whatever the ids are; recipes follow each other."""
    found = EncodedSentences(WordCounts())

    vectors, is_missing = found.of([Steps(None, ["a bc"]), Steps("x", []), Steps("y", ["a", ""])])

    assert vectors.tolist() == [[2, 4], [1, 1], [0, 0]]
    assert is_missing.tolist() == [False, False, False]
    assert found.dim == 2
    assert found.of([]).vectors.shape == (0, 2)
