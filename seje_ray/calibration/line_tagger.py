"""The key-term tagger: a bidirectional LSTM that marks the ingredient's name in a raw line.

Letters: B lines, T tokens.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from seje_ray import random_streams
from seje_ray.artifact import write_json
from seje_ray.calibration.corpus import Recipes
from seje_ray.calibration.entities import JOIN, Reexaminer
from seje_ray.calibration.fit_epochs import RunningMeans, fit_epochs
from seje_ray.calibration.line_features import (
    NUM_BUCKETS,
    NUM_FLAGS,
    LineBatch,
    batches_by_length,
    line_batch,
    read_line,
)
from seje_ray.calibration.line_labels import (
    OUTCOMES,
    LabelledBatch,
    labelled_batches,
    names_something,
)
from seje_ray.console.report import Report
from seje_ray.distributed.process import LocalProcess
from seje_ray.random_streams import Stream, torch_seed

WORD_DIM = 32
DROPOUT = 0.3
MAX_GRADIENT_NORM = 5.0  # recurrent networks now and then have a huge gradient
TAG_BATCH_SIZE = 256
LINES_PER_CHUNK = 2**15  # read and sorted by length together


@dataclass(frozen=True, slots=True)
class TaggedSpan:
    """The words that the network marks in one line."""

    entity: str | None  # marked words joined by ``_``; None if they name nothing
    confidence: float  # in [0, 1], that every token is rightly marked or left; 0 without entity

    def is_understood(self, threshold: float) -> bool:
        """The line's True/False flag of docs/method.md, rule 1.1.

        Args:
            threshold: In [0, 1]; least confidence.
        """
        return self.entity is not None and self.confidence >= threshold


UNKNOWN = TaggedSpan(None, 0.0)


class LineTagger(nn.Module):
    """A word is the mean of its hashed pieces, so that unseen words have a meaning too.

    Args:
        hidden_dim: State of the LSTM in each direction.

    Source: docs/method.md, rule 1.1.
    """

    def __init__(self, hidden_dim: int) -> None:
        super().__init__()
        self.history: list[dict[str, float]] = []  # per epoch: loss, and lines by outcome
        self.pieces = nn.EmbeddingBag(NUM_BUCKETS, WORD_DIM, mode="mean")
        self.lstm = nn.LSTM(WORD_DIM + NUM_FLAGS, hidden_dim, batch_first=True, bidirectional=True)
        self.logistic = nn.Linear(2 * hidden_dim, 1)

    @property
    def is_fitted(self) -> bool:
        """False until a labelled line was learned from."""
        return any(epoch["labelled"] > 0 for epoch in self.history)

    def forward(self, batch: LineBatch, generator: np.random.Generator | None = None) -> Tensor:
        """Log odds (B, T) that a token belongs to the ingredient's name.

        Args:
            batch: Lines of equal length.
            generator: Of dropout; None for none.
        """
        device = self.logistic.weight.device
        pieces, starts, words, flags = (
            torch.from_numpy(array).to(device)
            for array in (batch.pieces, batch.starts, batch.words, batch.flags)
        )
        vectors = _dropout(self.pieces(pieces, starts)[words], generator)
        states, _ = self.lstm(torch.cat([vectors, flags], dim=2))
        scores: Tensor = self.logistic(_dropout(states, generator))[..., 0]
        return scores

    @torch.inference_mode()
    def spans(self, lines: Sequence[str]) -> list[TaggedSpan]:
        """The words that name the ingredient in each raw line; each depends on its own line only.

        Marked tokens are taken in the line's order; what stands between them is left out.
        """
        found = [UNKNOWN] * len(lines)
        if not self.is_fitted:
            return found
        for first in range(0, len(lines), LINES_PER_CHUNK):
            read = [read_line(line) for line in lines[first : first + LINES_PER_CHUNK]]
            for rows in batches_by_length([len(line.words) for line in read], TAG_BATCH_SIZE):
                scores = self(line_batch([read[i] for i in rows])).float()
                confidences = F.logsigmoid(scores.abs()).sum(dim=1).exp().tolist()
                marks = (scores > 0).tolist()
                for i, marked, confidence in zip(rows, marks, confidences, strict=True):
                    found[first + i] = _span(read[i].words, marked, confidence)
        return found

    def save(self, folder: Path) -> None:
        """Write ``line_tagger.safetensors`` and ``.json`` into an existing folder."""
        weights = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(weights, folder / "line_tagger.safetensors")
        stored = {"hidden_dim": self.lstm.hidden_size, "history": self.history}
        write_json(folder / "line_tagger.json", stored)

    @classmethod
    def load(cls, folder: Path) -> "LineTagger":
        """Read what ``save`` wrote, onto the CPU."""
        stored = json.loads((folder / "line_tagger.json").read_text(encoding="utf-8"))
        with torch.device("meta"):
            model = cls(stored["hidden_dim"])
        model.load_state_dict(load_file(folder / "line_tagger.safetensors"), assign=True)
        model.history = stored["history"]
        return model.eval()


def _span(words: Sequence[str], marked: Sequence[bool], confidence: float) -> TaggedSpan:
    named = [word for word, is_marked in zip(words, marked, strict=True) if is_marked]
    return TaggedSpan(JOIN.join(named), confidence) if names_something(named) else UNKNOWN


def _dropout(values: Tensor, generator: np.random.Generator | None) -> Tensor:
    """Dropout drawn on the CPU, so that a seed means the same on every device."""
    if generator is None:
        return values
    kept = generator.random(values.shape, np.float32) >= DROPOUT
    return values * torch.from_numpy(kept).to(values.device) / (1 - DROPOUT)


def fit_line_tagger(
    corpus: Recipes,
    reexaminer: Reexaminer,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    hidden_dim: int = 64,
    device: torch.device | str = "cpu",
    state_folder: Path | None = None,
    progress: Report | None = None,
) -> LineTagger:
    """Train a tagger on weak labels: entities that are known of a line, found in its tokens.

    Args:
        corpus: Recipes of the train partition, read once per epoch.
        reexaminer: The teacher of recipes without det_ingrs.
        epochs: 0 gives an unfitted tagger, which understands no line.
        batch_size: Lines per step, at most; those of a batch have equally many tokens.
        learning_rate: Of Adam, falling linearly to 0.
        seed: Of weights, order and dropout.
        hidden_dim: State of the LSTM in each direction.
        device: Where to train.
        state_folder: Where each finished epoch is kept; called again, training resumes there.
        progress: Called with (done, total, text); a unit is a recipe read.

    Source: docs/method.md, rule 1.1.
    """
    device = torch.device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(Stream.LINE_TAGGER_WEIGHTS, seed))
        model = LineTagger(hidden_dim)
    model.to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    total = epochs * len(corpus)

    def epoch(number: int, means: RunningMeans) -> Iterator[int]:
        counts, done = Counter[str](), 0
        draws = random_streams.generator(Stream.LINE_ORDER, seed, number)
        chunks = labelled_batches(
            corpus, reexaminer, counts, batch_size=batch_size, generator=draws
        )
        for num_recipes, batches in chunks:
            part = (number * len(corpus) + done) / total
            _set_learning_rate(optimizer, learning_rate * (1 - part))
            done = num_recipes
            for batch in batches:
                means.add(_step(model, optimizer, batch, draws))
            yield done
        means.totals = {outcome: float(counts[outcome]) for outcome in OUTCOMES}

    model.history = fit_epochs(
        model,
        optimizer,
        epoch,
        title="line tagger",
        means_of=("loss",),
        num_epochs=epochs,
        num_units=len(corpus),
        process=LocalProcess(device),
        state_folder=state_folder,
        progress=progress,
    )
    return model.eval()


def _step(
    model: LineTagger,
    optimizer: torch.optim.Optimizer,
    batch: LabelledBatch,
    generator: np.random.Generator,
) -> Tensor:
    """One step; the loss, detached."""
    scores = model(batch.lines, generator)
    is_marked = torch.from_numpy(batch.is_marked).to(scores.device)
    loss = F.binary_cross_entropy_with_logits(scores, is_marked)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
    optimizer.step()
    return loss.detach()


def _set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
