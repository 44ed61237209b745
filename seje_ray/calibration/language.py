"""The language of recipes: how its words are found, and which of them say nothing.

Everything behind this module splits texts at blanks and knows English stop words and units. A text
of another language is brought to that: words apart, its own stop words and units taken away.

Source: docs/method.md, rule 1.9.
"""

import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from seje_ray.artifact import write_json
from seje_ray.calibration.corpus import Recipes, RecipeText
from seje_ray.calibration.sentence_encoder import SentenceEncoder
from seje_ray.errors import SejeError, first_line
from seje_ray.recipe1m.records import DataError, Entity
from seje_ray.recipe1m.text_files import read_text

ENGLISH = "en"
SPACELESS = ("zh", "ja", "th")  # scripts whose words a library finds
ELIDED = ("fr", "it", "ca")  # l'ail is two words
HOW = "run `pip install 'seje-ray[languages]'`"
FILE = "language.json"
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])['\u2019](?=[^\W\d_])")


class LanguageError(SejeError):
    """A language is not known, or needs a package or a list that is not there."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language, and words beside the built-in English ones that say nothing; in lower case."""

    name: str = ENGLISH
    stop_words: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()

    @property
    def is_plain(self) -> bool:
        """Whether texts stay as they are."""
        return self == Language()

    @property
    def min_letters(self) -> int:
        """Of a word that may say something."""
        return 1 if self.name in SPACELESS else 3

    def segmented(self, text: str) -> str:
        """The text with a blank between its words, where the script has none."""
        if self.name in ELIDED:
            return _APOSTROPHE.sub(" ", text)
        if self.name not in SPACELESS or text.isascii():
            return text
        return " ".join(word for word in segmenter(self.name)(text) if word.strip())

    def content(self, text: str, *, is_line: bool = False) -> str:
        """The same without stop words, and in an ingredient line without units."""
        left_out = self.stop_words | self.units if is_line else self.stop_words
        segmented = self.segmented(text)
        if not left_out:
            return segmented
        return _WORD.sub(
            lambda word: "" if word[0].lower().replace("\u2019", "'") in left_out else word[0],
            segmented,
        )

    def prepared(self, recipe: RecipeText) -> RecipeText:
        """A recipe with texts that the English rules read right."""
        if self.is_plain:
            return recipe
        return replace(
            recipe,
            title=self.content(recipe.title),
            ingredients=tuple(self.content(line, is_line=True) for line in recipe.ingredients),
            instructions=tuple(self.content(step) for step in recipe.instructions),
            entities=recipe.entities
            and tuple(Entity(self.content(e.text, is_line=True), e.valid) for e in recipe.entities),
        )

    def save(self, folder: Path) -> None:
        """Write ``language.json``, where texts do not stay as they are."""
        if not self.is_plain:
            lists = {"stop_words": sorted(self.stop_words), "units": sorted(self.units)}
            write_json(folder / FILE, {"name": self.name, **lists})

    @classmethod
    def load(cls, folder: Path) -> "Language":
        """Read what ``save`` wrote."""
        if not (folder / FILE).is_file():
            return cls()
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return cls(stored["name"], frozenset(stored["stop_words"]), frozenset(stored["units"]))


def language_of(name: str, *, stop_words: str | None, units: str | None) -> Language:
    """A language with what spaCy knows of it, and with a user's lists.

    Args:
        name: As spaCy calls it, e.g. ``de``; ``xx`` for any without stop words of its own.
        stop_words: File of further ones, a word in a line.
        units: File of units, likewise.

    Raises:
        LanguageError: If it is not known, or a package or a list is missing.
    """
    own = frozenset(word for path in (stop_words,) if path for word in read_words(path))
    found = Language(
        name,
        own if name == ENGLISH else own | _shipped_stop_words(name),
        frozenset(read_words(units)) if units else frozenset(),
    )
    if name in SPACELESS:
        segmenter(name)  # what is missing is said before anything is fitted
    return found


def read_words(path: str) -> list[str]:
    """Lines of a list that are not blank and no comment, in lower case.

    Raises:
        LanguageError: If there is no such file, or it is no text.
    """
    try:
        text = read_text(Path(path))
    except (OSError, DataError) as error:
        raise LanguageError(f"{path}: expected a list, a word in a line, found {error}") from error
    lines = (line.strip().lower() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _shipped_stop_words(name: str) -> frozenset[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from spacy.util import get_lang_class  # an extra
    except ImportError as error:
        raise LanguageError(
            f"calibrate.language {name!r}: its stop words come with spaCy, which is not installed; "
            f"{HOW}"
        ) from error
    try:
        words = get_lang_class(name).Defaults.stop_words
    except ImportError as error:
        raise LanguageError(
            f"calibrate.language {name!r}: expected a language by its code as spaCy has it, e.g. "
            "de, fr, es, zh or ja, found none; take xx and lists of your own in "
            "calibrate.word_lists"
        ) from error
    single = set("cdjlmnst") if name in ELIDED else set()  # of l'ail
    return frozenset(word.lower() for word in words) | single


@lru_cache
def segmenter(name: str) -> Callable[[str], list[str]]:
    """What finds the words of a script without blanks: jieba, SudachiPy or PyThaiNLP.

    Raises:
        LanguageError: If the package is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of packages at their import
            if name == "zh":
                return _jieba()
            import spacy  # an extra

            nlp = spacy.blank(name)
    except ImportError as error:
        raise LanguageError(
            f"calibrate.language {name!r}: what finds its words is not installed "
            f"({first_line(error):.80}); {HOW}"
        ) from error
    return lambda text: [token.text for token in nlp.make_doc(text)]


def _jieba() -> Callable[[str], list[str]]:
    import jieba  # an extra

    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    cut: Callable[[str], list[str]] = jieba.lcut
    return cut


@dataclass(frozen=True, slots=True)
class PreparedRecipes:
    """A corpus whose texts the English rules read right."""

    corpus: Recipes
    language: Language

    def __len__(self) -> int:
        return len(self.corpus)

    def __iter__(self) -> Iterator[RecipeText]:
        for recipe in self.corpus:
            yield self.language.prepared(recipe)


class SegmentingEncoder:
    """A sentence encoder that was fitted on prepared texts.

    Args:
        encoder: The encoder.
        language: Prepares sentences for it.
    """

    def __init__(self, encoder: SentenceEncoder, language: Language) -> None:
        self._encoder, self._language = encoder, language

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self._encoder.dim

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Vectors (number of sentences, dim), float32."""
        return self._encoder.encode([self._language.content(one) for one in sentences])
