"""``seje-ray ensemble``."""

from typing import TYPE_CHECKING

import click

from seje_ray.cli.options import cluster_options, folder_name, workspace_option

if TYPE_CHECKING:
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace


@click.command(
    "ensemble",
    epilog="Example: seje-ray train --run a --set seed=0 && seje-ray train --run b --set seed=1 && "
    "seje-ray ensemble a b --run ab && seje-ray evaluate --run ab",
)
@click.argument("trainings", nargs=-1, required=True, metavar="TRAINING TRAINING...")
@click.option(
    "--run",
    "name",
    metavar="NAME",
    required=True,
    callback=folder_name,
    help="Name of the ensemble; evaluate, index, search and serve take it as that of a training.",
)
@workspace_option
@cluster_options
def command(
    trainings: tuple[str, ...], name: str, workspace: "Workspace", cluster: "Cluster"
) -> None:
    """Put finished trainings side by side, as one run that ranks better than each.

    They are of the same data, with a seed or a model of their own each; trained one after the
    other, or at once on several machines. Similarities of the ensemble are the mean of theirs.
    Photos and recipes take as long to embed as by all of them, and their vectors as much room.
    """
    from seje_ray.console.tables import show
    from seje_ray.on_ray.executor import RayExecutor
    from seje_ray.pipeline.ensemble import make_ensemble
    from seje_ray.report.training import as_text
    from seje_ray.store.location import shown

    executor = RayExecutor(workspace, cluster)
    made = make_ensemble(trainings, workspace, executor, name=name)
    show(lambda width: as_text(made.folder, width))
    click.echo(shown(f"checkpoint: {made.best_checkpoint}"))
