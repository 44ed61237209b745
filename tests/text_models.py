"""Small text models with random weights, saved as their library publishes them."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
)

WORDS = "a beat boil bowl butter cake cup egg eggs flour in milk mix of pasta the two whisk with ,"
SIDE = 32  # pixels of the image towers
MAX_LENGTH = 24  # tokens


def tiny_bert(folder: Path) -> Path:
    """A BERT of two layers, and its tokenizer, in ``folder``."""
    tokenizer = _tokenizer(folder, "[CLS]", "[SEP]", "[PAD]", "[CLS] $A [SEP]", sep_token="[SEP]")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=MAX_LENGTH,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def tiny_clip(folder: Path) -> Path:
    """A CLIP with towers of two layers, its tokenizer and its preparation of photos."""
    tokenizer = _tokenizer(folder, "<s>", "</s>", "</s>", "<s> $A </s>")
    torch.manual_seed(0)
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = CLIPConfig(
        text_config={
            **layers, "vocab_size": len(tokenizer), "hidden_size": 16,
            "max_position_embeddings": MAX_LENGTH, "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": tokenizer.bos_token_id, "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={**layers, "hidden_size": 24, "image_size": SIDE, "patch_size": 16},
        projection_dim=12,
    )  # fmt: skip
    CLIPModel(config).save_pretrained(folder)
    _photos(folder, "CLIPImageProcessor", mean=[0.48, 0.46, 0.41], std=[0.27, 0.26, 0.28])
    return folder


def tiny_siglip(folder: Path) -> Path:
    """A SigLIP likewise: padding is seen, and the last token's state is the text's."""
    tokenizer = _tokenizer(folder, "<s>", "</s>", "</s>", "$A </s>")
    torch.manual_seed(0)
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = SiglipConfig(
        text_config={
            **layers, "vocab_size": len(tokenizer), "hidden_size": 16,
            "max_position_embeddings": MAX_LENGTH, "projection_size": 16,
            "eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id,
        },
        vision_config={**layers, "hidden_size": 16, "image_size": SIDE, "patch_size": 16},
    )  # fmt: skip
    model = SiglipModel(config).requires_grad_(False)
    model.logit_bias.fill_(-8.0)
    model.save_pretrained(folder)
    _photos(folder, "SiglipImageProcessor", mean=[0.5] * 3, std=[0.5] * 3)
    return folder


def _tokenizer(
    folder: Path, begin: str, end: str, pad: str, template: str, **names: str
) -> PreTrainedTokenizerFast:
    special = list(dict.fromkeys(["[UNK]", pad, begin, end]))
    vocabulary = {word: n for n, word in enumerate([*WORDS.split(), *special])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(word, vocabulary[word]) for word in (begin, end)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token=begin, eos_token=end, pad_token=pad,
        unk_token="[UNK]", model_max_length=MAX_LENGTH, **names,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    return tokenizer


def _photos(folder: Path, kind: str, *, mean: list[float], std: list[float]) -> None:
    settings = {
        "image_processor_type": kind, "do_resize": True, "do_rescale": True, "do_normalize": True,
        "resample": 3, "rescale_factor": 1 / 255, "image_mean": mean, "image_std": std,
        "size": {"height": SIDE, "width": SIDE},
    }  # fmt: skip
    if kind.startswith("CLIP"):
        square = {"height": SIDE, "width": SIDE}
        settings |= {"size": {"shortest_edge": SIDE}, "do_center_crop": True, "crop_size": square}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
