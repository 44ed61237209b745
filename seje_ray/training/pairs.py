"""Calibrated recipes as training batches: the same global batch for any number of workers.

Letters: B pairs of this worker, S instruction steps, L lines of a part of a recipe, E word-vector
dimensions, H text-vector dimensions.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from seje_ray import random_streams
from seje_ray.config.train import Augmentation
from seje_ray.distributed.collectives import split_sizes
from seje_ray.features.augmentation import augmented
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
from seje_ray.training.shard import Shard
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
    """One row of a global batch, and the seed of its random draws."""

    shard: Shard
    row: int
    draw: tuple[int, ...]


class PairLoader:
    """Batches of one partition of a calibrated artifact.

    All workers walk the same order and take their rows of each global batch, so a step sees the
    same pairs for any number of workers. Shards are shuffled by (seed, epoch), rows within a
    window of ``shuffle_window`` shards; memory holds one window.
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
    ) -> None:
        """Look at the shards.

        Args:
            shards: In order.
            pixels: Of photos; None for the stored pooled features instead.
            global_batch_size: Pairs over all workers; at most all there are.
            rank: Of this worker.
            world_size: Workers.
            seed: Of every draw.
            shuffle_window: Shards held in memory and shuffled together.
            num_threads: That decode photos.
            reads: Features of recipes that are read.
            augmentation: Random changes of training photos.
            text_shape: How their tokens become texts, where they are read.
            rows: Numbers of the rows that are used, rising, at least one; None for all.
            partial_texts: Chance, in [0, 1), of a recipe of ``epoch`` to come as its title, its
                ingredients or its steps alone.
        """
        self._shards = list(shards)
        self._pixels, self._reads, self._text_shape = pixels, reads, text_shape
        self._augmentation, self._partial_texts = augmentation, partial_texts
        self._rank, self._world_size, self._seed = rank, world_size, seed
        self._window, self._num_threads = shuffle_window, num_threads
        self._shard_rows = _rows_of_shards(self._shards, rows)
        self.num_rows = sum(len(rows) for rows in self._shard_rows)
        self.global_batch_size = min(global_batch_size, self.num_rows)
        self._kept: dict[Path, Shard] = {}  # all shards, where one window holds them

    @property
    def num_steps(self) -> int:
        """Steps of an epoch, the same on every worker; an incomplete last batch is left out."""
        num_steps: int = self.num_rows // self.global_batch_size
        return num_steps

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[PairBatch]:
        """Batches of a training epoch: shuffled, one random photo per recipe, augmented.

        Those before ``first_step`` are left out, and what they hold is neither read nor decoded.
        """
        pairs = self._shuffled_pairs(epoch, first_step * self.global_batch_size)
        yield from self._prefetched(_grouped(pairs, self.global_batch_size, complete=True), True)

    def in_order(self, max_pairs: int | None = None) -> Iterator[PairBatch]:
        """Batches for validation: file order, first photo, centre crop.

        Whole batches are dealt to the workers in turn, so no worker gets an empty one; the last
        batch may be short.
        """
        groups = _grouped(self._pairs_in_order(max_pairs), self.global_batch_size, complete=False)
        own = (g for n, g in enumerate(groups) if n % self._world_size == self._rank)
        yield from self._prefetched(own, False)

    def _shuffled_pairs(self, epoch: int, num_skipped: int) -> Iterator[_Pair]:
        generator = random_streams.generator(Stream.PAIR_ORDER, self._seed, epoch)
        order = generator.permutation(len(self._shards))
        for start in range(0, len(order), self._window):
            window = [int(n) for n in order[start : start + self._window]]
            rows = [(n, row) for n in window for row in self._shard_rows[n]]
            drawn = [rows[position] for position in generator.permutation(len(rows))]
            left, num_skipped = drawn[num_skipped:], max(0, num_skipped - len(drawn))
            shards = {n: self._open(self._shards[n]) for n in {n for n, _ in left}}
            for number, row in left:
                yield _Pair(shards[number], row, (epoch, number, row))

    def _pairs_in_order(self, max_pairs: int | None) -> Iterator[_Pair]:
        left = self.num_rows if max_pairs is None else max_pairs
        for path, rows in zip(self._shards, self._shard_rows, strict=True):
            if left <= 0:
                return
            shard = self._open(path)
            for row in rows[:left]:
                yield _Pair(shard, row, ())
            left -= len(rows)

    def _open(self, path: Path) -> Shard:
        if path in self._kept:
            return self._kept[path]
        shard = Shard(
            path,
            use_features=self._pixels is None,
            reads=self._reads,
            partial=self._partial_texts > 0,
        )
        if len(self._shards) <= self._window:
            self._kept[path] = shard
        return shard

    def _prefetched(self, groups: Iterator[list[_Pair]], is_training: bool) -> Iterator[PairBatch]:
        """Read and prepare the next batch in threads while the caller computes."""
        with ThreadPoolExecutor(self._num_threads) as decoders, ThreadPoolExecutor(1) as ahead:

            def prepare() -> PairBatch | None:
                group = next(groups, None)  # may read shards
                return None if group is None else self._batch(group, is_training, decoders)

            pending = ahead.submit(prepare)
            while (batch := pending.result()) is not None:
                pending = ahead.submit(prepare)
                yield batch

    def _draw(self, pair: _Pair) -> np.random.Generator:
        return random_streams.generator(Stream.PHOTO_OF_PAIR, self._seed, *pair.draw)

    def _batch(
        self, group: list[_Pair], is_training: bool, decoders: ThreadPoolExecutor
    ) -> PairBatch:
        sizes: tuple[int, ...] = (len(group),)
        own = group
        if is_training:
            sizes = split_sizes(len(group), self._world_size)
            start = sum(sizes[: self._rank])
            own = group[start : start + sizes[self._rank]]
        draws = [self._draw(pair) if is_training else None for pair in own]
        chosen = [
            0 if draw is None else int(draw.integers(pair.shard.num_images(pair.row)))
            for pair, draw in zip(own, draws, strict=True)
        ]
        parts = [self._part(pair) if is_training else None for pair in own]
        return PairBatch(
            ids=tuple(pair.shard.ids[pair.row] for pair in own),
            images=self._images(own, chosen, draws, decoders),
            image_category_vectors=stacked(
                [p.shard.image_category_vector(p.row, i) for p, i in zip(own, chosen, strict=True)]
            ),
            recipes=self._recipes(own, parts, group),
            category_ids=torch.tensor(
                [int(p.shard.category_ids[p.row]) for p in own], dtype=torch.int64
            ),
            sizes=sizes,
        )

    def _part(self, pair: _Pair) -> int | None:
        """The part of a recipe that it comes as; None for the whole."""
        if self._partial_texts == 0:
            return None
        draw = random_streams.generator(Stream.PARTIAL_TEXTS, self._seed, *pair.draw)
        there = pair.shard.parts_there(pair.row)
        if not there or draw.random() >= self._partial_texts:
            return None
        return int(draw.choice(there))

    def _recipes(
        self, own: list[_Pair], parts: list[int | None], group: list[_Pair]
    ) -> RecipeFeatures:
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
            # As wide on every worker: what a training leaves out is drawn for the global batch.
            # A part has no term that the whole has not.
            width = max([1, *(pair.shard.num_terms(pair.row) for pair in group)])
            terms, weights = zip(*(s.bag(row, part) for s, row, part in read), strict=True)
            bags = padded_bags(terms, weights, width)
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
        decoders: ThreadPoolExecutor,
    ) -> Tensor:
        spec = self._pixels
        if spec is None:
            return stacked(
                [p.shard.image_features(p.row, i) for p, i in zip(own, chosen, strict=True)]
            )

        def crop(pair: _Pair, image: int, draw: np.random.Generator | None) -> np.ndarray:
            photo = spec.crop_of(pair.shard.jpeg(pair.row, image), draw)
            return photo if draw is None else augmented(photo, self._augmentation, draw)

        return torch.from_numpy(spec.stack(list(decoders.map(crop, own, chosen, draws))))


def _rows_of_shards(shards: Sequence[Path], rows: np.ndarray | None) -> list[list[int]]:
    """Row numbers that are used of each shard."""
    counts = [pq.read_metadata(path).num_rows for path in shards]
    used = np.arange(sum(counts)) if rows is None else rows
    return [part.tolist() for part in rows_by_shard(used, counts)]


def _grouped(pairs: Iterator[_Pair], size: int, *, complete: bool) -> Iterator[list[_Pair]]:
    group: list[_Pair] = []
    for pair in pairs:
        group.append(pair)
        if len(group) == size:
            yield group
            group = []
    if group and not complete:
        yield group


def _text_batch(rows: Sequence[Sequence[np.ndarray]]) -> TextBatch:
    parts = zip(*rows, strict=True)
    return TextBatch(*(tensor for part in parts for tensor in padded(part)))
