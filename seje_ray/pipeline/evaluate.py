"""Evaluation: embed a partition, measure it, write the report."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.measured import measured_run
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.report.baselines import beside_baselines
from seje_ray.report.evaluation import GalleryLines, evaluate
from seje_ray.report.report import Evaluated, write_report
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.training.history import read_history
from seje_ray.workspace import Workspace


@dataclass(frozen=True, slots=True)
class EvaluatedRun:
    """The measured galleries and where the report lies."""

    galleries: list[GalleryLines]
    folder: Path


def evaluate_run(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    *,
    partition: str,
    gallery_sizes: tuple[int, ...],
    overrides: Iterable[str] = (),
) -> EvaluatedRun:
    """Embed ``partition`` with a training's best checkpoint and measure the embeddings.

    Args:
        trained: The training.
        workspace: Folder of the artifacts it was trained on.
        executor: Where to embed.
        partition: train, val or test.
        gallery_sizes: Pairs per gallery; empty takes the run's.
        overrides: ``"evaluate.key=value"``, over the training's run.

    Raises:
        ArtifactError: If the data is missing or not what the run was trained on.
        ConfigError: If an override is none of ``evaluate``.

    Source: docs/method.md, rule 6.5.
    """
    run = measured_run(trained, overrides)
    embedded = embed_partition(trained, workspace, executor, partition, run.evaluate.hubness)
    embeddings = load_embeddings(embedded.shards(partition))
    galleries = evaluate(
        embeddings,
        gallery_sizes=gallery_sizes or run.evaluate.gallery_sizes,
        num_repeats=run.evaluate.num_repeats,
        seed=run.seed,
    )
    calibrated = workspace.open_calibrated(partition)
    galleries = beside_baselines(
        galleries,
        workspace.baselines,
        partition=partition,
        calibrated_hash=calibrated.content_hash,
        run=run,
        num_train=calibrated.num_rows("train"),
    )
    evaluated = Evaluated(
        name=trained.folder.name,
        partition=partition,
        run=run,
        best_epoch=trained.best_epoch,
        history=read_history(trained.folder),
        recipes=workspace.open_recipes(),
        calibrated=calibrated,
        embeddings=embedded,
        galleries=galleries,
    )
    folder = workspace.report(f"{trained.folder.name}-{partition}")
    write_report(folder, evaluated, embeddings)
    return EvaluatedRun(galleries, folder)
