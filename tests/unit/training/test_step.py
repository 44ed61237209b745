"""One step of the whole objective on four workers."""

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from seje_ray.config import LossConfig
from seje_ray.config.loss import AdaMineConfig, HingeConfig, SoftMarginConfig
from seje_ray.distributed.batch_norm import use_global_batch_norm
from seje_ray.distributed.dropout import PartDropout, begin_dropout_step, use_global_dropout
from seje_ray.features.inputs import RecipeFeatures, Sentences, TextBatch
from seje_ray.models.heads import CategoryHead, Discriminator, ImageHead, Projection, ResidualHead
from seje_ray.models.joint_embedding import JointEmbedding, JointOutput
from seje_ray.models.lexical_bag import LexicalBag
from seje_ray.models.recipe_encoder import Bags, KeyTerms, RecipeEncoder, RecipeInputs
from seje_ray.models.recipe_lstm import RecipeLstm
from seje_ray.models.recipe_transformer import RecipeTransformer
from seje_ray.training.pairs import PairBatch
from seje_ray.training.step import (
    GlobalRows,
    active_share,
    discriminator_step,
    global_pairs,
    objective,
)
from tests.unit.losses.worker_pairs import pairs_of
from tests.unit.training.workers_equal_one import assert_workers_equal_one

SIZES = (2, 1, 1, 2)
NUM_STEPS = 3
CONSTANTS = {  # no default, and weights that let each part be seen in the gradient
    "soft_margin": SoftMarginConfig(scale=5.0, margin=0.2),
    "category_weight": 0.7,
    "background_weight": 0.3,
    "discriminator_weight": 0.4,
    "gradient_penalty": 3.0,
    "discriminator_learning_rate": 0.01,
}
CONFIGS = {
    "wgan_gp": LossConfig(discriminator="wgan_gp", negatives="both", **CONSTANTS),
    "bce": LossConfig(discriminator="bce", negatives="category", **CONSTANTS),
}
KINDS = [
    ("wgan_gp", "lstm"),
    ("bce", "lstm"),
    ("wgan_gp", "transformer"),
    ("bce", "residual"),
    ("bce", "lexical"),
]


