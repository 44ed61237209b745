"""Batches: the same pairs for any number of workers, each recipe once an epoch."""

from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch.nn import functional as F

from seje_ray.features.inputs import Reads
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.training.pairs import PairLoader
from seje_ray.training.shard import Shard
from tests.unit.training.tiny_data import write_shards

PIXELS = PixelSpec(20, 16)


def loader(paths, *, rank=0, world_size=1, pixels=None, size=8, seed=3, window=32):
    return PairLoader(
        paths,
        pixels,
        global_batch_size=size,
        rank=rank,
        world_size=world_size,
        seed=seed,
        shuffle_window=window,
    )


def joined(batches):
    """Rows of one global batch in worker order."""
    ids = [recipe for batch in batches for recipe in batch.ids]
    return ids, torch.cat([batch.images for batch in batches])


@pytest.fixture
def paths(tmp_path):
    return write_shards(tmp_path, "train", [7, 5, 9])


@pytest.mark.parametrize("pixels", [None, PIXELS])
@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("window", [2, 32], ids=["lanes", "windows"])
def test_any_number_of_workers_sees_the_same_global_batches(paths, window, world_size, pixels):
    """Ids, chosen photos and their augmentation, step by step; uneven rows where they must be."""
    alone = list(loader(paths, pixels=pixels, window=window).epoch(4))
    shared = zip(
        *(
            loader(paths, rank=rank, world_size=world_size, pixels=pixels, window=window).epoch(4)
            for rank in range(world_size)
        ),
        strict=True,
    )
    for one, several in zip(alone, shared, strict=True):
        ids, images = joined(several)
        assert tuple(ids) == one.ids
        assert images.equal(one.images)
        assert [len(batch.ids) for batch in several] == list(several[0].sizes)


def test_an_epoch_has_each_recipe_at_most_once_and_only_the_rest_of_a_batch_is_missing(paths):
    """21 recipes in batches of 8: two steps, 16 different recipes; another epoch, others."""
    orders = []
    for epoch in range(2):
        batches = list(loader(paths).epoch(epoch))
        assert len(batches) == loader(paths).num_steps == 2
        ids = [recipe for batch in batches for recipe in batch.ids]
        assert len(set(ids)) == 16
        orders.append(ids)
    assert orders[0] != orders[1]


@pytest.mark.parametrize("window", [1, 2, 32])
@pytest.mark.parametrize("first_step", range(6))
def test_an_epoch_goes_on_at_any_step(paths, window, first_step):
    """The same batches as of the whole epoch of five steps, pixels and augmentation included."""
    whole = list(loader(paths, pixels=PIXELS, size=4, window=window).epoch(3))
    rest = list(loader(paths, pixels=PIXELS, size=4, window=window).epoch(3, first_step))

    assert len(whole) == 5
    assert [batch.ids for batch in rest] == [batch.ids for batch in whole[first_step:]]
    for one, other in zip(rest, whole[first_step:], strict=True):
        assert one.images.equal(other.images)
        assert one.recipes.sentences.vectors.equal(other.recipes.sentences.vectors)


@pytest.mark.parametrize("world_size", [2, 4])
@pytest.mark.parametrize("window", [2, 32], ids=["lanes", "windows"])
def test_an_epoch_goes_on_with_another_number_of_workers(paths, window, world_size):
    """What three workers began: the same global batches, photos and augmentation included."""

    def of(rank, world_size):
        return loader(paths, rank=rank, world_size=world_size, pixels=PIXELS, window=window)

    started = [next(of(rank, 3).epoch(3)) for rank in range(3)]
    going_on = [list(of(rank, world_size).epoch(3, 1)) for rank in range(world_size)]
    steps = [started, *zip(*going_on, strict=True)]

    whole = list(of(0, 1).epoch(3))
    for one, several in zip(whole, steps, strict=True):
        ids, images = joined(several)
        assert tuple(ids) == one.ids
        assert images.equal(one.images)


@pytest.fixture
def bytes_read(monkeypatch):
    """Sizes of the files that were read, one entry for each time."""
    sizes, shards = [], {}

    def counted(path, **settings):
        sizes.append(path.stat().st_size)
        if path not in shards:  # for the test's speed
            shards[path] = Shard(path, **settings)
        return shards[path]

    monkeypatch.setattr("seje_ray.training.pairs.Shard", counted)
    return sizes


def test_a_worker_reads_its_share_of_the_bytes(tmp_path, bytes_read):
    """Within a tenth of 1 / W, in training and in validation, of more shards than a window has."""
    paths = write_shards(tmp_path, "train", [3, 4] * 32)
    total = sum(path.stat().st_size for path in paths)
    for world_size in (1, 2, 4):
        for rank in range(world_size):
            own = loader(paths, rank=rank, world_size=world_size)
            for batches in (own.epoch(1), own.in_order()):
                bytes_read.clear()
                assert len(list(batches)) > 0
                assert sum(bytes_read) == pytest.approx(total / world_size, rel=0.1)


