"""A command line as a job: the same words again, with paths that mean the same elsewhere."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from seje_ray.cli.options import VERIFY, as_settings
from seje_ray.cli.run_files import read_run
from seje_ray.store.location import uri_of
from seje_ray.store.mirror import is_mirrored
from seje_ray.submission.request import Request
from seje_ray.workspace import Workspace

CLIENT_SIDE = ("address", "detach")  # options that the job gets no copy of
TRAVELLING = {"config": "run.yaml", "space": "space.yaml"}  # options, and their files there
LASTING = ("serve",)  # commands that leave something running, which they end with --stop


def request_of(ctx: click.Context) -> Request:
    """The invocation in ``ctx`` as a job.

    Raises:
        ConfigError: If the run file that it names is not valid.
    """
    params = ctx.params
    given = {
        param.name: param
        for param in ctx.command.params
        if isinstance(param, click.Option) and param.name not in CLIENT_SIDE
    }
    files = {}
    arguments: list[str] = []
    for name, option in given.items():
        value = ctx.meta[VERIFY] if name == "verify" else params.get(str(name))
        if name in TRAVELLING and value is not None and _is_here(Path(value)):
            files[TRAVELLING[name]] = Path(value).absolute()
            value = TRAVELLING[name]
        is_default = ctx.get_parameter_source(str(name)) is ParameterSource.DEFAULT
        if not is_default or isinstance(value, Path | Workspace):
            arguments += words_of(option, value)
    arguments += _without_names(ctx)
    command, is_stop = str(ctx.info_name), bool(params.get("stop"))
    lasts = command in LASTING
    return Request(
        command=command,
        name="--stop" if is_stop else _name(params),  # no run has this name
        workspace=str(params.get("workspace", "")),
        arguments=tuple(arguments),
        files=files,
        ended_by=f"seje-ray {command} --stop" if lasts and not is_stop else "",
        ends=command if lasts and is_stop else "",
    )


def words_of(option: click.Option, value: Any) -> list[str]:
    """The words that give ``option`` this value; a local path becomes absolute."""
    flag = max(option.opts, key=len)
    if value is None:
        return []
    if option.is_flag:
        off = [name for name in option.secondary_opts if name.startswith("--")]
        return [flag] if value else off[:1]
    values: Iterable[Any] = value if option.multiple else (value,)
    return [word for one in values for word in (flag, _text(one))]


def _is_here(path: Path) -> bool:
    """Whether it is a file of this machine alone."""
    return not is_mirrored(path) and path.is_file()


def _without_names(ctx: click.Context) -> list[str]:
    """The words that stand for themselves, such as the trainings of an ensemble."""
    words = []
    for param in ctx.command.params:
        if isinstance(param, click.Argument):
            value: Any = ctx.params.get(str(param.name))
            values: Iterable[Any] = (value,) if param.nargs == 1 else value
            words += [_text(one) for one in values if one is not None]
    return ["--", *words] if any(word.startswith("-") for word in words) else words


def _text(value: Any) -> str:
    if not isinstance(value, Path):
        return str(value)
    return uri_of(value) or str(value.absolute())  # each machine has a mirror of its own


def _name(params: dict[str, Any]) -> str:
    """Name that tells two jobs of one command and workspace apart."""
    parts = []
    overrides = params.get("overrides", ()) + as_settings(
        params.get("columns", ()), params.get("allow_outside", False)
    )
    if "name" in params:
        name = params["name"]
        if name is None and "config" in params:
            name = read_run(params["config"], overrides, params["workspace"]).name
        parts.append(name or "newest")
    elif params.get("config") is not None:
        read_run(params["config"], overrides, params["workspace"])  # refuses it here
    parts += [params["partition"]] if "partition" in params else []
    return "-".join(parts)