def batch_of(rank, sizes):
    """A worker's rows of the same six pairs; categories 0 (background), 1 and 2."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return torch.randn(sum(sizes), *shape, generator=generator)[own]

    start = sum(sizes[:rank])
    own = slice(start, start + sizes[rank])
    num_ingredients = torch.tensor([5, 2, 3, 1, 0, 1])[own]
    return PairBatch(
        ids=tuple("abcdef")[own],
        images=drawn(7),
        image_category_vectors=drawn(5),
        recipes=RecipeFeatures(
            sentences=Sentences(drawn(4, 6), torch.tensor([4, 0, 1, 2, 3, 4])[own]),
            key_term_vectors=drawn(5),
            texts=TextBatch(
                drawn(1, 6),
                torch.tensor([1, 1, 0, 1, 1, 1])[own],
                # cut to the worker's longest recipe, as padding is
                drawn(5, 6)[:, : int(num_ingredients.max())],
                num_ingredients,
                drawn(4, 6),
                torch.tensor([4, 0, 1, 2, 3, 4])[own],
            ),
            bags=Bags(
                torch.tensor([[0, 1], [1, 2], [3, 0], [4, 5], [6, 1], [2, 3]])[own],
                torch.tensor([[0.6, 0.8], [0.8, 0.6], [1, 0], [0.6, 0.8], [0.8, 0.6], [0.6, 0.8]])[
                    own
                ],
            ),
        ),
        category_ids=torch.tensor([1, 1, 0, 2, 0, 2])[own],
        sizes=sizes,
    )


def model_of(encoder):
    """With the LSTM, the transformer, the LSTM and residual heads, or these and a learnt bag.

    The last leaves out whole parts and single terms, too.
    """
    lexical = None
    if encoder == "transformer":
        tower, key_terms = RecipeTransformer(6, dim=8, num_layers=2, num_heads=2), None
        heads = Projection(12, 8, dropout=0.2), Projection(24, 8, dropout=0.2)
    elif encoder in {"residual", "lexical"}:
        tower, key_terms = RecipeLstm(6, 9), torch.nn.Identity()
        widths, settings = [9, 5], {"hidden_dim": 6, "dropout": 0.2}
        if encoder == "lexical":
            lexical = LexicalBag(7, 4, is_learnt=True, dropout=0.4)
            lexical.begin_with(torch.randn(7, 4), torch.randn(4) / 9, 0.5)
            widths.append(4)
        of_recipes = {"parts": PartDropout(widths, 0.5), "num_ready": 4 if lexical else 0}
        heads = [
            ResidualHead(12, 8, **settings),
            ResidualHead(sum(widths), 8, **settings, **of_recipes),
        ]
        for head in heads:  # what begins at zero would hide what is before it
            torch.nn.init.normal_(head.mlp[-1].weight)
    else:
        tower, key_terms = RecipeLstm(6, 9), KeyTerms(5, 8)
        heads = Projection(12, 8, dropout=0.2), Projection(17, 8, dropout=0.2)
    recipe_side = RecipeEncoder(tower, key_terms, heads[1], lexical)
    return JointEmbedding(None, ImageHead(heads[0]), recipe_side, CategoryHead(8, 3))


def inputs_of(batch, encoder):
    """What the recipe encoder takes."""
    features = batch.recipes
    if encoder == "transformer":
        return RecipeInputs(features.texts)
    return RecipeInputs(features.sentences, features.key_term_vectors, features.bags)


def train(rank, sizes, config, encoder="lstm"):
    """Some steps as ``Trainer`` takes them; everything they give and change."""
    torch.manual_seed(1)
    model = model_of(encoder)
    discriminator = Discriminator(8)
    use_global_batch_norm(model)
    use_global_dropout(model)
    wrapped = model
    if len(sizes) > 1:
        wrapped = DistributedDataParallel(model, broadcast_buffers=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    its_optimizer = torch.optim.SGD(
        discriminator.parameters(), lr=config.discriminator_learning_rate
    )
    batch, result = batch_of(rank, sizes), {}
    rows = GlobalRows(batch.sizes, rank)
    for step in range(NUM_STEPS):
        begin_dropout_step(
            model, first=rows.first, num_rows=rows.total, seed=step, device=torch.device("cpu")
        )
        output = wrapped(batch.images, batch.image_category_vectors, inputs_of(batch, encoder))
        its_loss = discriminator_step(
            output, discriminator, its_optimizer, rows, config, seed=(3, 4, step)
        )
        pairs = global_pairs(output, batch.category_ids, rows)
        parts = objective(pairs, output, discriminator, rows, config)
        optimizer.zero_grad()
        parts.total.backward()
        optimizer.step()
        result |= {
            f"{step} total": parts.total.detach(),
            f"{step} retrieval": parts.retrieval.detach(),
            f"{step} category_alignment": parts.category_alignment.detach(),
            f"{step} discriminator_alignment": parts.discriminator_alignment.detach(),
            f"{step} active_triplet_share": active_share(pairs, rows, config),
            f"{step} discriminator_loss": its_loss,
        }
        for name, parameter in [*model.named_parameters(), *discriminator.named_parameters()]:
            result[f"{step} gradient of {name}"] = parameter.grad.clone()
    result |= {f"state {name}": value for name, value in model.state_dict().items()}
    result |= {f"state {name}": value for name, value in discriminator.state_dict().items()}
    return result


def on_worker(member):
    return {
        f"{kind} {encoder}": train(member.rank, SIZES, CONFIGS[kind], encoder)
        for kind, encoder in KINDS
    }


def objective_of(output, discriminator, config):
    """Of one worker that holds three pairs."""
    rows = GlobalRows((3,), 0)
    pairs = global_pairs(output, torch.tensor([0, 1, 1]), rows)
    return objective(pairs, output, discriminator, rows, config)


@pytest.fixture(scope="module")
def saved(on_workers):
    return on_workers(on_worker, len(SIZES))


@pytest.mark.parametrize(("kind", "encoder"), KINDS)
def test_four_workers_equal_one_in_losses_gradients_and_weights(saved, kind, encoder):
    """The parts of a loss average to its value; gradients and weights are the same on each."""
    expected = train(0, (sum(SIZES),), CONFIGS[kind], encoder)

    found = [worker[f"{kind} {encoder}"] for worker in saved]

    assert_workers_equal_one(found, expected)


@pytest.mark.parametrize(("kind", "encoder"), KINDS)
def test_every_part_reaches_the_weights(kind, encoder):
    """What the test above compares is no column of zeros."""
    result = train(0, (6,), CONFIGS[kind], encoder)

    for name, value in result.items():
        if "gradient of" in name:
            is_shift = name.endswith("layers.4.bias")  # the WGAN cancels it
            assert is_shift or value.abs().max() > 1e-6, name
    assert float(result["0 retrieval"]) != float(result["1 retrieval"])


@pytest.mark.parametrize("kind", CONFIGS)
def test_objective_gives_the_discriminator_no_gradient(kind):
    discriminator = Discriminator(4)
    rows = torch.nn.functional.normalize(torch.randn(2, 3, 4), dim=2)
    images, recipes = (x.clone().requires_grad_() for x in rows)
    output = JointOutput(images, recipes, torch.zeros(3, 2), torch.zeros(3, 2))

    parts = objective_of(output, discriminator, CONFIGS[kind])
    parts.discriminator_alignment.backward()

    assert all(p.grad is None and p.requires_grad for p in discriminator.parameters())
    assert images.grad is None  # the recipe side alone is trained to fool it
    assert recipes.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", CONFIGS)
def test_discriminator_step_leaves_the_embeddings_alone(kind):
    torch.manual_seed(0)
    discriminator = Discriminator(4)
    before = [p.detach().clone() for p in discriminator.parameters()]
    rows = torch.randn(2, 3, 4, requires_grad=True)
    output = JointOutput(rows[0], rows[1], torch.zeros(3, 2), torch.zeros(3, 2))

    discriminator_step(
        output,
        discriminator,
        torch.optim.SGD(discriminator.parameters(), lr=0.1),
        GlobalRows((3,), 0),
        CONFIGS[kind],
        seed=(0,),
    )

    assert rows.grad is None
    after = list(discriminator.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("kind", CONFIGS)
def test_discriminator_learns_to_score_images_above_recipes(kind):
    torch.manual_seed(0)
    discriminator = Discriminator(2)
    images, recipes = torch.tensor([[1.0, 0.0]] * 4), torch.tensor([[0.0, 1.0]] * 4)
    output = JointOutput(images, recipes, torch.zeros(4, 2), torch.zeros(4, 2))
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.01)

    for step in range(30):
        discriminator_step(
            output, discriminator, optimizer, GlobalRows((4,), 0), CONFIGS[kind], seed=(step,)
        )

    with torch.no_grad():
        assert discriminator(images).min() > discriminator(recipes).max() + 0.5


def test_rows_of_each_worker():
    """They start where the lower ranks' end; shares are W * B / M and average to 1."""
    workers = [GlobalRows(SIZES, rank) for rank in range(4)]

    assert [rows.first for rows in workers] == [0, 2, 3, 4]
    assert [rows.share for rows in workers] == [4 / 3, 2 / 3, 2 / 3, 4 / 3]
    assert {rows.total for rows in workers} == {6}


