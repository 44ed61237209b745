"""Calibrated recipes as training batches: the same global batch for any number of workers.

Letters: B pairs of this worker, S instruction steps, L lines of a part of a recipe, E word-vector
dimensions, H text-vector dimensions.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from seje_ray import random_streams
from seje_ray.config.train import Augmentation
from seje_ray.features.inputs import (
    READS_OF_LSTM,
    Reads,
    RecipeFeatures,
    Sentences,
    TextBatch,
    moved,
    padded,
    padded_bags,
    stacked,
)
from seje_ray.features.tokens import TextShape, token_batch
from seje_ray.random_streams import Stream
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.store.mirror import fetch_noted
from seje_ray.training.device_decoding import decoders_of
from seje_ray.training.epoch_order import OrderKind, epoch_order, order_kind
from seje_ray.training.lanes import Rows, located, own_part
from seje_ray.training.open_shards import OpenShards
from seje_ray.training.prefetch import prefetched
from seje_ray.training.shard import Shard
from seje_ray.training.shards_ahead import ShardsAhead
from seje_ray.training.subset import rows_by_shard


@dataclass(frozen=True, slots=True)
class PairBatch:
    """This worker's rows of one global batch."""

    ids: tuple[str, ...]
    images: Tensor  # (B, 3, crop, crop) uint8, or (B, F) pooled features
    image_category_vectors: Tensor  # (B, E)
    recipes: RecipeFeatures  # B rows of each
    category_ids: Tensor  # (B,) int64
    sizes: tuple[int, ...]  # rows of each worker in this global batch (in order: of this one)

    def to(self, device: torch.device) -> "PairBatch":
        """Copy the tensors to ``device``, asynchronously from pinned memory where it is CUDA."""
        if device.type == "cpu":
            return self
        return PairBatch(
            **{field.name: moved(getattr(self, field.name), device) for field in fields(self)}
        )


@dataclass(frozen=True, slots=True)
class _Pair:
    """One row of a global batch, and the keys of its random draws; none where nothing is drawn."""

    shard: Shard
    row: int
    draw: tuple[int, ...]


