"""Embeddings of a finished training as an evaluation or a search wants them corrected."""

from collections.abc import Iterable

from seje_ray.artifact import Artifact, open_artifact
from seje_ray.config import RunConfig, with_overrides
from seje_ray.config.evaluate import HubnessConfig
from seje_ray.errors import ConfigError
from seje_ray.features.checkpoint import read_origin
from seje_ray.pipeline.corrected import correct_embeddings
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.workspace import Workspace

SECTION = "evaluate."  # settings that a finished training can still take


def measured_run(trained: TrainedRun, overrides: Iterable[str] = ()) -> RunConfig:
    """The run of a finished training with ``"evaluate.key=value"`` laid over it.

    Raises:
        ConfigError: If an override is of another section, or the run does not take it.
    """
    overrides = tuple(overrides)
    for override in overrides:
        if not override.startswith(SECTION):
            raise ConfigError(
                f"--set {override}: expected a setting of {SECTION}*, since {trained.folder} is "
                "finished; another value of others needs seje-ray train --run ANOTHER_NAME"
            )
    run, _ = read_origin(trained.best_checkpoint)
    return with_overrides(run, overrides) if overrides else run


def measured_embeddings(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    partition: str,
    hubness: HubnessConfig,
) -> Artifact:
    """Embeddings of ``partition``, corrected for hubs as said, whatever the training's run says.

    Nothing is embedded anew for it: those that the model gives are kept beside the corrected ones.

    Raises:
        ArtifactError: As ``embed_partition``.
    """
    embedded = embed_partition(trained, workspace, executor, partition)
    name = trained.folder.name
    if hubness == measured_run(trained).evaluate.hubness:
        return embedded
    plain = open_artifact(workspace.embeddings(name, partition), "embeddings")
    if hubness.weight == 0:
        return plain
    embed_partition(trained, workspace, executor, "train")
    bank = open_artifact(workspace.embeddings(name, "train"), "embeddings")
    folder = workspace.embeddings(name, f"{partition}-corrected")
    return correct_embeddings(folder, plain, bank, partition, hubness)
