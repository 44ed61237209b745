"""Recipes streamed from shards."""

import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray.calibration.corpus import RecipeText, TextCorpus, TokenFile
from seje_ray.recipe1m.records import Entity
from seje_ray.schema import RECIPES


def test_a_corpus_gives_the_same_recipes_at_every_pass(tmp_path):
    shared = {"partition": "train", "instructions": ["Cook."], "images": []}
    rows = [
        {"id": "0", "title": "Rice", "ingredients": ["2 eggs"],
         "entities": [{"text": "eggs", "valid": True}]},
        {"id": "1", "title": "Soup", "ingredients": [], "entities": None},
    ]  # fmt: skip
    shards = [tmp_path / f"train-{number}.parquet" for number in range(2)]
    for shard, row in zip(shards, rows, strict=True):
        pq.write_table(pa.Table.from_pylist([row | shared], schema=RECIPES), shard)

    corpus = TextCorpus(shards)

    expected = [
        RecipeText("0", "Rice", ("2 eggs",), ("Cook.",), (Entity("eggs", True),)),
        RecipeText("1", "Soup", (), ("Cook.",), None),
    ]
    assert list(corpus) == list(corpus) == expected
    assert len(corpus) == 2
    assert list(TextCorpus([])) == []


def test_tokens_come_back_from_their_file_again_and_again(tmp_path):
    texts = [["soy_sauce", "1/2"], [], ["crème", "it's"]]

    stored = TokenFile(tmp_path / "new" / "texts.txt", iter(texts))

    assert list(stored) == list(stored) == texts
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["texts.txt"]
