"""Phase II: train the joint embedding on calibrated data, as ``runs/NAME``."""

import click

from seje_ray.config import RunConfig
from seje_ray.config.names import required_name
from seje_ray.features.model import require_features
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.initial import hash_of_start, prepare_initial
from seje_ray.pipeline.runs import (
    TrainedRun,
    begin_run,
    close_run,
    is_complete,
    require_same_photos,
    require_same_run,
)
from seje_ray.store.location import shown
from seje_ray.training.checkpoints import set_aside_damaged
from seje_ray.workspace import Workspace


def train(
    run: RunConfig,
    workspace: Workspace,
    executor: Executor,
    *,
    name: str,
    num_workers: int | None = None,
    min_workers: int | None = None,
) -> TrainedRun:
    """Train ``run`` on the workspace's calibrated data, as the workspace's run ``name``.

    The same name again resumes from the last checkpoint, or returns at once when it is finished.

    Args:
        run: The run.
        workspace: Where the calibrated data lies, and the training will.
        executor: Where to compute.
        name: Of the training.
        num_workers: Training processes; None for what suits the machines.
        min_workers: Fewest to begin and to go on with, where machines are missing or get lost;
            None for ``num_workers``.

    Raises:
        ArtifactError: If the data is not calibrated, the name belongs to another run, or there is
            nothing to start from where ``train.init_from`` says so.
        ResourceError: If there can never be ``num_workers``, or not all see the workspace.
        DivergedError: If the loss is not finite.
        WorkspaceError: If another command trains it.
    """
    calibrated = workspace.open_calibrated("train", "val")
    require_features(run, calibrated)
    folder = workspace.run(required_name(name, "--run"))
    initial_hash = hash_of_start(run, workspace, folder)
    require_same_run(folder, run, calibrated, initial_hash)
    if is_complete(folder, run, workspace.verify):
        return TrainedRun.read(folder)
    with workspace.writing(folder) as held:
        require_same_run(folder, run, calibrated, initial_hash)  # before the lock it could change
        for line in set_aside_damaged(folder, workspace.verify):
            click.echo(f"note: {line}", err=True)
        require_same_photos(folder, run)
        with executor.session(num_workers or 1) as session:
            workers = session.num_training_workers(num_workers, min_workers)
            begin_run(folder, run, calibrated, initial_hash)
            for line in prepare_initial(run, calibrated, folder, workspace):
                click.echo(shown(line), err=True)
            num_epochs = session.train(run, calibrated, folder, workers, held.lease, min_workers)
        return close_run(folder, num_epochs)
