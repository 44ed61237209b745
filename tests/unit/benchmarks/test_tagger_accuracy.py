"""What the benchmark of the line tagger counts, by hand."""

import pytest

from benchmarks.tagger_accuracy import tagger_accuracy
from seje_ray.calibration.line_tagger import LineTagger, TaggedSpan


class FixedTagger(LineTagger):
    """Marks what it is told."""

    def __init__(self, spans):
        super().__init__(1)
        self.told = spans

    def spans(self, lines):
        return self.told


def test_accuracy_by_hand():
    """Four lines: right and sure, right and unsure, two of three words with one too many, none."""
    fixed = FixedTagger(
        [
            TaggedSpan("red_wine", 0.9),
            TaggedSpan("salt", 0.4),
            TaggedSpan("virgin_oil_cup", 0.8),
            TaggedSpan(None, 0.0),
        ]
    )
    expected = ["red_wine", "salt", "virgin_olive_oil", "figs"]

    found = tagger_accuracy(fixed, ["a", "b", "c", "d"], expected, threshold=0.5)

    assert (found.num_lines, found.num_exact, found.exact) == (4, 2, 0.5)
    assert (found.num_understood, found.num_understood_exact) == (2, 1)
    assert (found.understood, found.understood_exact) == (0.5, 0.5)
    # marked 2 + 1 + 3 + 0 = 6, of which 5 are right; expected 2 + 1 + 3 + 1 = 7
    assert (found.num_marked_words, found.num_right_words, found.num_expected_words) == (6, 5, 7)
    assert (found.precision, found.recall, found.f1) == (5 / 6, 5 / 7, 10 / 13)


def test_accuracy_of_nothing_is_no_success_and_lengths_must_agree():
    nothing = tagger_accuracy(FixedTagger([]), [], [], threshold=0.5)

    assert (nothing.exact, nothing.f1, nothing.precision, nothing.understood_exact) == (0,) * 4
    with pytest.raises(ValueError, match="one entity per line, got 1 for 2"):
        tagger_accuracy(FixedTagger([]), ["a", "b"], ["a"], threshold=0.5)
