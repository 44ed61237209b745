"""``seje-ray evaluate --embeddings``: files of vectors in place of a training."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from seje_ray.cli.local_path import DataPath
from seje_ray.cli.options import as_columns

if TYPE_CHECKING:
    from seje_ray.report.evaluation import GalleryLines
    from seje_ray.report.protocol import Measured

Function = TypeVar("Function", bound=Callable[..., Any])

FILE = DataPath(path_type=Path)
OF_FILES = {  # parameter -> option
    "second": "FILE2",
    "ids": "--ids",
    "categories": "--categories",
    "columns": "--map",
    "out": "--out",
}
OF_TRAININGS = {
    "name": "--run",
    "partition": "--partition",
    "overrides": "--set",
    "workspace": "--workspace",
    "address": "--address",
    "shared_path": "--shared-path",
    "gpus": "--gpus",
    "detach": "--detach",
}
OPTIONS = (
    click.argument("second", metavar="[FILE2]", required=False, type=FILE),
    click.option(
        "--out",
        type=FILE,
        metavar="FOLDER",
        help="Of --embeddings: where the report goes.  [default: FILE-report]",
    ),
    click.option(
        "--map",
        "columns",
        multiple=True,
        metavar="FIELD=NAME",
        help="Of --embeddings: your name of image_embeddings, recipe_embeddings, ids or "
        "category_ids; may be repeated.",
    ),
    click.option(
        "--categories",
        type=FILE,
        metavar="FILE",
        help="Of --embeddings: a category per row, as text or .npy, for the category oracle.",
    ),
    click.option(
        "--ids", type=FILE, metavar="FILE", help="Of --embeddings: an id per row, as text or .npy."
    ),
    click.option(
        "--embeddings",
        type=FILE,
        metavar="FILE [FILE2]",
        help="Measure the vectors of any system: one file of image_embeddings, recipe_embeddings "
        "and, where there are, ids and category_ids; or one of images and one of recipes. Parquet, "
        ".npz, .npy or .safetensors.",
    ),
)


def or_files_options(function: Function) -> Function:
    """``--embeddings`` and what belongs to it, for a command that measures a training without."""

    @functools.wraps(function)
    def of_files_or_training(**params: Any) -> None:
        of_files = {key: params.pop(key) for key in OF_FILES}
        embeddings = params.pop("embeddings")
        if embeddings is None:
            _refuse(OF_FILES, "goes with --embeddings FILE")
            function(**params)
            return
        _refuse(OF_TRAININGS, "is of a training, and does not go with --embeddings")
        _evaluate(embeddings, choice=params["choice"], as_json=params["as_json"], **of_files)

    for option in OPTIONS:
        of_files_or_training = option(of_files_or_training)
    return of_files_or_training  # type: ignore[return-value]


def _refuse(options: dict[str, str], why: str) -> None:
    """A usage error where one of them was given."""
    ctx = click.get_current_context()
    for name, option in options.items():
        if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option} {why}")


def _evaluate(
    embeddings: Path,
    second: Path | None,
    *,
    choice: Any,
    as_json: bool,
    ids: Path | None,
    categories: Path | None,
    columns: tuple[str, ...],
    out: Path | None,
) -> None:
    from seje_ray.pipeline.evaluate_given import evaluate_given
    from seje_ray.report.embeddings_report import lengths

    found = evaluate_given(
        [embeddings, *([second] if second else [])],
        choice,
        folder=out,
        ids=ids,
        categories=categories,
        names=as_columns(columns),
    )
    num_pairs, num_dims = found.pairs.image_embeddings.shape
    title = f"{found.name}: {num_pairs:,} pairs of {num_dims:,} dimensions. {lengths(found.pairs)}"
    print_evaluation(title, found.galleries, found.measured, found.folder, as_json=as_json)


def print_evaluation(
    title: str,
    galleries: "Sequence[GalleryLines]",
    measured: "Measured",
    folder: Path,
    *,
    as_json: bool,
) -> None:
    """The tables, how they were measured, and where the report lies; or report.json."""
    from seje_ray.console.tables import show
    from seje_ray.report.evaluation import as_text
    from seje_ray.store.location import shown

    if as_json:
        click.echo((folder / "report.json").read_text(encoding="utf-8"), nl=False)
        return
    click.echo(title)
    show(lambda width: as_text(galleries, width))
    click.echo()
    show(lambda _: "\n".join(measured.sentences()))
    click.echo(shown(f"report: {folder / 'report.html'}"))
