"""Skip-instructions: a sentence's vector is what predicts the next instruction.

Letters: B sentences, T tokens, V vocabulary.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from seje_ray.artifact import write_json
from seje_ray.calibration.corpus import Recipes
from seje_ray.calibration.fit_epochs import RunningMeans, fit_epochs
from seje_ray.calibration.sentence_encoder.sentence_pairs import (
    END,
    PAD,
    SentencePairBatch,
    Vocabulary,
    padded,
    pair_batches,
)
from seje_ray.console.report import Report
from seje_ray.distributed.process import LocalProcess, Process, own_rows
from seje_ray.random_streams import Stream, generator, torch_seed

MAX_WORD_DIM = 300
MAX_GRADIENT_NORM = 5.0  # recurrent networks now and then have a huge gradient
ENCODE_BATCH_SIZE = 256


class SkipInstructions(nn.Module):
    """An LSTM encoder of sentences, and the LSTM decoder that it is trained with.

    Args:
        vocabulary: V words.
        dim: Dimensions of a sentence vector.

    Source: docs/method.md, rule 1.7.
    """

    def __init__(self, vocabulary: Vocabulary, dim: int) -> None:
        super().__init__()
        word_dim = min(dim, MAX_WORD_DIM)
        self.vocabulary = vocabulary
        self.history: list[dict[str, float]] = []  # one entry per epoch
        self.embedding = nn.Embedding(len(vocabulary), word_dim, padding_idx=PAD)
        self.encoder = nn.LSTM(word_dim, dim, batch_first=True)
        self.decoder = nn.LSTM(word_dim, dim, batch_first=True)
        # Frequent words come first in the vocabulary: most words are settled among few.
        self.next_words = nn.AdaptiveLogSoftmaxWithLoss(
            dim, len(vocabulary), cutoffs(len(vocabulary)), div_value=4 if dim >= 16 else 1
        )

    @property
    def dim(self) -> int:
        """Dimensions of a sentence vector."""
        return self.encoder.hidden_size

    def sentence_vectors(self, sentences: Tensor) -> Tensor:
        """State (B, dim) of the encoder after the last token of each row of (B, T).

        The LSTM reads from the left, so that padding at the right changes no earlier state.
        """
        states = _run_lstm(self.encoder, self.embedding(sentences))
        last = (sentences != PAD).sum(dim=1) - 1
        vectors: Tensor = states[torch.arange(len(sentences), device=sentences.device), last]
        return vectors

    def forward(self, sentences: Tensor, next_sentences: Tensor) -> Tensor:
        """Cross entropy per word of (B, T') given (B, T) and the true words before it."""
        state = self.sentence_vectors(sentences)[None]
        start = torch.full_like(next_sentences[:, :1], END)
        words_before = torch.cat([start, next_sentences[:, :-1]], dim=1)
        states = _run_lstm(self.decoder, self.embedding(words_before), state)
        is_word = next_sentences != PAD
        loss: Tensor = self.next_words(states[is_word], next_sentences[is_word]).loss
        # A cluster without a word of this batch gets a gradient too, of zero: DDP waits for it.
        return loss + 0 * torch.stack([p.flatten()[0] for p in self.next_words.parameters()]).sum()

    @torch.inference_mode()
    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Vectors (number of sentences, dim), float32; each depends on its sentence only."""
        device = self.embedding.weight.device
        numbers = [self.vocabulary.numbers(sentence) for sentence in sentences]
        order = sorted(range(len(numbers)), key=lambda i: len(numbers[i]))
        vectors = np.zeros((len(numbers), self.dim), np.float32)
        for start in range(0, len(order), ENCODE_BATCH_SIZE):
            rows = order[start : start + ENCODE_BATCH_SIZE]
            batch = torch.from_numpy(padded([numbers[i] for i in rows])).to(device)
            vectors[rows] = self.sentence_vectors(batch).float().cpu().numpy()
        return vectors

    def save(self, folder: Path) -> None:
        """Write ``skip_instructions.safetensors`` and ``.json`` into an existing folder."""
        weights = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(weights, folder / "skip_instructions.safetensors")
        stored = {"words": self.vocabulary.words, "dim": self.dim, "history": self.history}
        write_json(folder / "skip_instructions.json", stored)

    @classmethod
    def load(cls, folder: Path) -> "SkipInstructions":
        """Read what ``save`` wrote, onto the CPU."""
        stored = json.loads((folder / "skip_instructions.json").read_text(encoding="utf-8"))
        with torch.device("meta"):
            model = cls(Vocabulary(tuple(stored["words"])), stored["dim"])
        weights = load_file(folder / "skip_instructions.safetensors")
        model.load_state_dict(weights, assign=True)
        model.history = stored["history"]
        return model.eval()


def cutoffs(num_words: int) -> list[int]:
    """Bounds of the adaptive softmax: a tenth of the words, then half; Grave et al. 2017."""
    return sorted({max(1, num_words // 10), max(1, num_words // 2)})


def _run_lstm(lstm: nn.LSTM, vectors: Tensor, start: Tensor | None = None) -> Tensor:
    """States (B, T, dim) in the weights' own precision; ``start`` is (1, B, dim).

    Autocast would run cuDNN's LSTM in float16, whatever was asked for, without loss scaling.
    """
    with torch.autocast(vectors.device.type, enabled=False):
        vectors = vectors.to(next(lstm.parameters()).dtype)
        states: Tensor
        if start is None:
            states, _ = lstm(vectors)
        else:
            states, _ = lstm(vectors, (start, torch.zeros_like(start)))
    return states


def fit_skip_instructions(
    corpus: Recipes,
    *,
    dim: int,
    vocabulary_size: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    worker: Process | None = None,
    state_folder: Path | None = None,
    progress: Report | None = None,
) -> SkipInstructions:
    """Train an encoder whose vector of a sentence predicts the next sentence of its recipe.

    Every worker reads all batches and computes its rows of each, so that the number of workers
    changes the speed and no number.

    Args:
        corpus: Recipes of the train partition, read once per epoch and once for the words.
        dim: Dimensions of a sentence vector.
        vocabulary_size: Most frequent words, with the five special ones.
        epochs: 0 gives an encoder with its random weights.
        batch_size: Pairs of consecutive sentences.
        learning_rate: Of Adam.
        seed: Of weights and order.
        worker: Which of the processes that train together this is; None: the only one, on the
            CPU.
        state_folder: Where each finished epoch is kept; called again, training resumes there.
        progress: Called with (done, total, text); a unit is a recipe read.

    Source: docs/method.md, rule 1.7.
    """
    worker = worker or LocalProcess()
    vocabulary = Vocabulary.fit(corpus, vocabulary_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(Stream.SENTENCE_ENCODER_WEIGHTS, seed))
        model = SkipInstructions(vocabulary, dim)
    model.to(worker.device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    trained = worker.wrap(model)

    def epoch(number: int, means: RunningMeans) -> Iterator[int]:
        draws = generator(Stream.SENTENCE_ORDER, seed, number)
        chunks = pair_batches(corpus, vocabulary, batch_size=batch_size, generator=draws)
        for num_recipes, batches in chunks:
            for batch in batches:
                means.add(_step(trained, optimizer, batch, worker))
            yield num_recipes

    model.history = fit_epochs(
        model,
        optimizer,
        epoch,
        title="sentence encoder",
        means_of=("loss",),
        num_epochs=epochs,
        num_units=len(corpus),
        process=worker,
        state_folder=state_folder,
        progress=progress,
    )
    return model.eval()


def _step(
    trained: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: SentencePairBatch,
    worker: Process,
) -> Tensor:
    """One step; this worker's part of the batch's loss, detached."""
    rows, is_own = own_rows(len(batch.sentences), worker)
    num_words = (batch.next_sentences != PAD).sum(axis=1)
    share = float(num_words[rows].sum() / num_words.sum()) if is_own else 0.0
    device = worker.device
    sentences = torch.from_numpy(batch.sentences[rows]).to(device)
    next_sentences = torch.from_numpy(batch.next_sentences[rows]).to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        loss: Tensor = trained(sentences, next_sentences) * share
    optimizer.zero_grad()
    (loss * worker.world_size).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(trained.parameters(), MAX_GRADIENT_NORM)
    optimizer.step()
    return loss.detach()