@pytest.mark.parametrize("world_size", [1, 2])
def test_what_one_window_holds_is_read_once_in_a_training(tmp_path, bytes_read, world_size):
    """Every epoch mixes all of it, so each worker comes to hold all."""
    paths = write_shards(tmp_path, "train", [4] * 6)
    own = loader(paths, world_size=world_size, window=6)
    for epoch in range(4):
        assert len(list(own.epoch(epoch))) == 3
    assert sorted(bytes_read) == sorted(path.stat().st_size for path in paths)


def test_shards_before_the_first_step_are_not_read(paths):
    """With windows of one shard, all but the last one may be missing."""
    expected = [batch.ids for batch in loader(paths, window=1, size=1).epoch(0)]
    last = expected[-1][0].split("-")[0]
    first_step = next(n for n, (recipe,) in enumerate(expected) if recipe.startswith(f"{last}-"))
    late = loader(paths, window=1, size=1)
    for number, path in enumerate(paths):
        if last != f"train{number}":
            path.unlink()

    assert [batch.ids for batch in late.epoch(0, first_step)] == expected[first_step:]


def test_a_small_window_shuffles_within_itself(paths):
    """With a window of one shard the rows of a shard stay together."""
    ids = [r for b in loader(paths, window=1, size=7).epoch(0) for r in b.ids]
    shards = [recipe.split("-")[0] for recipe in ids]
    changes = sum(a != b for a, b in pairwise(shards))
    assert changes <= 2


def test_validation_deals_every_pair_once_with_its_first_photo(paths):
    """File order, the last batch short, no row lost or doubled over three workers."""
    expected = [row for path in paths for row in pq.read_table(path).to_pylist()]
    found = {}
    for rank in range(3):
        for batch in loader(paths, rank=rank, world_size=3, size=4).in_order():
            found |= dict(zip(batch.ids, batch.images.numpy(), strict=True))

    assert found.keys() == {row["id"] for row in expected}
    for row in expected:
        np.testing.assert_allclose(found[row["id"]], row["image_features"][0], rtol=1e-6)
    alone = [recipe for batch in loader(paths, size=4).in_order(10) for recipe in batch.ids]
    assert alone == [row["id"] for row in expected[:10]]


def test_features_belong_to_their_recipe(paths):
    """Every column of a batch row is that of the shard's row, padding apart."""
    rows = {r["id"]: r for path in paths for r in pq.read_table(path).to_pylist()}
    for batch in loader(paths).epoch(0):
        for n, recipe in enumerate(batch.ids):
            row = rows[recipe]
            chosen = [
                np.allclose(batch.images[n], features, rtol=1e-6)
                for features in row["image_features"]
            ]
            assert sum(chosen) == 1
            category = row["image_category_vectors"][chosen.index(True)]
            np.testing.assert_allclose(batch.image_category_vectors[n], category, rtol=1e-6)
            np.testing.assert_allclose(
                batch.recipes.key_term_vectors[n], row["key_term_vector"], rtol=1e-6
            )
            assert int(batch.category_ids[n]) == row["category_id"]
            steps = int(batch.recipes.sentences.num_sentences[n])
            np.testing.assert_allclose(
                batch.recipes.sentences.vectors[n, :steps], row["sentence_vectors"], rtol=1e-6
            )
            assert not batch.recipes.sentences.vectors[n, steps:].any()


def test_text_vectors_are_padded_by_part_and_read_only_where_asked_for(paths):
    """Each part to its own longest recipe; counts say how many lines there are."""
    rows = {r["id"]: r for path in paths for r in pq.read_table(path).to_pylist()}
    texts = PairLoader(
        paths, None, global_batch_size=8, rank=0, world_size=1, seed=3, reads=Reads(texts=True)
    )
    names = ("title_vectors", "ingredient_vectors", "step_vectors")
    plain = next(loader(paths).epoch(0))
    assert plain.recipes.texts is None

    for batch in texts.epoch(0):
        for part, name in enumerate(names):
            vectors, counts = batch.recipes.texts[2 * part : 2 * part + 2]
            expected = [rows[recipe][name] for recipe in batch.ids]
            assert counts.tolist() == [len(lines) for lines in expected]
            assert vectors.shape[1] == max(1, *(len(lines) for lines in expected))
            for row, lines in enumerate(expected):
                for line, vector in enumerate(lines):
                    np.testing.assert_allclose(vectors[row, line], vector, rtol=1e-6)
                assert not vectors[row, len(lines) :].any()
    moved = next(texts.epoch(0)).to(torch.device("meta"))
    assert {part.device.type for part in moved.recipes.texts} == {"meta"}


