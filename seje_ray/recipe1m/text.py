"""Words of titles, instructions and ingredient lines."""

import re
import unicodedata
from typing import Any

_VULGAR_FRACTION = re.compile("[\u00bc-\u00be\u2150-\u215f\u2189]")
_MARKS = "".join(chr(n) for n in range(0x300, 0x10000) if unicodedata.category(chr(n))[0] == "M")
_WORD = rf"[^\W\d_]+(?:[{_MARKS}]+[^\W\d_]*)*"  # vowel signs and accents belong to their word
_TOKEN = re.compile(rf"\d+(?:[.,/]\d+)*|{_WORD}(?:'{_WORD})*")
_PARENTHESES = re.compile(r"\([^()]*\)")


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


STOP_WORDS = _word_set(
    """a about after all an and any are as at be best but by can de di do easy en ever few for from
    great homemade how i in into is it its la le less made make more most my no not of off on one or
    our out over own perfect quick recipe s simple so some style super t than that the their them
    then there these this to too two up us very was way what when which while with without you
    your"""
)
"""Words that say nothing about a dish."""

_NUMBER_WORDS = _word_set(
    "a an one two three four five six seven eight nine ten eleven twelve dozen several few"
)
_UNITS = _word_set(
    """c cc centimeter centimeters centiliter cl cm cup cups deciliter dl fl fluid g
    gallon gallons gm gms gr gram grams inch inches kg kgs kilo kilogram kilograms kilos l lb lbs
    liter liters litre litres mg milliliter milliliters millilitre millilitres ml mls mm ounce
    ounces oz pint pints pkg pkgs pound pounds pt pts qt qts quart quarts tablespoon tablespoonful
    tablespoons tb tbs tbsp tbsps teaspoon teaspoonful teaspoons tsp tsps"""
)
_PIECES = _word_set(
    """bag bags bar bars block blocks bottle bottles bowl bowls box boxes bulb bulbs bunch bunches
    can cans carton cartons clove cloves cob cobs container containers cube cubes dash dashes
    drop drops ear ears envelope envelopes fillet fillets glass glasses handful handfuls head
    heads jar jars knob leaf leaves link links loaf loaves pack package packages packet packets
    packs part parts pc pcs piece pieces pinch pinches portion portions rib ribs ring rings
    sachet sachets section sections segment segments sheet sheets slice slices spear spears
    splash spoon spoonful spoons sprig sprigs sprinkle stalk stalks stem stems stick sticks
    strip strips tin tins tub tubs wedge wedges"""
)
"""Units only after a quantity: the ribs of "pork ribs" and "Clove 3" are ingredients."""

_SIZES = _word_set("big generous heaped heaping large level medium mini scant small sized")


def tokenize(text: str) -> list[str]:
    """Words and numbers of ``text`` in order, lower case.

    Apostrophes inside a word stay ("baker's"), hyphens split, a number and its unit part
    ("100g" gives "100", "g"), a vulgar fraction is a number ("1½" gives "1", "1/2").
    """
    spaced = _VULGAR_FRACTION.sub(r" \g<0> ", text)
    plain = unicodedata.normalize("NFKC", spaced).replace("\u2044", "/").replace("\u2019", "'")
    return _TOKEN.findall(plain.lower())


def title_words(title: str) -> list[str]:
    """Tokens of a title without stop words and numbers."""
    return [t for t in tokenize(title) if t not in STOP_WORDS and not _is_number(t)]


def ingredient_tokens(line: str) -> list[str]:
    """Tokens of an ingredient line without quantities, units, punctuation and parentheses.

    A word such as "cloves" is a unit only after a quantity; it stays if nothing else would.
    Where all words stand in parentheses these count.

    Source: docs/method.md, rule 1.2.
    """
    bare = line
    while (shorter := _PARENTHESES.sub(" ", bare)) != bare:
        bare = shorter
    outside, pieces = _without_amounts(tokenize(bare))
    return outside or _without_amounts(tokenize(line))[0] or pieces


def _without_amounts(tokens: list[str]) -> tuple[list[str], list[str]]:
    """Tokens that name something, and words of ``_PIECES`` that were dropped."""
    kept: list[str] = []
    pieces: list[str] = []
    after_quantity = False
    for position, token in enumerate(tokens):
        if _is_quantity(tokens, position) or token in _UNITS:
            after_quantity = True
        elif after_quantity and token in _SIZES:
            continue
        elif after_quantity and token in _PIECES:
            pieces.append(token)
        elif after_quantity and token == "of":
            continue
        else:
            after_quantity = False
            kept.append(token)
    return kept, pieces


def _is_quantity(tokens: list[str], position: int) -> bool:
    token = tokens[position]
    if token in ("half", "quarter"):  # "half a lemon", and not "half and half"
        return tokens[position + 1 : position + 2] in (["a"], ["an"])
    return _is_number(token) or token in _NUMBER_WORDS


def _is_number(token: str) -> bool:
    return token[0].isdigit()


def word_rules() -> dict[str, Any]:
    """All that ``tokenize`` and ``ingredient_tokens`` go by, as plain data for other programs."""
    lists = {
        "stop_words": STOP_WORDS,
        "number_words": _NUMBER_WORDS,
        "units": _UNITS,
        "pieces": _PIECES,
        "sizes": _SIZES,
    }
    patterns = {"token": _TOKEN.pattern, "fraction": _VULGAR_FRACTION.pattern}
    return patterns | {name: sorted(words) for name, words in lists.items()}
