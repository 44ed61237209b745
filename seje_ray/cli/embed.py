"""``seje-ray embed``."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from seje_ray.cli.local_path import DataPath
from seje_ray.cli.options import (
    cluster_options,
    map_option,
    outside_option,
    run_name_option,
    workspace_option,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seje_ray.config.data import OwnField
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace


@click.command(
    "embed",
    epilog="Example: seje-ray embed --recipes new.jsonl --photos dinner/ --out vectors.parquet",
)
@click.option(
    "--recipes",
    type=DataPath(path_type=Path),
    help="New recipes, as calibrate --data takes them; photos that they name are embedded too.",
)
@click.option("--photos", type=DataPath(path_type=Path), help="A photo, or a folder of new photos.")
@click.option(
    "--out",
    type=DataPath(dir_okay=False, path_type=Path),
    required=True,
    help="Parquet file of id, kind, recipe and vector; also at s3://BUCKET/PATH.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")
@map_option
@outside_option
@run_name_option
@workspace_option
@cluster_options
def command(
    recipes: Path | None,
    photos: Path | None,
    out: Path,
    as_json: bool,
    columns: tuple[str, ...],
    allow_outside: bool,
    name: str | None,
    workspace: "Workspace",
    cluster: "Cluster",
) -> None:
    """Embed new recipes and photos with a finished training, without a new calibration.

    Vectors have length 1, so their dot product is the cosine similarity; they are as the model
    gives them, never corrected for hubs (evaluate.hubness). What cannot be used is
    left out, counted, and kept in OUT.rejects.parquet with its reason. Repeat the command after
    an interruption: it goes on where it was.
    """
    import json

    from seje_ray.cli.options import as_columns
    from seje_ray.console.tables import show
    from seje_ray.on_ray.executor import RayExecutor
    from seje_ray.pipeline.embed_new import embed_new
    from seje_ray.pipeline.runs import open_run
    from seje_ray.store.location import shown

    if recipes is None and photos is None:
        raise click.UsageError("give --recipes FILE, --photos FOLDER, or both")
    given = tuple(path.absolute() for path in (recipes, photos, out) if path is not None)
    found = embed_new(
        open_run(workspace, name),
        workspace,
        RayExecutor(workspace, cluster, given),
        out.absolute(),
        recipes=recipes.absolute() if recipes else None,
        photos=photos.absolute() if photos else None,
        columns=cast("Mapping[OwnField, str]", as_columns(columns)),
        allow_outside=allow_outside,
    )
    if as_json:
        facts = {"file": shown(str(found.path)), "rows": found.counts, "rejected": found.rejected}
        click.echo(json.dumps(facts, indent=1))
        return
    show(lambda _: shown(str(found)))
