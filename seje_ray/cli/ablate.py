"""``seje-ray ablate``."""

from typing import TYPE_CHECKING

import click

from seje_ray.cli.options import cluster_options, folder_name, run_options, workspace_option
from seje_ray.cli.run_files import read_run

if TYPE_CHECKING:
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace


@click.command("ablate", epilog="Example: seje-ray ablate --seeds 5 --config seje")
@click.option(
    "--seeds",
    "num_seeds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Trainings per row.",
)
@click.option(
    "--text-model", metavar="FOLDER|NAME", help="What the row of the BERT rater rates with."
)
@click.option(
    "--max-concurrent",
    type=click.IntRange(min=1),
    help="Trainings at once; they share GPUs and CPUs.  [default: one per GPU, else per core]",
)
@click.option(
    "--name",
    metavar="NAME",
    callback=folder_name,
    help="Name of the comparison.  [default: the run file's name]",
)
@workspace_option
@run_options
@cluster_options
def command(
    num_seeds: int,
    text_model: str | None,
    max_concurrent: int | None,
    name: str | None,
    workspace: "Workspace",
    config: str | None,
    overrides: tuple[str, ...],
    cluster: "Cluster",
) -> None:
    """Train the model without each of its parts, and with each alternative, with several seeds.

    The rows of the paper's comparisons: key terms, sentences, image category, both alignments,
    negatives, raters, hard and soft categories. Ends in a table with mean, spread and the paired
    difference to the full model. The same name resumes.
    """
    run = read_run(config, overrides, workspace)
    from seje_ray.console.tables import show
    from seje_ray.on_ray.executor import RayExecutor
    from seje_ray.pipeline.ablate import ablate
    from seje_ray.report.ablation import as_text
    from seje_ray.store.location import shown

    ablated = ablate(
        run,
        workspace,
        RayExecutor(workspace, cluster),
        name=name or run.name,
        num_seeds=num_seeds,
        text_model=text_model,
        max_concurrent=max_concurrent,
    )
    show(lambda width: as_text(ablated.page, width))
    tables = ", ".join(str(ablated.folder / f"ablation.{end}") for end in ("md", "html"))
    click.echo(shown(f"tables: {tables}"))
