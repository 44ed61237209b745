"""The cookbook's ingredients, tableware and words: ``pantry.yaml`` as frozen dataclasses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Protocol, TypeVar

import yaml

Colour = tuple[int, int, int]  # RGB, each in [0, 255]

GROUPS = ("savoury", "sweet")


@dataclass(frozen=True, slots=True)
class Staple:
    """An ingredient as it stands on a list, whether a photo shows it or not."""

    name: str
    measure: str  # how grammar.py writes its quantity
    notes: tuple[str, ...] = ()  # preparation notes of its own


@dataclass(frozen=True, slots=True)
class Dish:
    """A kind of recipe."""

    title: str  # the bigram that marks its category, lower case
    group: str  # savoury or sweet: which sauces, toppings, garnishes and staples go with it
    base: str  # how drawing.py draws it
    colours: tuple[Colour, ...]
    methods: Mapping[str, float]  # cooking method -> browning in [0, 1]
    basics: tuple[Staple, ...]  # always on the ingredient list
    cooked: str  # what an instruction calls it, e.g. "the rice"


@dataclass(frozen=True, slots=True)
class Sauce:
    """A sauce poured over the base."""

    name: str
    group: str
    colour: Colour
    staple: Staple


@dataclass(frozen=True, slots=True)
class Topping:
    """A topping: pieces on the base."""

    name: str
    group: str
    shape: str  # how sprites.py draws it
    colours: tuple[Colour, ...]
    size: int  # radius in canvas pixels
    staple: Staple


@dataclass(frozen=True, slots=True)
class Garnish:
    """A garnish scattered over everything at the end."""

    name: str
    group: str
    style: str  # how sprites.py draws it
    colours: tuple[Colour, ...]
    staple: Staple


@dataclass(frozen=True, slots=True)
class Vessel:
    """A plate, bowl or pan that the food is served in."""

    name: str
    shape: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Table:
    """The surface that the vessel stands on."""

    name: str
    texture: str
    colours: tuple[Colour, ...]


class Named(Protocol):
    """Anything of the pantry with a name."""

    @property
    def name(self) -> str:
        """Return the word for it."""


Thing = TypeVar("Thing", bound=Named)


@dataclass(frozen=True, slots=True)
class Pantry:
    """Everything, each by its name; dishes by title, staples and the rest also by group."""

    dishes: Mapping[str, Dish]
    sauces: Mapping[str, Sauce]
    toppings: Mapping[str, Topping]
    garnishes: Mapping[str, Garnish]
    vessels: Mapping[str, Vessel]
    tables: Mapping[str, Table]
    cuisines: Mapping[str, tuple[Staple, ...]]
    staples: Mapping[str, tuple[Staple, ...]]  # by group, most frequent first
    sauces_of: Mapping[str, tuple[str, ...]]  # group -> names
    toppings_of: Mapping[str, tuple[str, ...]]
    garnishes_of: Mapping[str, tuple[str, ...]]
    words: Mapping[str, tuple[str, ...]]  # of titles: owners, adjectives, nouns ...

    @property
    def ingredients(self) -> frozenset[str]:
        """Names of all ingredients, visible or not."""
        visible = {*self.sauces, *self.toppings, *self.garnishes}
        basics = {staple.name for dish in self.dishes.values() for staple in dish.basics}
        hidden = {
            staple.name
            for shelf in (*self.staples.values(), *self.cuisines.values())
            for staple in shelf
        }
        return frozenset(visible | basics | hidden)


@cache
def pantry() -> Pantry:
    """Return the pantry of the package, read once per process."""
    text = resources.files(__package__).joinpath("pantry.yaml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)
    sauces = [
        Sauce(row["name"], row["group"], _colour(row["colour"]), _staple(row))
        for row in table["sauces"]
    ]
    toppings = [
        Topping(
            row["name"],
            row["group"],
            row["shape"],
            _colours(row["colours"]),
            row["size"],
            _staple(row),
        )
        for row in table["toppings"]
    ]
    garnishes = [
        Garnish(row["name"], row["group"], row["style"], _colours(row["colours"]), _staple(row))
        for row in table["garnishes"]
    ]
    return Pantry(
        dishes={row["title"]: _dish(row) for row in table["dishes"]},
        sauces=_by_name(sauces),
        toppings=_by_name(toppings),
        garnishes=_by_name(garnishes),
        vessels=_by_name(
            [Vessel(row["name"], row["shape"], _colour(row["colour"])) for row in table["vessels"]]
        ),
        tables=_by_name(
            [
                Table(row["name"], row["texture"], _colours(row["colours"]))
                for row in table["tables"]
            ]
        ),
        cuisines={name: _shelf(shelf) for name, shelf in table["cuisines"].items()},
        staples={group: _shelf(table["staples"][group]) for group in GROUPS},
        sauces_of=_names_by_group(sauces),
        toppings_of=_names_by_group(toppings),
        garnishes_of=_names_by_group(garnishes),
        words={kind: tuple(words) for kind, words in table["words"].items()},
    )


def _dish(row: Mapping[str, Any]) -> Dish:
    return Dish(
        title=row["title"],
        group=row["group"],
        base=row["base"],
        colours=_colours(row["colours"]),
        methods=row["methods"],
        basics=_shelf(row["basics"]),
        cooked=row["cooked"],
    )


def _staple(row: Mapping[str, Any]) -> Staple:
    return Staple(row["name"], row["measure"], tuple(row.get("notes", ())))


def _shelf(measures: Mapping[str, str]) -> tuple[Staple, ...]:
    return tuple(Staple(name, measure) for name, measure in measures.items())


def _colour(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


def _colours(texts: Sequence[str]) -> tuple[Colour, ...]:
    return tuple(_colour(text) for text in texts)


def _by_name(things: Sequence[Thing]) -> dict[str, Thing]:
    return {thing.name: thing for thing in things}


def _names_by_group(things: Sequence[Sauce | Topping | Garnish]) -> dict[str, tuple[str, ...]]:
    return {
        group: tuple(thing.name for thing in things if thing.group == group) for group in GROUPS
    }
