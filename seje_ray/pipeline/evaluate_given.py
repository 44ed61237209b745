"""Evaluation of embeddings that any system wrote into a file; needs no run and no workspace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seje_ray.config.evaluate import EvaluateConfig
from seje_ray.integrity import file_hash
from seje_ray.pipeline.gallery_choice import GalleryChoice
from seje_ray.pipeline.ranked import ranked
from seje_ray.pipeline.stored_data import bring_data
from seje_ray.report.embeddings_report import write_embeddings_report
from seje_ray.report.evaluation import GalleryLines
from seje_ray.report.protocol import Measured
from seje_ray.retrieval.arrays import EmbeddingsError
from seje_ray.retrieval.given import GivenPairs, read_pairs
from seje_ray.store.location import uri_of

SEED = 0  # of galleries, where none is asked for: the default of a run


@dataclass(frozen=True, slots=True)
class EvaluatedFiles:
    """What was read, the measured galleries, how, and where the report lies."""

    name: str
    pairs: GivenPairs
    galleries: list[GalleryLines]
    measured: Measured
    folder: Path


def evaluate_given(
    files: Sequence[Path],
    choice: GalleryChoice,
    *,
    folder: Path | None = None,
    ids: Path | None = None,
    categories: Path | None = None,
    names: Mapping[str, str] | None = None,
) -> EvaluatedFiles:
    """Measure embeddings from files and write the report.

    Args:
        files: One with both matrices, or two; as of ``retrieval.given.read_pairs``.
        choice: Of galleries; where it says nothing, those of a run's defaults.
        folder: Of the report; None for ``NAME-report`` in the current one.
        ids: As of ``read_pairs``.
        categories: As of ``read_pairs``.
        names: As of ``read_pairs``.

    Raises:
        EmbeddingsError: If a file is not what is expected, or there is no folder for the report.
    """
    for path in filter(None, (*files, ids, categories)):
        bring_data(path)
    pairs = read_pairs(files, ids=ids, categories=categories, names=names)
    plan = choice.plan(len(pairs.ids), EvaluateConfig(), SEED)
    name = files[0].stem
    folder = folder or Path(f"{name}-report")
    try:
        folder.mkdir(parents=True, exist_ok=True)  # before minutes of work for it
    except OSError as error:
        raise EmbeddingsError(
            f"{folder}: no folder for the report ({error}); choose another one by --out"
        ) from error
    galleries = ranked(pairs, plan)
    measured = Measured(plan, len(pairs.ids), pairs.left_out)
    hashes = {uri_of(path) or str(path): _hash(path) for path in files}
    write_embeddings_report(folder, name, hashes, pairs, measured, galleries)
    return EvaluatedFiles(name, pairs, galleries, measured, folder)


def _hash(path: Path) -> str:
    """sha256 of a file; of a folder of shards those of all, in order."""
    if path.is_file():
        return file_hash(path)
    return " ".join(file_hash(shard) for shard in sorted(path.glob("*.parquet")))
