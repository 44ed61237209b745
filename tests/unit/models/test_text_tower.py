"""Text networks as part of the model."""

import json

import pytest
import torch

from seje_ray.hub import PublishedModelError
from seje_ray.models.blocks import depths
from seje_ray.models.text_tower import build_text_tower

pytest.importorskip("transformers", reason="needs the extra text")
import transformers

from tests.text_models import MAX_LENGTH, tiny_bert, tiny_clip, tiny_siglip

TOKENS = [[3, 5, 7], [8], [2, 4, 6, 9, 11]]


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def padded_tokens(rows, length, pad=0):
    tokens = torch.full((len(rows), length), pad)
    for target, row in zip(tokens, rows, strict=True):
        target[: len(row)] = torch.tensor(row)
    return tokens, torch.tensor([len(row) for row in rows])


def tower_of(folder, pooling, **settings):
    return build_text_tower(
        config_of(folder), pooling=pooling, sees_padding=False, source=str(folder), **settings
    )


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_a_text_does_not_depend_on_its_padding(tmp_path, pooling):
    """Value and gradient; and the mean is that of the text's own states."""
    tower = tower_of(tiny_bert(tmp_path), pooling)
    together = tower(*padded_tokens(TOKENS, 16))
    loss = together.square().sum()
    grads = torch.autograd.grad(loss, list(tower.parameters()))

    alone = torch.cat([tower(*padded_tokens([row], len(row), pad=7)) for row in TOKENS])

    torch.testing.assert_close(alone, together, atol=1e-6, rtol=1e-5)
    alone_grads = torch.autograd.grad(alone.square().sum(), list(tower.parameters()))
    torch.testing.assert_close(alone_grads, grads, atol=1e-5, rtol=1e-4)
    whole = transformers.BertModel.from_pretrained(tmp_path)
    states = whole(torch.tensor([TOKENS[2]])).last_hidden_state[0]
    expected = states.mean(0) if pooling == "mean" else states[0]
    torch.testing.assert_close(together[2], expected, atol=1e-6, rtol=1e-5)


def test_clips_text_tower_is_the_librarys(tmp_path):
    """Pooled at the end of the text, whatever stands behind it."""
    folder = tiny_clip(tmp_path)
    library = transformers.CLIPModel.from_pretrained(folder)
    end = library.config.text_config.eos_token_id
    rows = [[*row, end] for row in TOKENS]
    tower = tower_of(folder, "own")

    found = tower(*padded_tokens(rows, 16, pad=end))

    expected = [library.text_model(torch.tensor([row])).pooler_output[0] for row in rows]
    torch.testing.assert_close(found, torch.stack(expected), atol=1e-6, rtol=1e-5)
    assert found.shape[1] == tower.output_dim


def test_siglips_text_tower_sees_its_padding(tmp_path):
    folder = tiny_siglip(tmp_path)
    library = transformers.SiglipModel.from_pretrained(folder)
    tokens, lengths = padded_tokens(TOKENS, MAX_LENGTH)
    tower = build_text_tower(
        config_of(folder), pooling="own", sees_padding=True, source=str(folder)
    )
    torch.testing.assert_close(
        tower(tokens, lengths), library.get_text_features(tokens).pooler_output
    )
    assert tower.output_dim == 16


@pytest.mark.parametrize(("training", "learns"), [("full", 1.0), ("frozen", 0.0), ("lora", None)])
def test_a_tower_is_rebuilt_without_its_folder_from_config_and_checkpoint(
    tmp_path, training, learns
):
    """The same vectors; and what is built not to learn never does."""
    folder = tiny_bert(tmp_path)
    config, tokens = config_of(folder), padded_tokens(TOKENS, 8)
    tower = tower_of(folder, "mean", training=training, lora_rank=2)
    with torch.no_grad():  # as if it had been trained: LoRA's additions begin at 0
        for parameter in tower.parameters():
            if parameter.requires_grad:
                parameter += 0.1
    again = build_text_tower(
        config, pooling="mean", sees_padding=False, source=None, training=training, lora_rank=2
    )
    again.load_state_dict(tower.state_dict())

    torch.testing.assert_close(again(*tokens), tower(*tokens))
    tower.requires_grad_(True)
    tower.keep_frozen()
    share = sum(p.requires_grad for p in tower.parameters()) / len(list(tower.parameters()))
    assert share == learns if learns is not None else 0 < share < 1


def test_lora_begins_as_the_model_and_learns_in_its_additions_alone(tmp_path):
    folder = tiny_bert(tmp_path)
    tokens = padded_tokens(TOKENS, 8)
    plain, tower = tower_of(folder, "mean"), tower_of(folder, "mean", training="lora", lora_rank=2)

    torch.testing.assert_close(tower(*tokens), plain(*tokens))
    tower(*tokens).square().sum().backward()
    with_gradient = {name for name, p in tower.named_parameters() if p.grad is not None}
    assert with_gradient
    assert all("lora_" in name for name in with_gradient)


def test_checkpointed_gradients_are_the_same(tmp_path):
    folder, tokens = tiny_bert(tmp_path), padded_tokens(TOKENS, 8)
    grads = []
    for checkpointing in (False, True):
        tower = tower_of(folder, "mean", gradient_checkpointing=checkpointing).train()
        tower(*tokens).square().sum().backward()
        grads.append([p.grad for p in tower.parameters()])
    torch.testing.assert_close(grads[1], grads[0])
    assert all(grad is not None for grad in grads[0])  # none is left without: no pooler


def test_depths_rise_from_the_embeddings_to_what_is_above_the_layers(tmp_path):
    tower = tower_of(tiny_clip(tmp_path), "own")
    found = depths(tower.network)
    assert found["embeddings.token_embedding.weight"] == 0
    assert found["encoder.layers.0.mlp.fc1.weight"] == 1
    assert found["encoder.layers.1.mlp.fc1.weight"] == 2
    assert found["final_layer_norm.weight"] == 3
    assert found.keys() == {name for name, _ in tower.network.named_parameters()}


def test_missing_weights_are_one_clear_error(tmp_path):
    folder = tiny_bert(tmp_path)
    config = config_of(folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(PublishedModelError, match=r"model\.safetensors"):
        build_text_tower(config, pooling="mean", sees_padding=False, source=str(folder))
