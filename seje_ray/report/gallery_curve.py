"""A model in galleries of growing size, beside chance."""

from seje_ray.report.evaluation import GalleryLines, line_of
from seje_ray.retrieval.controls import chance
from seje_ray.retrieval.embeddings import Embeddings
from seje_ray.retrieval.protocol import evaluate_retrieval

SIZES = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
NUM_REPEATS = 10


def by_gallery_size(embeddings: Embeddings, seed: int) -> list[GalleryLines]:
    """Results on galleries of rising size, up to all pairs or 10,000 of them."""
    num_pairs = len(embeddings.ids)
    sizes = [size for size in SIZES if size < num_pairs]
    if num_pairs <= SIZES[-1]:
        sizes.append(num_pairs)
    return [_of_size(embeddings, size, seed) for size in sizes]


def _of_size(embeddings: Embeddings, size: int, seed: int) -> GalleryLines:
    result = evaluate_retrieval(
        embeddings.ids,
        embeddings.image_embeddings,
        embeddings.recipe_embeddings,
        gallery_size=size,
        num_repeats=NUM_REPEATS,
        seed=seed,
    )
    lines = line_of("model", result), line_of("chance", chance(size))
    return GalleryLines(size, result.num_repeats, lines)