def test_bags_are_padded_to_the_longest_recipe_of_the_worker(paths):
    """No worker reads another's; padding weighs nothing."""
    rows = {r["id"]: r for path in paths for r in pq.read_table(path).to_pylist()}

    def batches(rank):
        reads = Reads(sentences=False, key_terms=False, lexical=True)
        own = PairLoader(
            paths, None, global_batch_size=8, rank=rank, world_size=3, seed=3, reads=reads
        )
        return list(own.epoch(0))

    for batch in [batch for rank in range(3) for batch in batches(rank)]:
        longest = max(len(rows[recipe]["lexical_terms"]) for recipe in batch.ids)
        terms, weights = batch.recipes.bags
        assert (batch.recipes.sentences, batch.recipes.key_term_vectors) == (None, None)
        assert terms.shape == weights.shape == (len(batch.ids), max(1, longest))
        for n, recipe in enumerate(batch.ids):
            own = rows[recipe]
            num_terms = len(own["lexical_terms"])
            assert terms[n, :num_terms].tolist() == own["lexical_terms"]
            np.testing.assert_allclose(weights[n, :num_terms], own["lexical_weights"])
            assert not weights[n, num_terms:].any()


ALL = Reads(sentences=True, texts=True, key_terms=True, lexical=True)


def partial_loader(paths, share, *, rank=0, world_size=1):
    return PairLoader(
        paths, None, global_batch_size=8, rank=rank, world_size=world_size, seed=3, reads=ALL,
        partial_texts=share,
    )  # fmt: skip


def part_seen(features, n, row):
    """Which part a recipe came as, by its f_term; all else has to agree."""
    vector = features.key_term_vectors[n].numpy()
    stored = [row["key_term_vector"], *row["partial_key_term_vectors"]]
    [found] = [k for k, own in enumerate(stored) if np.allclose(vector, own, rtol=1e-6)]
    part = found - 1 if found else None
    names = ("title_vectors", "ingredient_vectors", "step_vectors")
    counts = [int(features.texts[2 * k + 1][n]) for k in range(3)]
    assert counts == [len(row[name]) if part in (None, k) else 0 for k, name in enumerate(names)]
    num_steps = len(row["sentence_vectors"]) if part in (None, 2) else 0
    assert int(features.sentences.num_sentences[n]) == num_steps
    bag = row["lexical_weights"] if part is None else row["partial_lexical_weights"][part]
    weights = features.bags.weights[n].numpy()
    np.testing.assert_allclose(weights[weights > 0], bag, rtol=1e-6)
    return part


def test_recipes_come_as_one_of_their_parts_now_and_then(tmp_path):
    """All features of a recipe are of the same part, one that it has; validation sees the whole."""
    paths = write_shards(tmp_path, "train", [12, 20], has_partial=True)
    rows = {r["id"]: r for path in paths for r in pq.read_table(path).to_pylist()}
    epochs = partial_loader(paths, 0.6)

    seen = [
        (recipe, part_seen(batch.recipes, n, rows[recipe]))
        for epoch in range(8)
        for batch in epochs.epoch(epoch)
        for n, recipe in enumerate(batch.ids)
    ]

    parts = [part for _, part in seen]
    assert set(parts) == {None, 0, 1, 2}
    assert 0.5 < np.mean([part is not None for part in parts]) < 0.7  # of 256, by a fixed seed
    assert all(rows[recipe]["partial_is_there"][part] for recipe, part in seen if part is not None)
    for batch in epochs.in_order():
        whole = [part_seen(batch.recipes, n, rows[recipe]) for n, recipe in enumerate(batch.ids)]
        assert set(whole) == {None}


def test_any_number_of_workers_sees_the_same_parts(tmp_path):
    """Bags apart from their padding, of which each worker has as much as it needs."""
    paths = write_shards(tmp_path, "train", [12, 20], has_partial=True)
    alone = list(partial_loader(paths, 0.6).epoch(1))
    shared = zip(
        *(partial_loader(paths, 0.6, rank=rank, world_size=3).epoch(1) for rank in range(3)),
        strict=True,
    )
    for one, several in zip(alone, shared, strict=True):
        parts = [batch.recipes for batch in several]
        assert torch.cat([part.key_term_vectors for part in parts]).equal(
            one.recipes.key_term_vectors
        )
        width = one.recipes.bags.terms.shape[1]
        for name in ("terms", "weights"):
            rows = [getattr(part.bags, name) for part in parts]
            padded = [F.pad(own, (0, width - own.shape[1])) for own in rows]
            assert torch.cat(padded).equal(getattr(one.recipes.bags, name))


def test_all_photos_of_a_recipe_are_chosen_over_the_epochs(paths):
    """One random photo per recipe and epoch."""
    rows = {r["id"]: r for path in paths for r in pq.read_table(path).to_pylist()}
    seen = {recipe: set() for recipe in rows}
    epochs = loader(paths, size=21)
    for epoch in range(30):
        for batch in epochs.epoch(epoch):
            for n, recipe in enumerate(batch.ids):
                seen[recipe].add(round(float(batch.images[n, 0]), 5))
    assert all(len(seen[recipe]) == len(rows[recipe]["images"]) for recipe in rows)


def test_fewer_recipes_than_a_batch_make_one_batch_of_all(tmp_path):
    """A tiny data set trains on what there is."""
    small = loader(write_shards(tmp_path, "train", [3]), size=8)
    assert small.num_steps == 1
    assert [len(batch.ids) for batch in small.epoch(0)] == [3]
