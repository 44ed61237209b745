"""What the axes of a model's weights stand for."""

import pytest

from seje_ray.features.model import FeatureDims, build_model
from seje_ray.features.model_axes import model_axes
from tests.unit.training.tiny_data import origin, tiny_run

DIMS = FeatureDims.of(origin().facts)  # E 4, F 5, L 4 of 11 terms; the LSTM has 4, too


def axes_of(**model):
    run = tiny_run(**model)
    state = build_model(run, DIMS, load_weights=False).state_dict()
    return model_axes(state, DIMS.word_dim, has_key_terms=True)


def test_heads_of_the_paper():
    """f_term comes through a layer of its own, so what the head sees is a tower's."""
    axes = axes_of()

    assert axes["image_head.projection.linear.weight"].stretches == (("photos", 5), ("words", 4))
    assert axes["recipe_encoder.projection.linear.weight"].stretches == (("tower", 10), ("bag", 0))
    assert axes["recipe_encoder.key_terms.weight"].stretches == (("words", 4),)
    assert axes["category_head.linear.bias"].stretches == (("categories", 3),)


@pytest.mark.parametrize("lexical", ["fixed", "learnt"])
def test_residual_heads_see_each_part_as_it_is(lexical):
    axes = axes_of(head="residual", lexical=lexical)
    words = ("standardised words", 4)

    for name in ("linear.weight", "mlp.1.weight"):
        of_images = axes[f"image_head.projection.{name}"]
        of_recipes = axes[f"recipe_encoder.projection.{name}"]
        assert of_images.stretches == (("photos", 5), words)
        assert of_recipes.stretches == (("tower", 4), words, ("bag", 4))
    norm = axes["recipe_encoder.projection.norm.running_var"]
    assert (norm.axis, norm.stretches) == (0, (("tower", 4), words))
    assert axes["recipe_encoder.lexical.vectors"].stretches == (("terms", 11),)
    assert axes["recipe_encoder.lexical.mean"].stretches == (("bag", 4),)
