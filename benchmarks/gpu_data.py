"""Made-up data and models of ``benchmarks.gpu_check``: nothing is fetched, weights are random."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import torch

from benchmarks.loader import SENTENCE_DIM, WORD_DIM, made_up_jpeg, made_up_row
from seje_ray.artifact import shard_name, write_table
from seje_ray.calibration.text_tokens import TextFormat
from seje_ray.cli.run_files import read_run
from seje_ray.config import RunConfig
from seje_ray.features.checkpoint import Origin
from seje_ray.features.inputs import Reads, text_shape_of
from seje_ray.features.model import pixel_spec
from seje_ray.schema import calibrated
from seje_ray.training.loaders import Loaders
from seje_ray.training.loop import Trainer
from seje_ray.training.pairs import PairLoader
from seje_ray.training.worker import LocalWorker, Worker

Case = Literal["seje", "clip", "stored"]
FEATURE_DIM, NUM_CATEGORIES, NUM_JPEGS, ROWS_PER_SHARD = 2048, 100, 64, 64
LINES, TOKENS_OF_LINE = 4, 12  # of each part but the title, which is one line
CLIP = "clip"  # folder of the dual encoder
COMMON = (
    "train.num_epochs=1000",
    "train.checkpoint_steps=null",
    "train.hang_minutes=null",
    "train.picture_epochs=null",
)


@dataclass(frozen=True, slots=True)
class Size:
    """How large everything is."""

    recipes: int
    batches: tuple[int, ...]  # pairs of the batches whose memory is measured
    micro_batch: int  # photos that a network takes at once there
    steps: int  # that are timed
    is_tiny: bool  # small networks and photos, which say nothing about speed


FULL = Size(1_024, (100, 1_024, 4_096), 128, 10, is_tiny=False)
TINY = Size(24, (4, 8), 4, 2, is_tiny=True)
SIZES = {"full": FULL, "tiny": TINY}


def settings_of(case: Case, size: Size, folder: Path) -> tuple[str, ...]:
    """What a case changes of the packaged run, as ``--set`` has it."""
    own: tuple[str, ...] = ()
    match case:
        case "seje":
            own = ("model.backbone.weights=null",)
            if size.is_tiny:
                own += ("model.backbone.name=timm/test_resnet", *_PIXELS)
        case "stored":
            own = ("model.freeze_backbone=true",)
        case "clip":
            own = (f"model.dual_encoder={folder / CLIP}",)
            if size.is_tiny:
                own += ("model.embedding_dim=12", *_PIXELS)
    if size.is_tiny:
        own += ("train.global_batch_size=8",)
        own += ("model.lstm_dim=8", "model.embedding_dim=8") if case != "clip" else ()
    return (*COMMON, *own)


_PIXELS = ("model.backbone.resize=36", "model.backbone.crop=32")


def run_of(case: Case, size: Size, folder: Path, *settings: str) -> RunConfig:
    """The run of a case: the paper's, the paper's on stored features, or CLIP's fine-tuning."""
    name = "clip" if case == "clip" else "seje"
    return read_run(name, (*settings_of(case, size, folder), *settings))


