"""Words of titles, ingredient lines and instructions, by rules that the folder brings along."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

SPACELESS = ("zh", "ja", "th")  # scripts whose words a library finds
ELIDED = ("fr", "it", "ca")  # l'ail is two words
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])['\u2019](?=[^\W\d_])")
_PARENTHESES = re.compile(r"\([^()]*\)")


class Words:
    """Splits texts.

    Args:
        rules: ``token`` and ``fraction``, patterns; ``stop_words``, ``number_words``, ``units``,
            ``pieces`` and ``sizes``, words of ingredient lines; ``language``, its code, and its
            own ``language_stop_words`` and ``language_units``.
    """

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self._token, self._fraction = re.compile(rules["token"]), re.compile(rules["fraction"])
        self.stop_words, self._numbers, self._units, self._pieces, self._sizes = (
            frozenset(rules[key])
            for key in ("stop_words", "number_words", "units", "pieces", "sizes")
        )
        self._language: str = rules["language"]
        self._own_stop_words = frozenset(rules["language_stop_words"])
        self._own_units = frozenset(rules["language_units"])

    def tokens(self, text: str) -> list[str]:
        """Words and numbers in order, lower case."""
        spaced = self._fraction.sub(r" \g<0> ", text)
        plain = unicodedata.normalize("NFKC", spaced).replace("\u2044", "/").replace("\u2019", "'")
        return self._token.findall(plain.lower())

    def content(self, text: str, *, is_line: bool = False) -> str:
        """A text of a language other than English with words apart, and its stop words gone."""
        left_out = self._own_stop_words | (self._own_units if is_line else frozenset())
        text = self._segmented(text)
        if not left_out:
            return text
        return _WORD.sub(
            lambda word: "" if word[0].lower().replace("\u2019", "'") in left_out else word[0], text
        )

    def ingredient(self, line: str) -> list[str]:
        """Tokens of an ingredient line without amounts, units and parentheses."""
        bare = line
        while (shorter := _PARENTHESES.sub(" ", bare)) != bare:
            bare = shorter
        outside, pieces = self._without_amounts(self.tokens(bare))
        return outside or self._without_amounts(self.tokens(line))[0] or pieces

    def _without_amounts(self, tokens: list[str]) -> tuple[list[str], list[str]]:
        kept: list[str] = []
        pieces: list[str] = []
        after_quantity = False
        for position, token in enumerate(tokens):
            if self._is_quantity(tokens, position) or token in self._units:
                after_quantity = True
            elif after_quantity and token in self._pieces:
                pieces.append(token)
            elif not (after_quantity and (token in self._sizes or token == "of")):
                after_quantity = False
                kept.append(token)
        return kept, pieces

    def _is_quantity(self, tokens: list[str], position: int) -> bool:
        token = tokens[position]
        if token in ("half", "quarter"):
            return tokens[position + 1 : position + 2] in (["a"], ["an"])
        return token[0].isdigit() or token in self._numbers

    def _segmented(self, text: str) -> str:
        if self._language in ELIDED:
            return _APOSTROPHE.sub(" ", text)
        if self._language not in SPACELESS or text.isascii():
            return text
        return " ".join(word for word in self._segment(text) if word.strip())

    @cached_property
    def _segment(self) -> Callable[[str], list[str]]:
        if self._language == "zh":
            import jieba

            cut: Callable[[str], list[str]] = jieba.lcut
            return cut
        import spacy

        nlp = spacy.blank(self._language)
        return lambda text: [token.text for token in nlp.make_doc(text)]
