import torch

from seje_ray.models.heads import CategoryHead, ImageHead, Projection
from seje_ray.models.image_backbone import ImageBackbone
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.models.recipe_encoder import KeyTerms, RecipeEncoder, RecipeInputs
from seje_ray.models.recipe_lstm import RecipeLstm


def build(backbone=None):
    torch.manual_seed(0)
    return JointEmbedding(
        backbone,
        ImageHead(Projection(8, 4, dropout=0.0)),
        RecipeEncoder(RecipeLstm(6, 7), KeyTerms(5, 4), Projection(11, 4, dropout=0.0)),
        CategoryHead(4, 2),
    )


def texts(num_pairs):
    torch.manual_seed(1)
    return (
        torch.randn(num_pairs, 5),
        RecipeInputs(
            (torch.randn(num_pairs, 3, 6), torch.arange(num_pairs) % 4),
            torch.randn(num_pairs, 5),
        ),
    )


def test_output_is_unit_embeddings_and_logits_of_the_shared_head():
    model = build().eval()

    output = model(torch.randn(5, 3), *texts(5))

    assert [tuple(value.shape) for value in output[:4]] == [(5, 4), (5, 4), (5, 2), (5, 2)]
    for rows in output[:2]:
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(5))
    assert torch.equal(output.image_logits, model.category_head(output.image_embeddings))
    assert torch.equal(output.recipe_logits, model.category_head(output.recipe_embeddings))


def test_backbone_turns_pixels_into_the_features_the_head_sees():
    pool = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    backbone = ImageBackbone(pool, 3, (0.2,) * 3, (0.5,) * 3)
    pixels = torch.randint(256, (4, 3, 40, 40), dtype=torch.uint8)

    found = build(backbone).eval()(pixels, *texts(4))

    expected = build().eval()((pixels / 255).mean((2, 3)) / 0.5 - 0.4, *texts(4))
    torch.testing.assert_close(found.image_embeddings, expected.image_embeddings)


def test_branches_do_not_see_each_other():
    model = build().eval()
    f_cat, recipes = texts(4)
    sentences, lengths = recipes.tower
    others = RecipeInputs((sentences + 1, lengths), recipes.key_term_vectors + 1)
    features = torch.randn(4, 3)
    before = model(features, f_cat, recipes)

    other_image = model(features + 1, f_cat + 1, recipes)
    other_recipe = model(features, f_cat, others)

    assert torch.equal(other_image.recipe_embeddings, before.recipe_embeddings)
    assert torch.equal(other_recipe.image_embeddings, before.image_embeddings)
    assert not torch.allclose(other_image.image_embeddings, before.image_embeddings)
    assert not torch.allclose(other_recipe.recipe_embeddings, before.recipe_embeddings)


def test_parameters_are_named_by_branch():
    """Checkpoints and the optimiser's groups rest on these names."""
    names = [name for name, _ in build(ImageBackbone(torch.nn.Linear(1, 1), 3, (0,) * 3, (1,) * 3))
             .named_children()]  # fmt: skip

    assert names == ["backbone", "image_head", "recipe_encoder", "category_head"]
    assert not any(key.startswith("backbone") for key in build().state_dict())
