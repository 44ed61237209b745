"""The transformer recipe tower: what a part is, and that padding is nothing."""

import math

import pytest
import torch

from seje_ray.models.recipe_transformer import RecipeTransformer, position_waves

H, W = 6, 8  # a text vector, the transformers
PARTS = ("title", "ingredients", "steps")


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return RecipeTransformer(H, dim=W, num_layers=2, num_heads=2).eval()


def recipes(seed=1):
    """Three recipes; one without a title, one without ingredients, one without steps."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(lines):
        return torch.randn(3, lines, H, generator=generator)

    return [
        drawn(1), torch.tensor([1, 0, 1]),
        drawn(4), torch.tensor([4, 2, 0]),
        drawn(5), torch.tensor([0, 5, 3]),
    ]  # fmt: skip


def test_output_is_a_summary_of_each_part(encoder):
    found = encoder(*recipes())

    assert found.shape == (3, encoder.output_dim) == (3, 3 * W)


def test_padding_never_matters(encoder):
    """Neither its length nor what stands in it, in any part."""
    inputs = recipes()
    padded = list(inputs)
    for part in range(3):
        vectors, counts = inputs[2 * part : 2 * part + 2]
        longer = torch.cat([vectors, torch.full((3, 2, H), 1e3)], dim=1)
        for row, count in enumerate(counts.tolist()):
            longer[row, count:] = 100.0 * (row + 1)
        padded[2 * part] = longer

    torch.testing.assert_close(encoder(*padded), encoder(*inputs))


def test_recipe_does_not_depend_on_the_others(encoder):
    inputs = recipes()
    whole = encoder(*inputs)

    for row in range(3):
        torch.testing.assert_close(encoder(*(t[row : row + 1] for t in inputs)), whole[row, None])


@pytest.mark.parametrize("part", range(3))
def test_every_line_of_every_part_matters(encoder, part):
    """And is a part of its own: the same lines in another part are another recipe."""
    inputs = recipes()
    before = encoder(*inputs)
    for row in range(3):
        for line in range(int(inputs[2 * part + 1][row])):
            changed = [t.clone() for t in inputs]
            changed[2 * part][row, line] += 1.0
            moved = (encoder(*changed) - before).abs().amax(dim=1) > 1e-6
            assert moved.tolist() == [n == row for n in range(3)]


def test_steps_are_a_sequence_and_ingredients_a_set(encoder):
    """Of the second recipe: two ingredient lines, five steps, each in reverse."""
    inputs = [t[1:2] for t in recipes()]
    before = encoder(*inputs)
    ingredients, steps = list(inputs), list(inputs)
    ingredients[2] = inputs[2][:, [1, 0, 2, 3]]
    steps[4] = inputs[4].flip(1)

    torch.testing.assert_close(encoder(*ingredients), before)
    assert (encoder(*steps) - before).abs().max() > 1e-3


def test_a_recipe_without_any_line_has_an_embedding_and_all_weights_a_gradient(encoder):
    """DDP waits for every parameter; what lines alone reach gets a zero."""
    nothing = [torch.randn(2, 1, H), torch.zeros(2, dtype=torch.int64)] * 3

    found = encoder.train()(*nothing)
    found[:, 0].sum().backward()

    assert found.isfinite().all()
    grads = {name: p.grad for name, p in encoder.named_parameters()}
    assert all(grad is not None and grad.isfinite().all() for grad in grads.values())
    for part in PARTS:
        assert grads[f"{part}.linear.weight"].abs().sum() == 0


def test_padding_gets_no_gradient_and_each_line_does(encoder):
    inputs = recipes()
    for part in range(3):
        inputs[2 * part].requires_grad_()

    (encoder(*inputs) * torch.arange(1.0, 3 * W + 1)).sum().backward()

    for part in range(3):
        vectors, counts = inputs[2 * part : 2 * part + 2]
        for row, count in enumerate(counts.tolist()):
            assert vectors.grad[row, count:].abs().sum() == 0
            assert (vectors.grad[row, :count].abs().sum(dim=1) > 0).all()


def test_a_block_is_attention_and_a_layer_by_the_formulas(encoder):
    """One recipe's attention written out head by head, softmax(q k / sqrt(4)) v."""
    block = encoder.steps.blocks[0]
    torch.manual_seed(2)
    rows = torch.randn(1, 4, W)
    is_seen = torch.tensor([[True, True, False, True]])

    normal = torch.nn.functional.layer_norm(rows[0], (W,))
    queries, keys, values = block.inputs(normal).split(W, dim=1)
    heads = []
    for head in (slice(0, 4), slice(4, 8)):
        logits = queries[:, head] @ keys[:, head].T / math.sqrt(4)
        logits[:, 2] = -math.inf
        heads.append(logits.softmax(dim=1) @ values[:, head])
    expected = rows[0] + block.output(torch.cat(heads, dim=1))
    expected = expected + block.mlp(torch.nn.functional.layer_norm(expected, (W,)))

    torch.testing.assert_close(block(rows, is_seen)[0], expected)


def test_positions_by_hand():
    """Position 3 of width 4: waves 1 and 10,000 ** -1/2 = 1/100."""
    expected = [math.sin(3), math.sin(0.03), math.cos(3), math.cos(0.03)]

    waves = position_waves(4, 4)

    torch.testing.assert_close(waves[3], torch.tensor(expected))
    torch.testing.assert_close(waves[0], torch.tensor([0.0, 0.0, 1.0, 1.0]))


def test_nothing_is_dropped_inside(encoder):
    """A mask would have the shape of the padding, which differs between workers."""
    assert not [m for m in encoder.modules() if isinstance(m, torch.nn.Dropout)]


def test_bf16_stays_near_float32(encoder):
    inputs = recipes()

    plain = encoder(*inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = encoder(*inputs)

    plain, mixed = (torch.nn.functional.normalize(rows.float(), dim=1) for rows in (plain, mixed))
    torch.testing.assert_close(mixed, plain, atol=0.05, rtol=0.05)