# Images at 0 and 90 degrees, recipes at 0 and 180. Of image 0, image 1, recipe 0 and recipe 1,
# d(a, p) - d(a, n) is -2, 0, -sqrt 2 and sqrt 2 - 2; in cosine distance -2, 0, -1 and -1.
IMAGES = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
RECIPES = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])


@pytest.mark.parametrize(
    ("constants", "share"),
    [
        ({"kind": "soft_margin", "soft_margin": SoftMarginConfig(margin=0.6)}, 0.5),
        ({"kind": "hinge_average", "hinge": HingeConfig(margin=0.6)}, 0.5),
        ({"kind": "hinge_hardest", "hinge": HingeConfig(margin=1.5)}, 0.75),
        ({"kind": "hinge_semi_hard", "hinge": HingeConfig(margin=2.0)}, 1.0),
        ({"kind": "adamine", "adamine": AdaMineConfig(margin=1.05)}, 0.75),
    ],
)
def test_triplets_are_active_by_the_margin_of_the_loss_that_runs(constants, share):
    """Whatever the margins of other losses are."""
    config = LossConfig(**constants)

    found = active_share(pairs_of(IMAGES, RECIPES), GlobalRows((2,), 0), config)

    assert float(found) == share


@pytest.mark.parametrize("kind", ["pairwise_cosine", "info_nce", "sigmoid"])
def test_a_loss_without_triplets_has_no_active_ones(kind):
    with pytest.raises(ValueError, match=f"loss {kind} has no triplets"):
        active_share(pairs_of(IMAGES, RECIPES), GlobalRows((2,), 0), LossConfig(kind=kind))


def test_a_part_of_the_active_share_averages_to_the_whole():
    """Workers of one pair each; the second one's gaps are 0 and sqrt 2 - 2."""
    config = LossConfig(soft_margin=SoftMarginConfig(margin=0.1))
    sizes = (1, 1)

    parts = [
        float(active_share(pairs_of(IMAGES, RECIPES, own=own), GlobalRows(sizes, rank), config))
        for rank, own in enumerate([slice(0, 1), slice(1, 2)])
    ]

    assert parts == [0.0, 0.5]


def test_an_unknown_discriminator_is_never_the_other_one():
    """A check of types finds what forgets one; at run time it is an error too."""
    rows = torch.nn.functional.normalize(torch.randn(2, 3, 4), dim=2)
    output = JointOutput(*rows, torch.zeros(3, 2), torch.zeros(3, 2))
    discriminator, config = Discriminator(4), LossConfig(discriminator="hinge")

    with pytest.raises(AssertionError, match="hinge"):
        objective_of(output, discriminator, config)
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.1)
    with pytest.raises(AssertionError, match="hinge"):
        discriminator_step(output, discriminator, optimizer, GlobalRows((3,), 0), config, seed=(0,))
    assert all(parameter.requires_grad for parameter in discriminator.parameters())


@pytest.mark.parametrize("side", [0, 1])
def test_nan_embedding_never_gives_a_finite_total(side):
    """In the released code the loss is NaN, its gradient finite, and training continues."""
    rows = torch.nn.functional.normalize(torch.randn(2, 3, 4), dim=2)
    rows[side, 1, 0] = torch.nan
    output = JointOutput(*rows, torch.zeros(3, 2), torch.zeros(3, 2))

    parts = objective_of(output, Discriminator(4), LossConfig())

    assert parts.total.isnan()