def make(folder: Path, size: Size) -> None:
    """Write shards and a dual encoder into an empty folder."""
    torch.manual_seed(0)
    vocabulary = _make_clip(folder / CLIP, size)
    generator = np.random.default_rng(0)
    jpegs = [made_up_jpeg(generator) for _ in range(NUM_JPEGS)]
    schema = calibrated(WORD_DIM, SENTENCE_DIM, FEATURE_DIM, has_tokens=True)
    for number in range(-(-size.recipes // ROWS_PER_SHARD)):
        count = min(ROWS_PER_SHARD, size.recipes - number * ROWS_PER_SHARD)
        rows = [_row(f"{number}-{n}", generator, jpegs, vocabulary) for n in range(count)]
        path = folder / shard_name("train", number)
        write_table(path, pa.Table.from_pylist(rows, schema=schema))


def origin_of(folder: Path) -> Origin:
    """What a checkpoint of these shards would remember."""
    facts = {
        "word_dim": WORD_DIM,
        "sentence_dim": SENTENCE_DIM,
        "num_categories": NUM_CATEGORIES,
        "feature_dim": FEATURE_DIM,
        "text_format": _text_format(folder / CLIP).to_dict(),
    }
    return Origin("made up", "made up", facts)


def loader_of(run: RunConfig, folder: Path, worker: Worker) -> PairLoader:
    """The loader of a training."""
    return PairLoader(
        sorted(folder.glob("train-*.parquet")),
        pixel_spec(run),
        global_batch_size=run.train.global_batch_size,
        rank=worker.rank,
        world_size=worker.world_size,
        seed=run.seed,
        num_threads=max(2, torch.get_num_threads()),
        reads=Reads.of(run.model),
        augmentation=run.train.augmentation,
        text_shape=text_shape_of(run.model, origin_of(folder).facts),
        device=worker.device if run.train.decode == "device" else None,
    )


def trainer_of(run: RunConfig, folder: Path, worker: Worker) -> Trainer:
    """A training that has not begun."""
    loader = loader_of(run, folder, worker)
    return Trainer(run, origin_of(folder), Loaders(loader, loader), worker)


def local_trainer(run: RunConfig, folder: Path, device: torch.device) -> Trainer:
    """A training in this process."""
    return trainer_of(run, folder, LocalWorker(folder, device))


def _row(
    recipe_id: str, generator: np.random.Generator, jpegs: list[bytes], vocabulary: int
) -> dict[str, object]:
    def lines(number: int) -> list[list[int]]:
        drawn = generator.integers(0, vocabulary, (number, TOKENS_OF_LINE))
        return [line.tolist() for line in drawn]

    return made_up_row(recipe_id, generator, jpegs) | {
        "category_id": int(generator.integers(NUM_CATEGORIES)),
        "image_features": list(generator.normal(size=(2, FEATURE_DIM)).astype(np.float32)),
        "title_tokens": lines(1),
        "ingredient_tokens": lines(LINES),
        "step_tokens": lines(LINES),
    }


def _make_clip(folder: Path, size: Size) -> int:
    """A CLIP of the size of ViT-B/16, or a tiny one, as it is published; words that it knows."""
    from transformers import CLIPConfig, CLIPModel

    config = CLIPConfig(
        text_config=dict(_TINY_LAYERS) | _TINY_TEXT if size.is_tiny else {},
        vision_config=dict(_TINY_LAYERS) | _TINY_VISION if size.is_tiny else {"patch_size": 16},
        projection_dim=12 if size.is_tiny else 512,
    )
    CLIPModel(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(_PREPARATION), encoding="utf-8")
    text: Any = config.text_config
    return int(text.bos_token_id)


_TINY_LAYERS = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_TINY_VISION = {"hidden_size": 24, "image_size": 32, "patch_size": 16}
_TINY_TEXT = {
    "hidden_size": 16,
    "vocab_size": 40,
    "max_position_embeddings": 24,
    "bos_token_id": 38,
    "eos_token_id": 39,
    "pad_token_id": 39,
}
_PREPARATION: Mapping[str, Any] = {
    "image_processor_type": "CLIPImageProcessor",
    "resample": 3,
    "image_mean": [0.48, 0.46, 0.41],
    "image_std": [0.27, 0.26, 0.28],
}


def _text_format(folder: Path) -> TextFormat:
    """How that CLIP takes texts; without the tokenizer from which ``text_format_of`` reads it."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    text = config["text_config"]
    return TextFormat(
        config=config,
        pooling="own",
        prefix=(text.get("bos_token_id", 49_406),),
        suffix=(text.get("eos_token_id", 49_407),),
        part_end=(),
        line_end=(),
        pad=text.get("pad_token_id", 1),
        max_length=text.get("max_position_embeddings", 77),
        has_fixed_length=False,
    )
