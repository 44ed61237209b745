"""The embedded cookbook: made-up recipes and drawn photos in Recipe1M's layout, any number."""

from seje_ray.cookbook.drawing import draw_photo
from seje_ray.cookbook.food101 import LabelledSummary, write_food101
from seje_ray.cookbook.plan import Look
from seje_ray.cookbook.recipe import CookbookRecipe, generate_recipe
from seje_ray.cookbook.writing import CookbookSummary, write_cookbook

__all__ = [
    "CookbookRecipe",
    "CookbookSummary",
    "LabelledSummary",
    "Look",
    "draw_photo",
    "generate_recipe",
    "write_cookbook",
    "write_food101",
]
