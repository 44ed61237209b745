"""How well a line tagger's entities agree with those that are known."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seje_ray.calibration.entities import JOIN
from seje_ray.calibration.line_tagger import LineTagger


@dataclass(frozen=True, slots=True)
class TaggerAccuracy:
    """Counts over lines and over words; a share of nothing is 0, not a success."""

    num_lines: int
    num_exact: int  # lines whose entity is the expected one, word by word
    num_understood: int  # lines flagged True
    num_understood_exact: int
    num_expected_words: int
    num_marked_words: int
    num_right_words: int

    @property
    def exact(self) -> float:
        """Share of all lines, whatever their flag."""
        return _share(self.num_exact, self.num_lines)

    @property
    def understood(self) -> float:
        """Share of lines flagged True."""
        return _share(self.num_understood, self.num_lines)

    @property
    def understood_exact(self) -> float:
        """Exact share of the lines flagged True."""
        return _share(self.num_understood_exact, self.num_understood)

    @property
    def precision(self) -> float:
        """Share of the marked words that are expected."""
        return _share(self.num_right_words, self.num_marked_words)

    @property
    def recall(self) -> float:
        """Share of the expected words that are marked."""
        return _share(self.num_right_words, self.num_expected_words)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall over all words (micro)."""
        return _share(2 * self.num_right_words, self.num_marked_words + self.num_expected_words)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def tagger_accuracy(
    tagger: LineTagger, lines: Sequence[str], expected: Sequence[str], *, threshold: float
) -> TaggerAccuracy:
    """Compare what ``tagger`` marks with what is known of each line.

    Words count by themselves: of ``virgin_oil`` for ``virgin_olive_oil`` two of two marked words
    are right, and two of three expected ones found.

    Args:
        tagger: The network alone, without re-examination.
        lines: Raw ingredient lines, none of which the tagger has learned from.
        expected: Each line's entity, words joined by ``_``.
        threshold: In [0, 1]; decides the flag only.

    Raises:
        ValueError: If there are not as many entities as lines.
    """
    if len(lines) != len(expected):
        raise ValueError(f"expected one entity per line, got {len(expected)} for {len(lines)}")
    spans = tagger.spans(lines)
    is_exact = [span.entity == entity for span, entity in zip(spans, expected, strict=True)]
    is_understood = [span.is_understood(threshold) for span in spans]
    marked = [Counter(_words(span.entity)) for span in spans]
    known = [Counter(_words(entity)) for entity in expected]
    return TaggerAccuracy(
        num_lines=len(lines),
        num_exact=sum(is_exact),
        num_understood=sum(is_understood),
        num_understood_exact=sum(a and b for a, b in zip(is_exact, is_understood, strict=True)),
        num_expected_words=sum(words.total() for words in known),
        num_marked_words=sum(words.total() for words in marked),
        num_right_words=sum((a & b).total() for a, b in zip(marked, known, strict=True)),
    )


def _words(entity: str | None) -> list[str]:
    return entity.split(JOIN) if entity else []
