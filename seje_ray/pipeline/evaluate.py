"""Evaluation: embed a partition, measure it, write the report."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.gallery_choice import GalleryChoice
from seje_ray.pipeline.measured import measured_run
from seje_ray.pipeline.ranked import ranked
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.report.baselines import beside_baselines
from seje_ray.report.evaluation import GalleryLines
from seje_ray.report.protocol import Measured
from seje_ray.report.report import Evaluated, write_report
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.training.history import read_history
from seje_ray.workspace import Workspace


@dataclass(frozen=True, slots=True)
class EvaluatedRun:
    """The measured galleries, where the report lies, and how it was measured."""

    galleries: list[GalleryLines]
    folder: Path
    measured: Measured


def evaluate_run(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    *,
    partition: str,
    choice: GalleryChoice | None = None,
    overrides: Iterable[str] = (),
) -> EvaluatedRun:
    """Embed ``partition`` with a training's best checkpoint and measure the embeddings.

    Args:
        trained: The training.
        workspace: Folder of the artifacts it was trained on.
        executor: Where to embed.
        partition: train, val or test.
        choice: Of galleries; None takes the run's.
        overrides: ``"evaluate.key=value"``, over the training's run.

    Raises:
        ArtifactError: If the data is missing or not what the run was trained on.
        ConfigError: If an override is none of ``evaluate``.

    Source: docs/method.md, rule 6.5.
    """
    run = measured_run(trained, overrides)
    embedded = embed_partition(trained, workspace, executor, partition, run.evaluate.hubness)
    embeddings = load_embeddings(embedded.shards(partition))
    plan = (choice or GalleryChoice()).plan(len(embeddings.ids), run.evaluate, run.seed)
    galleries = ranked(embeddings, plan)
    calibrated = workspace.open_calibrated(partition)
    galleries = beside_baselines(
        galleries,
        workspace.baselines,
        partition=partition,
        calibrated_hash=calibrated.content_hash,
        run=run,
        plan=plan,
        num_train=calibrated.num_rows("train"),
    )
    evaluated = Evaluated(
        name=trained.folder.name,
        partition=partition,
        run=run,
        members=trained.members,
        best_epoch=trained.best_epoch,
        history=read_history(trained.folder),
        recipes=workspace.open_recipes(),
        calibrated=calibrated,
        embeddings=embedded,
        galleries=galleries,
        plan=plan,
    )
    folder = workspace.report(f"{trained.folder.name}-{partition}")
    write_report(folder, evaluated, embeddings)
    return EvaluatedRun(galleries, folder, evaluated.measured)
