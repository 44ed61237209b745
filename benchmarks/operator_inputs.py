"""What ``benchmarks.operators`` runs on: shards of the embedded cookbook, and a calibrator."""

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from seje_ray.artifact import write_table
from seje_ray.calibration.calibrator import fit_text
from seje_ray.calibration.corpus import TextCorpus
from seje_ray.calibration.entities import EntityLexicon, Reexaminer
from seje_ray.calibration.image_categorizer import ImageCategorizer
from seje_ray.calibration.key_terms import RecipeWords
from seje_ray.calibration.line_tagger import fit_line_tagger
from seje_ray.calibration.sentence_encoder.skip_instructions import fit_skip_instructions
from seje_ray.calibration.sentence_encoder.transformer import TransformerEncoder
from seje_ray.calibration.term_tagger import DetIngrsTagger
from seje_ray.calibration.text_model import TextModel
from seje_ray.calibration.word2vec import fit_word_vectors
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import RunConfig
from seje_ray.cookbook import write_cookbook
from seje_ray.features.model import backbone_of
from seje_ray.recipe1m.protocol_filter import protocol_rejection
from seje_ray.recipe1m.records import Recipe
from seje_ray.recipe1m.source import open_source
from seje_ray.recipe1m.text import tokenize
from seje_ray.schema import RECIPES

RECIPES_PER_FILE = 256  # the default of data.recipes_per_shard
FITTED_FILES = 12  # the texts that word vectors and categories are fitted on
TAGGED_FILES = 4  # the texts that the line tagger is trained on
JPEG_SIDE = 256  # pixels of the shorter side, as ``ingest`` stores photos


@dataclass(frozen=True, slots=True)
class CookbookShape:
    """How long a cookbook's recipes are, on average."""

    num_recipes: int
    lines: float
    steps: float
    line_words: float  # of all ingredient lines of a recipe
    step_words: float  # of its title and steps
    text_bytes: float  # of all these texts
    json_bytes: float  # of layer1.json

    @classmethod
    def of(cls, paths: list[Path], layer1: Path, num_written: int) -> "CookbookShape":
        """Measure the recipes of ``paths``; ``layer1`` holds ``num_written``, some rejected."""
        rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
        lines = [row["ingredients"] for row in rows]
        steps = [[row["title"], *row["instructions"]] for row in rows]
        text_bytes = sum(len(t.encode()) for of in (*lines, *steps) for t in of)

        def words(of_recipes: list[list[str]]) -> float:
            return sum(len(tokenize(t)) for of in of_recipes for t in of) / len(rows)

        return cls(
            num_recipes=len(rows),
            lines=sum(map(len, lines)) / len(rows),
            steps=sum(len(of) - 1 for of in steps) / len(rows),
            line_words=words(lines),
            step_words=words(steps),
            text_bytes=text_bytes / len(rows),
            json_bytes=layer1.stat().st_size / num_written,
        )


def text_shards(root: Path, num_recipes: int) -> tuple[list[Path], CookbookShape]:
    """Recipes without photos, ``RECIPES_PER_FILE`` in each file but the last."""
    cookbook = _cookbook(root, num_recipes, with_images=False)
    folder = root / f"texts-{num_recipes}"
    if not folder.exists():
        _write_shards(folder, ({**r, "images": []} for r in _recipes(cookbook)), RECIPES_PER_FILE)
    paths = sorted(folder.glob("*.parquet"))
    return paths, CookbookShape.of(paths, cookbook / "layer1.json", num_recipes)


def photo_shards(root: Path, num_photos: int, per_shard: int) -> list[Path]:
    """Rows of one drawn photo each.

    The drawings are enlarged to ``JPEG_SIDE``: decoding then costs what it does for real photos.
    """
    folder = root / f"photos-{num_photos}-by-{per_shard}"
    if not folder.exists():
        rows = (
            {**_EMPTY, "id": str(number), "images": [{"id": str(number), "jpeg": jpeg}]}
            for number, jpeg in enumerate(_drawn_photos(root, num_photos))
        )
        _write_shards(folder, rows, per_shard)
    return sorted(folder.glob("*.parquet"))


_EMPTY: dict[str, Any] = {"partition": "train", "title": "", "ingredients": [], "instructions": []}


