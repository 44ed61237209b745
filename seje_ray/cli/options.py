"""Options that several commands share."""

import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from seje_ray.cli.local_path import workspace_at

if TYPE_CHECKING:
    from seje_ray.workspace import Workspace

VERIFY = "seje_ray.verify"  # where a command's context keeps it
WORKSPACE = "seje_ray.workspace"  # key of a command's shared facts
Function = TypeVar("Function", bound=Callable[..., Any])


def workspace_option(function: Function) -> Function:
    """``--workspace``: where every artifact lies, and ``--verify``: how what is read is checked."""
    function = click.option(
        "--verify",
        type=click.Choice(["full", "size"]),
        default="full",
        show_default=True,
        is_eager=True,  # the workspace asks for it
        expose_value=False,
        callback=_verify,
        help="Compare files that are read with their sha256, or their sizes alone.",
    )(function)
    return click.option(
        "--workspace",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("workspace"),
        show_default=True,
        callback=_workspace,
        help="Folder of all artifacts, or s3://BUCKET/PATH (docs/storage.md).",
    )(function)


def run_options(function: Function) -> Function:
    """``--config`` and ``--set``: the run."""
    function = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change one setting, e.g. loss.soft_margin.margin=0.3; may be repeated.",
    )(function)
    return click.option(
        "--config",
        metavar="FILE|NAME",
        help="Run file, or the name of a packaged one: demo, small, seje; or, over what the "
        "workspace was calibrated with, another paper's method: im2recipe, vse++, adamine, acme, "
        "msje; h-t, tfood, clip and siglip bring towers of their own.  [default: what the "
        "workspace was calibrated with, else demo]",
    )(function)


def evaluate_set_option(function: Function) -> Function:
    """``--set`` of a finished training: settings of ``evaluate`` alone."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="evaluate.KEY=VALUE",
        help="Change how it is measured, e.g. evaluate.hubness.weight=0.5; may be repeated.",
    )(function)


def map_option(function: Function) -> Function:
    """``--map``: names of a user's columns; ``as_settings`` makes settings of them."""
    return click.option(
        "--map",
        "columns",
        multiple=True,
        metavar="FIELD=KEY",
        help="Own recipes: your key of a field, e.g. title=name; may be repeated.",
    )(function)


def outside_option(function: Function) -> Function:
    """``--allow-outside``: photos of own recipes wherever they are."""
    return click.option(
        "--allow-outside",
        is_flag=True,
        help="Own recipes: take photos that lie outside their folder, or that links lead to.",
    )(function)


def as_settings(columns: tuple[str, ...], allow_outside: bool) -> tuple[str, ...]:
    """``--map`` and ``--allow-outside`` as ``--set`` takes them; a key is text, whatever it is."""
    named = as_columns(columns)
    settings = tuple(f"data.columns.{field}={json.dumps(key)}" for field, key in named.items())
    return (*settings, *(["data.allow_outside=true"] if allow_outside else []))


def as_columns(columns: tuple[str, ...]) -> dict[str, str]:
    """The words of ``--map``: field -> key."""
    named = {}
    for value in columns:
        field, separator, key = value.partition("=")
        if not separator or not field:
            raise click.BadParameter(f"expected FIELD=KEY, e.g. title=name, found {value!r}")
        named[field.strip()] = key.strip()
    return named


def run_name_option(function: Function) -> Function:
    """``--run``: the training."""
    return click.option(
        "--run",
        "name",
        metavar="NAME",
        callback=folder_name,
        help="Name of the training.  [default: the newest]",
    )(function)


