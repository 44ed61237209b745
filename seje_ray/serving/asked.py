"""What a client asks for: the bodies of requests."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from seje_ray.calibration.corpus import RecipeText, of_words
from seje_ray.retrieval.index.filters import Filters
from seje_ray.serving.limits import Limits

MOST = Limits()  # of the shape of requests; a server's own limits are of bytes, time and numbers
Term = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
Terms = Annotated[list[Term], Field(max_length=MOST.terms)]
Text = Annotated[str, Field(max_length=MOST.text_characters)]
Lines = Annotated[list[Text], Field(max_length=MOST.lines)]
Id = Annotated[str, Field(min_length=1, max_length=500)]
Find = Literal["recipes", "photos"]


class Body(BaseModel):
    """Fields that are not known are errors, so that none is ignored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Options(Body):
    """Of every search."""

    find: Find | None = Field(None, description="what to look for")
    count: int = Field(12, ge=1, le=MOST.results)
    with_: Terms = Field([], alias="with", description="results have all of these ingredients")
    without: Terms = Field([], description="results have none of these ingredients")
    plus: Terms = Field([], description="more of a category, key term or title's word")
    minus: Terms = Field([], description="less of it")
    partitions: Terms = Field([], description="of any of these")
    categories: Terms = Field([], description="of any of these")

    @property
    def filters(self) -> Filters:
        """What results have to be."""
        parts = (self.partitions, self.categories, self.with_, self.without)
        return Filters(*(tuple(part) for part in parts))


class PhotoOptions(Options):
    """Of a search by photos."""

    heat_map: bool = False

    @classmethod
    def of(cls, fields: dict[str, list[str]]) -> "PhotoOptions":
        """Options as fields of a form, of which lists are repeated.

        Raises:
            ValidationError: If one is wrong.
        """
        lists = {"with", "without", "plus", "minus", "partitions", "categories"}
        values: dict[str, Any] = {
            name: found if name in lists else found[-1] for name, found in fields.items()
        }
        return cls.model_validate(values)


class TextSearch(Options):
    """Words, such as "lemon pasta with capers"."""

    text: str = Field(min_length=1, max_length=MOST.text_characters, pattern=r"\S")


class OwnRecipe(Body):
    """A recipe, or parts of one."""

    title: Text = ""
    ingredients: Lines = []
    instructions: Lines = []

    @model_validator(mode="after")
    def _has_something(self) -> "OwnRecipe":
        if not any(part.strip() for part in (self.title, *self.ingredients, *self.instructions)):
            raise ValueError("expected a title, ingredients or instructions, found none")
        return self

    def text(self) -> RecipeText:
        """As the encoder takes it."""
        return RecipeText("asked", self.title, tuple(self.ingredients), tuple(self.instructions))


class RecipeSearch(Options):
    """A recipe of the client's own, or the id of one of the index."""

    recipe: OwnRecipe | None = None
    id: Id | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "RecipeSearch":
        if (self.recipe is None) == (self.id is None):
            raise ValueError("expected either a recipe or an id")
        return self


class LikeSearch(Options):
    """A recipe or photo of the index."""

    kind: Literal["recipe", "photo"]
    id: Id


class Embed(Body):
    """Texts and recipes to embed."""

    texts: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MOST.text_characters)]],
        Field(max_length=MOST.embedded),
    ] = []
    recipes: Annotated[list[OwnRecipe], Field(max_length=MOST.embedded)] = []

    @model_validator(mode="after")
    def _has_something(self) -> "Embed":
        if not 1 <= len(self.texts) + len(self.recipes) <= MOST.embedded:
            raise ValueError(f"expected 1 to {MOST.embedded} texts and recipes together")
        return self

    def all(self) -> list[RecipeText]:
        """Texts first, then recipes."""
        return [*map(of_words, self.texts), *(recipe.text() for recipe in self.recipes)]
