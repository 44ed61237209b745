"""``seje-ray export``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seje_ray.cli.local_path import LocalPath
from seje_ray.cli.options import run_name_option, workspace_option

if TYPE_CHECKING:
    from seje_ray.workspace import Workspace


@click.command("export", epilog="Example: seje-ray export --run demo --onnx model/")
@click.argument("folder", type=LocalPath(path_type=Path))
@click.option("--onnx", is_flag=True, help="Both encoders as ONNX, too.")
@click.option(
    "--licence",
    metavar="TEXT",
    help="Licence of the weights for the model card, e.g. cc-by-nc-4.0.  [default: not chosen]",
)
@run_name_option
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")
def command(
    folder: Path,
    onnx: bool,
    licence: str | None,
    name: str | None,
    workspace: "Workspace",
    as_json: bool,
) -> None:
    """Write a training as a folder that plain torch loads, without Ray and without this package.

    It holds the weights, the word lists, a loader in plain Python and a model card, filled from
    what evaluate has measured. Before it gets its name it is compared with this package on pairs
    of the workspace.
    """
    import json

    from seje_ray.export.folder import export_run
    from seje_ray.pipeline.runs import open_run

    found = export_run(
        open_run(workspace, name), workspace, folder.absolute(), onnx=onnx, licence=licence
    )
    if as_json:
        facts = {
            "folder": str(found.folder),
            "difference": found.difference,
            "onnx_difference": found.onnx_difference,
            "evaluations": found.num_evaluations,
        }
        click.echo(json.dumps(facts, indent=1))
        return
    click.echo(f"{found.folder}: numbers as here, but for {found.difference:.1e}")
    if found.onnx_difference is not None:
        click.echo(f"ONNX: but for {found.onnx_difference:.1e}")
    if not found.num_evaluations:
        click.echo("the model card says: not evaluated; run `seje-ray evaluate` and export again")
    click.echo(f"model card: {found.folder / 'README.md'}")