class PairLoader:
    """Batches of one partition of a calibrated artifact.

    A step sees the same pairs for any number of workers. Of many shards each worker reads its
    share, and holds its part of ``shuffle_window`` of them; at most so many stay in memory.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        pixels: PixelSpec | None,
        *,
        global_batch_size: int,
        rank: int,
        world_size: int,
        seed: int,
        shuffle_window: int = 32,
        num_threads: int = 2,
        reads: Reads = READS_OF_LSTM,
        augmentation: Augmentation = "crop_flip",
        text_shape: TextShape | None = None,
        rows: np.ndarray | None = None,
        partial_texts: float = 0.0,
        counts: Sequence[int] | None = None,
        bring: Callable[[Path], object] = fetch_noted,
        elsewhere: Callable[[], Executor] | None = None,
        device: torch.device | None = None,
    ) -> None:
        """Look at the shards.

        Args:
            shards: In order.
            pixels: Of photos; None for the stored pooled features instead.
            global_batch_size: Pairs over all workers; at most all there are.
            rank: Of this worker.
            world_size: Workers.
            seed: Of every draw.
            shuffle_window: Shards that a batch is drawn from.
            num_threads: That decode photos.
            reads: Features of recipes that are read.
            augmentation: Random changes of training photos.
            text_shape: How their tokens become texts, where they are read.
            rows: Numbers of the rows that are used, rising, at least one; None for all.
            partial_texts: Chance, in [0, 1), of a recipe of ``epoch`` to come as its title, its
                ingredients or its steps alone.
            counts: Rows of each shard; None to look that up in the files, which are here then.
            bring: Brings a shard of a store, a while before it is read.
            elsewhere: Begins what decodes photos in other processes; None for threads of this one.
            device: That decodes photos, and has the batches' afterwards; None for these threads.

        Raises:
            ResourceError: If there is a device that cannot decode.
        """
        self._shards, self._bring = list(shards), bring
        self._reads, self._text_shape = reads, text_shape
        self._partial_texts = partial_texts
        self._rank, self._world_size, self._seed = rank, world_size, seed
        self._window = shuffle_window
        self._decoders = None
        if pixels is not None:
            self._decoders = decoders_of(pixels, augmentation, num_threads, elsewhere, device)
        if counts is None:
            counts = [pq.read_metadata(path).num_rows for path in shards]
        self._rows = rows_by_shard(rows, counts)
        self.num_rows = sum(len(rows) for rows in self._rows)
        self.global_batch_size = min(global_batch_size, max(1, self.num_rows))
        self.order_kind: OrderKind = order_kind(len(self._shards), shuffle_window)
        self._open = OpenShards(self._read)

    @property
    def num_steps(self) -> int:
        """Steps of an epoch, the same on every worker; an incomplete last batch is left out."""
        num_steps: int = self.num_rows // self.global_batch_size
        return num_steps

    def epoch(
        self, epoch: int, first_step: int = 0, kind: OrderKind | None = None
    ) -> Iterator[PairBatch]:
        """Batches of a training epoch: shuffled, one random photo per recipe, augmented.

        Args:
            epoch: >= 0.
            first_step: Those before are left out; what they hold is neither read nor decoded.
            kind: The order that the epoch was begun in; None for ``order_kind``.
        """
        size, kind = self.global_batch_size, kind or self.order_kind
        counts = [len(rows) for rows in self._rows]
        order = epoch_order(
            kind, counts, batch_size=size, window=self._window, seed=self._seed, epoch=epoch
        )
        parts = [own_part(size, rank, self._world_size) for rank in range(self._world_size)]
        sizes, own = tuple(len(part) for part in parts), parts[self._rank]
        steps = range(first_step, self.num_steps)

        def begin(step: int, pool: Executor) -> Callable[[], PairBatch]:
            ahead.wait_for_next()
            return self._begun(self._pairs(order.step(step, own), kind, epoch), sizes, pool)

        needs = (order.shards(step, own) for step in steps)
        with ShardsAhead(self._shards, self._bring, needs) as ahead:
            yield from prefetched(steps, begin, self._pool)

    def in_order(self, max_pairs: int | None = None) -> Iterator[PairBatch]:
        """Batches for validation: file order, first photo, centre crop.

        Each worker takes whole batches that lie side by side, so that their rows in rank order
        are those of the files; one may have none. The last batch may be short.
        """
        size, ends = self.global_batch_size, np.cumsum([len(rows) for rows in self._rows])
        num_pairs = self.num_rows if max_pairs is None else min(max_pairs, self.num_rows)
        own = own_part(-(-num_pairs // size), self._rank, self._world_size)

        def rows_of(number: int) -> Rows:
            places = np.arange(number * size, min((number + 1) * size, num_pairs))
            numbers, offsets = located(ends, places)
            return list(zip(numbers.tolist(), offsets.tolist(), strict=True))

        def begin(number: int, pool: Executor) -> Callable[[], PairBatch]:
            ahead.wait_for_next()
            rows = rows_of(number)
            return self._begun(self._pairs(rows, self.order_kind), (len(rows),), pool)

        needs = ({shard for shard, _ in rows_of(number)} for number in own)
        with ShardsAhead(self._shards, self._bring, needs) as ahead:
            yield from prefetched(own, begin, self._pool)

    def _pool(self) -> Executor:
        return ThreadPoolExecutor(1) if self._decoders is None else self._decoders.pool()

    def _pairs(self, rows: Rows, kind: OrderKind, epoch: int | None = None) -> list[_Pair]:
        """Pairs of these rows, read where they are not yet; of an epoch of a training or none."""
        num_kept = self._window if kind == "windows" else 0
        shards = self._open.take((number for number, _ in rows), num_kept)
        used = [(number, int(self._rows[number][k])) for number, k in rows]
        return [
            _Pair(shards[number], row, () if epoch is None else (epoch, number, row))
            for number, row in used
        ]

    def _read(self, number: int) -> Shard:
        path = self._shards[number]
        return Shard(
            path,
            use_features=self._decoders is None,
            reads=self._reads,
            partial=self._partial_texts > 0,
        )

    def _draw(self, pair: _Pair) -> np.random.Generator | None:
        if not pair.draw:
            return None
        return random_streams.generator(Stream.PHOTO_OF_PAIR, self._seed, *pair.draw)

    def _begun(
        self, own: list[_Pair], sizes: tuple[int, ...], pool: Executor
    ) -> Callable[[], PairBatch]:
        """Let photos be decoded; what is returned waits for them and makes the batch."""
        draws = [self._draw(pair) for pair in own]
        chosen = [
            0 if draw is None else int(draw.integers(pair.shard.num_images(pair.row)))
            for pair, draw in zip(own, draws, strict=True)
        ]
        images = self._images(own, chosen, draws, pool)

        def finished() -> PairBatch:
            categories = [int(p.shard.category_ids[p.row]) for p in own]
            seen = [
                p.shard.image_category_vector(p.row, i) for p, i in zip(own, chosen, strict=True)
            ]
            return PairBatch(
                ids=tuple(pair.shard.ids[pair.row] for pair in own),
                image_category_vectors=stacked(seen),
                recipes=self._recipes(own, [self._part(pair) for pair in own]),
                category_ids=torch.tensor(categories, dtype=torch.int64),
                sizes=sizes,
                images=images(),  # last: all else is made while they are decoded
            )

        return finished

    def _part(self, pair: _Pair) -> int | None:
        """The part of a recipe that it comes as; None for the whole."""
        if self._partial_texts == 0 or not pair.draw:
            return None
        draw = random_streams.generator(Stream.PARTIAL_TEXTS, self._seed, *pair.draw)
        there = pair.shard.parts_there(pair.row)
        if not there or draw.random() >= self._partial_texts:
            return None
        return int(draw.choice(there))

    def _recipes(self, own: list[_Pair], parts: list[int | None]) -> RecipeFeatures:
        reads = self._reads
        read = [(pair.shard, pair.row, part) for pair, part in zip(own, parts, strict=True)]
        sentences = texts = key_term_vectors = bags = tokens = None
        if reads.sentences:
            sentences = Sentences(*padded([s.sentence_vectors(row, part) for s, row, part in read]))
        if reads.texts:
            texts = _text_batch([s.text_vectors(row, part) for s, row, part in read])
        if reads.key_terms:
            key_term_vectors = stacked([s.key_term_vector(row, part) for s, row, part in read])
        if reads.lexical:
            terms, weights = zip(*(s.bag(row, part) for s, row, part in read), strict=True)
            bags = padded_bags(terms, weights)
        if reads.tokens:
            assert self._text_shape is not None
            lines = [s.tokens(row, part) for s, row, part in read]
            tokens = token_batch(lines, self._text_shape)
        return RecipeFeatures(sentences, texts, key_term_vectors, bags, tokens)

    def _images(
        self,
        own: list[_Pair],
        chosen: list[int],
        draws: list[np.random.Generator | None],
        pool: Executor,
    ) -> Callable[[], Tensor]:
        photos = zip(own, chosen, draws, strict=True)
        if self._decoders is None:
            return lambda: stacked([p.shard.image_features(p.row, i) for p, i, _ in photos])
        jpegs = [(pair.shard.jpeg(pair.row, image), draw) for pair, image, draw in photos]
        return self._decoders.begin(jpegs, pool)


def _text_batch(rows: Sequence[Sequence[np.ndarray]]) -> TextBatch:
    parts = zip(*rows, strict=True)
    return TextBatch(*(tensor for part in parts for tensor in padded(part)))