def resharded(paths: list[Path], per_shard: int) -> list[Path]:
    """The rows of ``paths``, ``per_shard`` to a file, less an incomplete last one."""
    folder = paths[0].parent / f"by-{per_shard}"
    if not folder.exists():
        folder.mkdir()
        table = pa.concat_tables(pq.read_table(path) for path in paths)
        for number in range(table.num_rows // per_shard):
            shard = table.slice(number * per_shard, per_shard).combine_chunks()
            write_table(folder / f"train-{number:06d}.parquet", shard)
    return sorted(folder.glob("*.parquet"))


def fit_text_parts(root: Path, texts: list[Path], run: RunConfig) -> Path:
    """A calibrator without image categorizer; networks hardly trained, which costs the same."""
    calibrator = root / "calibrator"
    if calibrator.exists():
        return calibrator
    corpus, tagged = TextCorpus(texts[:FITTED_FILES]), TextCorpus(texts[:TAGGED_FILES])
    config = run.calibrate
    text = fit_text(
        corpus,
        num_bigrams=config.categories.num_bigrams,
        max_bigram_categories=config.categories.max_bigram_categories,
        min_members=config.categories.min_members,
        food101=config.categories.food101,
    )
    words = RecipeWords(corpus, DetIngrsTagger(text.reexaminer))
    vectors = fit_word_vectors(
        words, dim=config.word_vectors.dim, window=10, epochs=1, min_count=3, seed=0
    )
    line_tagger = fit_line_tagger(
        tagged,
        Reexaminer(EntityLexicon.fit(tagged)),
        hidden_dim=config.line_tagger.hidden_dim,
        epochs=1,
        batch_size=64,
        learning_rate=5e-3,
        seed=0,
    )
    encoder = fit_skip_instructions(
        corpus,
        dim=config.sentence_encoder.dim,
        vocabulary_size=config.sentence_encoder.vocabulary_size,
        epochs=0,
        batch_size=128,
        learning_rate=1e-3,
        seed=0,
    )
    parts = {"text": text, "word_vectors": vectors, "line_tagger": line_tagger}
    _save(root / "calibrator.partial", parts | {"sentence_encoder": encoder})
    os.replace(root / "calibrator.partial", calibrator)
    return calibrator


def with_text_model(calibrator: Path, model: str) -> Path:
    """The calibrator with a text model as its sentence encoder."""
    folder = calibrator.with_name(f"{calibrator.name}-text-model")
    if not folder.exists():
        _save(folder, {"sentence_encoder": TransformerEncoder(TextModel(model))})
    return folder


def with_categorizer(calibrator: Path, run: RunConfig) -> Path:
    """The calibrator with an untrained categorizer of the run's backbone, said to be fitted."""
    name = run.calibrate.image_categorizer.backbone.name.replace("/", "-")
    folder = calibrator.with_name(f"{calibrator.name}-{name}")
    if folder.exists():
        return folder
    torch.manual_seed(0)
    words = WordVectors.load(calibrator / "word_vectors").words
    names = ("background", *words[:1000])  # as many as Recipe1M's
    categorizer = ImageCategorizer(backbone_of(run.calibrate.image_categorizer.backbone), names)
    categorizer.is_fitted = True  # an unfitted one does not look at the photo
    _save(folder, {"image_categorizer": categorizer})
    (folder / "word_vectors").symlink_to(calibrator / "word_vectors")
    return folder


def _save(folder: Path, parts: Mapping[str, Any]) -> None:
    for name, part in parts.items():
        (folder / name).mkdir(parents=True)
        part.save(folder / name)


def _cookbook(root: Path, number: int, *, with_images: bool) -> Path:
    folder = root / f"cookbook-{number}{'-photos' if with_images else ''}"
    if not (folder / "layer1.json").exists():
        write_cookbook(
            folder,
            num_recipes=number,
            seed=1,
            with_images=with_images,
            num_processes=os.cpu_count() or 1,
        )
    return folder


def _recipes(cookbook: Path) -> Iterator[dict[str, Any]]:
    for record in open_source(cookbook).read():
        if isinstance(record, Recipe) and protocol_rejection(record) is None:
            yield asdict(record)


def _drawn_photos(root: Path, number: int) -> list[bytes]:
    cookbook = _cookbook(root, max(10, number // 2), with_images=True)
    paths = sorted((cookbook / "images").rglob("*.jpg"))[:number]
    return [_enlarged(path) for path in paths]


def _enlarged(path: Path) -> bytes:
    with Image.open(path) as photo:
        factor = JPEG_SIDE / min(photo.size)
        width, height = (round(side * factor) for side in photo.size)
        buffer = io.BytesIO()
        photo.resize((width, height)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _write_shards(folder: Path, rows: Iterator[dict[str, Any]], per_shard: int) -> None:
    unfinished = folder.with_name(f"{folder.name}.partial")
    unfinished.mkdir(parents=True)
    pending: list[dict[str, Any]] = []
    number = 0

    def flush() -> None:
        nonlocal number
        table = pa.Table.from_pylist(pending, schema=RECIPES)
        write_table(unfinished / f"train-{number:06d}.parquet", table)
        number += 1
        pending.clear()

    for row in rows:
        pending.append(row)
        if len(pending) == per_shard:
            flush()
    if pending:
        flush()
    os.replace(unfinished, folder)
