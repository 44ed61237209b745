"""What a plain ridge regression reaches on a workspace's recipes: the bar a trained model clears.

Pooled features of a frozen backbone -> TF-IDF/SVD features of the text, fitted on the train
recipes; the dimensions and the penalty are chosen on val. Run: ``python -m benchmarks.ridge
--workspace W --backbone timm/tf_efficientnet_lite0 --weights FILE``.
"""

import itertools

import click
import numpy as np
import pyarrow.parquet as pq
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.preprocessing import normalize

from seje_ray.artifact import Artifact
from seje_ray.cli.options import workspace_option
from seje_ray.models.image_backbone import ImageBackbone, create_backbone
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.report.evaluation import EvaluationLine, GalleryLines, as_text
from seje_ray.retrieval.controls import chance
from seje_ray.retrieval.protocol import RetrievalResult, evaluate_retrieval, selection_score
from seje_ray.workspace import Workspace

DIMS = (32, 64, 128, 256)
PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10_000.0)


@click.command()
@workspace_option
@click.option("--backbone", default="timm/tf_efficientnet_lite0", show_default=True)
@click.option("--weights", help="Local .safetensors file, or download.")
@click.option("--crop", default=224, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(workspace: Workspace, backbone: str, weights: str | None, crop: int, seed: int) -> None:
    """Print ridge regression's retrieval on the test pairs of WORKSPACE."""
    calibrated = workspace.open_calibrated()
    network = create_backbone(backbone, weights=weights, image_size=crop).eval()
    pixels = PixelSpec(round(crop / 0.875), crop)
    rows = {part: _read(calibrated, part) for part in ("train", "val", "test")}
    images = {part: _features(network, pixels, rows[part]) for part in rows}
    texts = {part: [_text(row) for row in rows[part]] for part in rows}
    ids = {part: [row["id"] for row in rows[part]] for part in rows}

    def score(dim: int, penalty: float, part: str) -> RetrievalResult:
        return evaluate_retrieval(
            ids[part],
            *_embed(images, texts, part, dim, penalty, seed),
            gallery_size=1000,
            num_repeats=10,
            seed=seed,
        )

    grid = itertools.product(DIMS, PENALTIES)
    dim, penalty = max(grid, key=lambda choice: selection_score(score(*choice, "val")))
    result = score(dim, penalty, "test")
    print(f"ridge regression, {dim} SVD dimensions, penalty {penalty} (both chosen on val)")
    lines = [("ridge regression", result), ("chance", chance(result.gallery_size))]
    shown = tuple(EvaluationLine(name, r.means(), r.deviations()) for name, r in lines)
    print(as_text([GalleryLines(result.gallery_size, result.num_repeats, shown)]))


def _read(calibrated: Artifact, partition: str) -> list[dict]:
    columns = ["id", "title", "ingredients", "instructions", "images"]
    tables = [pq.read_table(path, columns=columns) for path in calibrated.shards(partition)]
    return [row for table in tables for row in table.to_pylist()]


def _text(row: dict) -> str:
    return "\n".join([row["title"], *row["ingredients"], *row["instructions"]])


@torch.no_grad()
def _features(network: ImageBackbone, pixels: PixelSpec, rows: list[dict]) -> np.ndarray:
    """Pooled features of each recipe's first photo."""
    batches = []
    for start in range(0, len(rows), 32):
        crops = [pixels.crop_of(r["images"][0]["jpeg"], None) for r in rows[start : start + 32]]
        batches.append(network(torch.from_numpy(pixels.stack(crops))).numpy())
    return np.concatenate(batches)


def _embed(
    images: dict[str, np.ndarray],
    texts: dict[str, list[str]],
    part: str,
    dim: int,
    penalty: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Unit image and recipe embeddings of one partition, everything fitted on train."""
    tfidf = TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english")
    train_counts = tfidf.fit_transform(texts["train"])
    svd = TruncatedSVD(min(dim, min(train_counts.shape) - 1), random_state=seed)
    train_texts = normalize(svd.fit_transform(train_counts))
    mean, std = images["train"].mean(0), images["train"].std(0) + 1e-6
    centre = train_texts.mean(0)
    model = Ridge(alpha=penalty).fit((images["train"] - mean) / std, train_texts - centre)
    predicted = model.predict((images[part] - mean) / std)
    found = normalize(svd.transform(tfidf.transform(texts[part]))) - centre
    return normalize(predicted).astype(np.float32), normalize(found).astype(np.float32)


if __name__ == "__main__":
    main()
