"""How much of what was given applies to the recipes: none of it is an error, little is said."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from seje_ray.calibration.entities import JOIN
from seje_ray.calibration.key_terms import Document
from seje_ray.errors import SejeError

LITTLE = 0.5  # share below which the summary of a calibration says it


class NothingAppliesError(SejeError):
    """Nothing of what was given applies to the recipes; shows an example of each side."""


class Applied(NamedTuple):
    """How many of ``num_all`` things of the recipes are known."""

    num_known: int
    num_all: int

    @property
    def is_little(self) -> bool:
        """Whether less than half is known."""
        return self.num_known < LITTLE * self.num_all

    def __str__(self) -> str:
        return f"{self.num_known:,} of {self.num_all:,}"


def known_words(texts: Iterable[Iterable[str]], words: frozenset[str], source: str) -> Applied:
    """How many words of the recipes' texts have a vector, counted as often as they occur.

    Args:
        texts: Words of each train recipe.
        words: That have a vector.
        source: Of the vectors, for errors.

    Raises:
        NothingAppliesError: If none of them has one.
    """
    num_known = num_all = 0
    example = ""
    for text in texts:
        for word in text:
            num_all += 1
            num_known += word in words or any(part in words for part in word.split(JOIN))
            example = max(example, word, key=len) if num_all <= 1000 else example
    if num_all and not num_known:
        raise NothingAppliesError(
            f"{source}: expected vectors of words of the train recipes, found none of "
            f"{num_all:,}: a word of theirs is {example!r}, one of the file is "
            f"{min(words, default='')!r}; words of recipes are in lower case, several joined by "
            "_: give vectors of their language, or null to fit some on the train recipes"
        )
    return Applied(num_known, num_all)


def known_ids(ids: Iterable[str], known: Mapping[str, Any], source: str) -> Applied:
    """How many train recipes a table knows by their id.

    Raises:
        NothingAppliesError: If it knows none of them.
    """
    num_known = num_all = 0
    example = ""
    for id_ in ids:
        num_all += 1
        num_known += id_ in known
        example = example or id_
    if num_all and not num_known:
        raise NothingAppliesError(
            f"{source}: expected ids of train recipes, found none of {num_all:,}: an id of theirs "
            f"is {example!r}, one of the table is {next(iter(known))!r}; ids must be equal"
        )
    return Applied(num_known, num_all)


def with_understood_lines(documents: Iterable[Document]) -> Iterator[Document]:
    """The documents as they are.

    Raises:
        NothingAppliesError: At the end, if there are ingredient lines and none was understood.
    """
    num_lines = num_known = 0
    example = ""
    for document in documents:
        tagged = document.tagged
        num_lines += len(tagged.entities)
        num_known += len(tagged.entities) - tagged.num_unknown_lines
        example = example or next(iter(document.recipe.ingredients), "")
        yield document
    if num_lines and not num_known:
        raise NothingAppliesError(
            f"train recipes: expected known ingredients in their lines, found none in "
            f"{num_lines:,} lines, e.g. {example!r:.60}; the built-in ingredients are English, "
            "e.g. 'red onion': name a list of yours in calibrate.word_lists.ingredients, give each "
            "recipe its entities, or set calibrate.tagger=none to do without ingredients"
        )


def little_applied(facts: Mapping[str, Any], counts: Mapping[str, int]) -> list[str]:
    """A line for each thing of which less than half applies to the recipes.

    Args:
        facts: Of the calibrator's manifest.
        counts: Of the calibrated recipes.
    """
    lines = Applied(counts["lines"] - counts["unknown_lines"], counts["lines"])
    said = {
        "words of the first train recipes with a vector of the file": facts.get("known_words"),
        "train recipes in the category table": facts.get("known_ids"),
        "ingredient lines in which an ingredient is known": lines,
    }
    found = {what: Applied(*numbers) for what, numbers in said.items() if numbers is not None}
    return [f"only {one} {what}" for what, one in found.items() if one.is_little]
