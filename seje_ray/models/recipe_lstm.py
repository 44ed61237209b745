"""The paper's recipe tower. Letters: B recipes, S instruction steps."""

import torch
from torch import Tensor, nn


class RecipeLstm(nn.Module):
    """LSTM over f_sent.

    Args:
        sentence_dim: Of each sentence vector.
        output_dim: Of the LSTM's state.

    Source: docs/method.md, rule 4.2.
    """

    def __init__(self, sentence_dim: int, output_dim: int) -> None:
        super().__init__()
        self.output_dim = output_dim
        self.lstm = nn.LSTM(sentence_dim, output_dim, batch_first=True)

    def forward(self, sentence_vectors: Tensor, num_sentences: Tensor) -> Tensor:
        """States after the last sentences, (B, output_dim).

        Args:
            sentence_vectors: Shape (B, S, sentence_dim), S >= 1; steps at ``num_sentences`` and
                beyond are padding and never matter.
            num_sentences: Shape (B,), int64 in 0..S; 0 gives a zero state.
        """
        # Autocast would run cuDNN's LSTM in float16, whatever was asked for, without loss scaling.
        with torch.autocast(sentence_vectors.device.type, enabled=False):
            inputs = sentence_vectors.to(next(self.lstm.parameters()).dtype)
            states, _ = self.lstm(inputs)  # (B, S, output_dim)
        return _last_states(states, num_sentences)


def _last_states(states: Tensor, num_sentences: Tensor) -> Tensor:
    """State after each recipe's last sentence, (B, output_dim); without a transfer to the CPU.

    The LSTM reads forward only, so what comes after a state cannot change it.
    """
    last = (num_sentences - 1).clamp(min=0)
    chosen = states[torch.arange(states.shape[0], device=states.device), last]
    return chosen.masked_fill((num_sentences == 0)[:, None], 0.0)