def folder_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A name that the user gives, before anything starts; it becomes a folder."""
    if value is None:
        return None
    from seje_ray.config.names import required_name

    return required_name(value, param.opts[0])


def gallery_sizes_option(function: Function) -> Function:
    """``--gallery-size``: pairs of the galleries that are measured."""
    return click.option(
        "--gallery-size",
        "gallery_sizes",
        type=click.IntRange(min=2),
        multiple=True,
        help="Pairs per gallery; may be repeated.  [default: the run's, 1000 and 10000]",
    )(function)


PROTOCOLS = (
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        help="Of the galleries.  [default: the run's; 1234 for im2recipe's draws]",
    ),
    click.option(
        "--draw",
        type=click.Choice(["seeded", "im2recipe", "im2recipe-pytorch", "consecutive"]),
        default="seeded",
        show_default=True,
        help="How galleries are drawn. im2recipe: random.sample over sorted ids, as its rank.py; "
        "im2recipe-pytorch: over rows as they stand, as its successors; consecutive: rows one "
        "after another, as AdaMine and TFood.",
    ),
    click.option(
        "--protocol",
        "preset",
        type=click.Choice(["seje", "adamine", "tfood", "full", "curve"]),
        help="Galleries in place of the run's. seje: 10 of 1k and of 10k; adamine, tfood: 10 of "
        "1k and 5 of 10k; full: one of all pairs; curve: 1k to 50k, with a plot.",
    ),
)


def galleries_options(function: Function) -> Function:
    """``--gallery-size``, ``--protocol``, ``--draw``, ``--seed``: a ``choice`` of galleries."""

    @functools.wraps(function)
    def with_choice(
        *, gallery_sizes: tuple[int, ...], preset: Any, draw: Any, seed: int | None, **params: Any
    ) -> None:
        from seje_ray.pipeline.gallery_choice import GalleryChoice

        if gallery_sizes and preset:
            raise click.UsageError("--protocol and --gallery-size both say how large; give one")
        choice = GalleryChoice(preset=preset, sizes=gallery_sizes, draw=draw, seed=seed)
        function(**params, choice=choice)

    for option in PROTOCOLS:
        with_choice = option(with_choice)
    return gallery_sizes_option(with_choice)  # type: ignore[return-value]


def partition_option(function: Function) -> Function:
    """``--partition``: the recipes."""
    return click.option(
        "--partition",
        type=click.Choice(["train", "val", "test"]),
        default="test",
        show_default=True,
        help="Recipes to use.",
    )(function)


WHERE = (
    click.option(
        "--detach", is_flag=True, help="With http://: print the job's id and leave it running."
    ),
    click.option(
        "--gpus",
        type=click.IntRange(min=0),
        default=0,
        help="GPUs to have before anything starts; an autoscaler is asked for them.",
    ),
    click.option(
        "--shared-path",
        is_flag=True,
        help="Every node of the cluster sees --workspace and --data under the same path.",
    ),
    click.option(
        "--address",
        envvar="RAY_ADDRESS",
        show_envvar=True,
        metavar="ADDRESS",
        help="Ray cluster: http://HEAD:8265 submits a job; HEAD:6379 or auto drives it from "
        "one of its machines.  [default: local, an embedded Ray]",
    ),
)


def cluster_options(function: Function) -> Function:
    """``--address``, ``--shared-path``, ``--gpus`` and ``--detach``: where to compute.

    The command gets a ``cluster``; with the address of a job server it is submitted there instead.
    """

    @functools.wraps(function)
    def run_or_submit(
        *, address: str | None, shared_path: bool, gpus: int, detach: bool, **params: Any
    ) -> None:
        from seje_ray.submission.cluster import Cluster, mode_of

        mode = mode_of(address)
        if mode == "submitted":
            _submit(str(address), detach=detach)
        if detach:
            raise click.UsageError("--detach needs the --address of a job server, http://HEAD:8265")
        is_embedded = mode == "embedded"
        cluster = Cluster(None if is_embedded else address, shared_path=shared_path, gpus=gpus)
        with command_log(click.get_current_context()):
            function(**params, cluster=cluster)

    for option in WHERE:
        run_or_submit = option(run_or_submit)
    return run_or_submit  # type: ignore[return-value]


def _submit(address: str, *, detach: bool) -> NoReturn:
    """Submit the command that is being invoked; end as its job ends."""
    from seje_ray.cli.submission import request_of
    from seje_ray.on_ray.submit import JobServer

    ctx = click.get_current_context()
    server = JobServer(address)
    request = request_of(ctx)
    job = server.submit(request)
    if detach:
        click.echo(job)
        ctx.exit()
    ctx.exit(server.follow(job, request.ended_by))


@contextmanager
def command_log(ctx: click.Context) -> Iterator[None]:
    """Log what a command does, and how it ends, beside its results."""
    from seje_ray.errors import StoreError
    from seje_ray.log import logged
    from seje_ray.store.mirror import put

    workspace: Workspace = ctx.params["workspace"]
    if not (workspace.is_stored or workspace.folder.is_dir() or ctx.info_name == "calibrate"):
        yield  # it will say that nothing is there, and must not leave a folder
        return
    options = {name: str(value) for name, value in ctx.params.items() if value is not None}
    path = workspace.log(time.strftime(f"{ctx.info_name}-%Y%m%d-%H%M%S-{os.getpid()}"))
    with logged(path, command=ctx.info_name, options=options):
        yield
    with suppress(StoreError):  # a log costs nothing of the work
        put(path)


def _verify(ctx: click.Context, param: click.Parameter, value: str) -> None:
    ctx.meta[VERIFY] = value


def _workspace(ctx: click.Context, param: click.Parameter, value: Path) -> "Workspace":
    workspace = replace(workspace_at(ctx, param, value), verify=ctx.meta[VERIFY])
    ctx.meta[WORKSPACE] = str(workspace)  # for errors that name no file
    return workspace
