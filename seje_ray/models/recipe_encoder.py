"""From sentence vectors and the key-term vector to the recipe embedding.

Letters: B recipes, S instruction steps, E word-vector dimensions, D joint dimensions.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seje_ray.models.heads import SLOPE, Projection


class RecipeEncoder(nn.Module):
    """LSTM over f_sent ++ [f_term -> Linear -> LeakyReLU] -> recipe embedding.

    Args:
        sentence_dim: Of each sentence vector.
        word_dim: E, of the key-term vector f_term.
        embedding_dim: D; f_term is brought to D dimensions, too.
        lstm_dim: Of the LSTM's state.
        dropout: In [0, 1), before the last linear layer.

    Source: docs/method.md, rule 4.2.
    """

    def __init__(
        self,
        sentence_dim: int,
        word_dim: int,
        embedding_dim: int,
        lstm_dim: int,
        *,
        dropout: float,
    ) -> None:
        super().__init__()
        self.lstm = nn.LSTM(sentence_dim, lstm_dim, batch_first=True)
        self.key_terms = nn.Linear(word_dim, embedding_dim)
        self.projection = Projection(lstm_dim + embedding_dim, embedding_dim, dropout=dropout)

    def forward(
        self, sentence_vectors: Tensor, num_sentences: Tensor, key_term_vectors: Tensor
    ) -> Tensor:
        """Embed recipes as unit rows (B, D).

        Args:
            sentence_vectors: Shape (B, S, sentence_dim), S >= 1; steps at ``num_sentences`` and
                beyond are padding and never matter.
            num_sentences: Shape (B,), int64 in 0..S; 0 gives a zero state.
            key_term_vectors: Shape (B, E).
        """
        # Autocast would run cuDNN's LSTM in float16, whatever was asked for, without loss scaling.
        with torch.autocast(sentence_vectors.device.type, enabled=False):
            inputs = sentence_vectors.to(next(self.lstm.parameters()).dtype)
            states, _ = self.lstm(inputs)  # (B, S, lstm_dim)
        terms = F.leaky_relu(self.key_terms(key_term_vectors), SLOPE)
        last = _last_states(states, num_sentences)
        embeddings: Tensor = self.projection(torch.cat([last.to(terms), terms], dim=1))
        return embeddings


def _last_states(states: Tensor, num_sentences: Tensor) -> Tensor:
    """State after each recipe's last sentence, (B, lstm_dim); without a transfer to the CPU.

    The LSTM reads forward only, so what comes after a state cannot change it.
    """
    last = (num_sentences - 1).clamp(min=0)
    chosen = states[torch.arange(len(states), device=states.device), last]
    return chosen.masked_fill((num_sentences == 0)[:, None], 0.0)
