"""``seje-ray evaluate``."""

from typing import TYPE_CHECKING

import click

from seje_ray.cli.evaluate_files import or_files_options, print_evaluation
from seje_ray.cli.options import (
    cluster_options,
    evaluate_set_option,
    galleries_options,
    partition_option,
    run_name_option,
    workspace_option,
)

if TYPE_CHECKING:
    from seje_ray.pipeline.gallery_choice import GalleryChoice
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace


@click.command(
    "evaluate",
    epilog="Example: seje-ray evaluate --run demo --partition test --gallery-size 1000 && "
    "seje-ray evaluate --embeddings test.npz --protocol curve",
)
@galleries_options
@partition_option
@run_name_option
@evaluate_set_option
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table.")
@or_files_options
@cluster_options
def command(
    choice: "GalleryChoice",
    partition: str,
    name: str | None,
    overrides: tuple[str, ...],
    workspace: "Workspace",
    as_json: bool,
    cluster: "Cluster",
) -> None:
    """Measure a training, or embeddings from a file: MedR, Recall@K, MRR, beside honest controls.

    Chance knows nothing, the category oracle knows each dish's category, shuffled pairs is the
    model itself with photos and recipes paired at random. Writes report.json and report.html.

    With --embeddings it needs no training and no workspace: vectors of any system, one row a pair.
    """
    from seje_ray.on_ray.executor import RayExecutor
    from seje_ray.pipeline.evaluate import evaluate_run
    from seje_ray.pipeline.runs import open_run

    trained = open_run(workspace, name)
    evaluated = evaluate_run(
        trained,
        workspace,
        RayExecutor(workspace, cluster),
        partition=partition,
        choice=choice,
        overrides=overrides,
    )
    title = f"{trained.folder.name}, {trained.made}, {partition} partition"
    print_evaluation(
        title, evaluated.galleries, evaluated.measured, evaluated.folder, as_json=as_json
    )
