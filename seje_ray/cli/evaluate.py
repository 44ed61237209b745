"""``seje-ray evaluate``."""

from typing import TYPE_CHECKING

import click

from seje_ray.cli.options import (
    cluster_options,
    evaluate_set_option,
    gallery_sizes_option,
    partition_option,
    run_name_option,
    workspace_option,
)

if TYPE_CHECKING:
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace


@click.command(
    "evaluate", epilog="Example: seje-ray evaluate --run demo --partition test --gallery-size 1000"
)
@gallery_sizes_option
@partition_option
@run_name_option
@evaluate_set_option
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table.")
@cluster_options
def command(
    gallery_sizes: tuple[int, ...],
    partition: str,
    name: str | None,
    overrides: tuple[str, ...],
    workspace: "Workspace",
    as_json: bool,
    cluster: "Cluster",
) -> None:
    """Measure a training: MedR and Recall@K in both directions, beside honest controls.

    Chance knows nothing, the category oracle knows each dish's category, shuffled pairs is the
    model itself with photos and recipes paired at random. Writes report.json and report.html.
    """
    from seje_ray.console.tables import show
    from seje_ray.on_ray.executor import RayExecutor
    from seje_ray.pipeline.evaluate import evaluate_run
    from seje_ray.pipeline.runs import open_run
    from seje_ray.report.evaluation import as_text

    trained = open_run(workspace, name)
    evaluated = evaluate_run(
        trained,
        workspace,
        RayExecutor(workspace, cluster),
        partition=partition,
        gallery_sizes=gallery_sizes,
        overrides=overrides,
    )
    if as_json:
        click.echo((evaluated.folder / "report.json").read_text(encoding="utf-8"), nl=False)
        return
    click.echo(f"{trained.folder.name}, best epoch {trained.best_epoch}, {partition} partition")
    show(lambda width: as_text(evaluated.galleries, width))
    click.echo(f"report: {evaluated.folder / 'report.html'}")
