"""A search that is ready: of a small collection the index is made where there is none."""

from collections.abc import Callable, Iterable

import click

from seje_ray.errors import ArtifactError
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.index.build import build_index
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.retrieval.index.side import WHATS
from seje_ray.workspace import Workspace

MADE_UP_TO = 20_000  # recipes whose index a search makes by itself


def ready_searcher(
    trained: TrainedRun,
    workspace: Workspace,
    executor_of: Callable[[], Executor],
    settings: Iterable[str] = (),
) -> Searcher:
    """Open the index of a training, or make it first if that takes minutes at most.

    One that is there and cannot be used is left as it is: that is the user's to decide.

    Args:
        trained: The training.
        workspace: That it belongs to.
        executor_of: Gives where to embed, if there is no index yet.
        settings: Of ``evaluate``, as ``--set`` has them.

    Raises:
        ArtifactError: If there is no index of a large collection, or one cannot be used.
    """
    settings = tuple(settings)
    num_recipes = workspace.open_recipes().num_rows()
    try:
        searcher = Searcher.open(workspace, trained.folder.name, settings=settings)
        if searcher.has_hubs:
            return searcher
    except ArtifactError:
        if num_recipes > MADE_UP_TO or _is_finished(workspace, trained.folder.name):
            raise
        click.echo(f"embedding {num_recipes:,} recipes and their photos for search, once", err=True)
    if num_recipes <= MADE_UP_TO:
        build_index(trained, workspace, executor_of(), overrides=settings)
    return Searcher.open(workspace, trained.folder.name, settings=settings)


def _is_finished(workspace: Workspace, run: str) -> bool:
    """Whether all that there is of an index was finished once; an interrupted one goes on."""
    folders = [folder for what in WHATS if (folder := workspace.index(run, what)).is_dir()]
    return bool(folders) and all((folder / "manifest.json").is_file() for folder in folders)
