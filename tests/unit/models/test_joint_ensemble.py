"""Trainings side by side rank by the mean of their similarities."""

import torch
from torch.nn.functional import normalize

from seje_ray.models.joint_ensemble import JointEnsemble, side_by_side
from tests.unit.models.test_joint_embedding import build, texts


def members(num_members):
    """Models of one shape with weights of their own, in evaluation."""
    models = []
    for number in range(num_members):
        model = build().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.1 * (number + 1) * torch.randn_like(parameter)
        models.append(model)
    return models


def test_the_scalar_product_is_the_mean_of_the_cosines():
    torch.manual_seed(3)
    images, recipes = ([normalize(torch.randn(4, 5)) for _ in range(3)] for _ in range(2))

    found = side_by_side(images) @ side_by_side(recipes).T

    cosines = [image @ recipe.T for image, recipe in zip(images, recipes, strict=True)]
    torch.testing.assert_close(found, sum(cosines) / 3)
    torch.testing.assert_close(side_by_side(images).norm(dim=1), torch.ones(4))


def test_an_ensemble_gives_what_its_members_give():
    """Pairs, photos alone and recipes alone; logits are means."""
    models = members(2)
    f_cat, recipes = texts(5)
    features = torch.randn(5, 3)
    ensemble = JointEnsemble(models).eval()

    output = ensemble(features, f_cat, recipes)

    outputs = [model(features, f_cat, recipes) for model in models]
    for number, own in enumerate(outputs):
        part = slice(4 * number, 4 * (number + 1))
        expected = own.image_embeddings / 2**0.5
        torch.testing.assert_close(output.image_embeddings[:, part], expected)
    torch.testing.assert_close(
        output.recipe_logits, (outputs[0].recipe_logits + outputs[1].recipe_logits) / 2
    )
    assert torch.equal(ensemble.embed_images(features, f_cat), output.image_embeddings)
    assert torch.equal(ensemble.embed_recipes(recipes), output.recipe_embeddings)
    assert output.logit_scale is None


def test_one_training_alone_is_itself():
    (model,) = members(1)
    inputs = (torch.randn(5, 3), *texts(5))

    found, expected = JointEnsemble([model])(*inputs), model(*inputs)

    torch.testing.assert_close(found.image_embeddings, expected.image_embeddings)
    torch.testing.assert_close(found.image_logits, expected.image_logits)
