"""What users of the command line and of run files rely on, as text that is kept in git.

After a change that is meant, ``python -m tests.unit.cli.surface`` writes the files anew; tell of
it in CHANGELOG.md.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import click

from seje_ray.cli.main import cli
from seje_ray.config import RunConfig, run_to_dict


def commands() -> str:
    """Each command with the first line of its help, its options, their kinds and defaults."""
    return "\n".join(_lines_of("seje-ray", cli)) + "\n"


def settings() -> str:
    """Each key of a run file with its default."""
    return "\n".join(_settings_of("", run_to_dict(RunConfig()))) + "\n"


FILES = {  # beside this module
    "commands.txt": commands,
    "settings.txt": settings,
}


def path_of(name: str) -> Path:
    """Where the file of that name is kept."""
    return Path(__file__).with_name(name)


def _lines_of(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    yield f"{name}: {(command.help or '').strip().splitlines()[0]}"
    yield from (f"    {_parameter(parameter, context)}" for parameter in command.params)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            yield from _lines_of(f"{name} {child}", command.get_command(context, child))


def _parameter(parameter: click.Parameter, context: click.Context) -> str:
    words = ["/".join([*parameter.opts, *parameter.secondary_opts])]
    if not getattr(parameter, "is_flag", False):
        words.append(parameter.make_metavar(context))
    if isinstance(parameter.type, click.IntRange | click.FloatRange):
        words.append(f"[{parameter.type.min}, {parameter.type.max}]")
    if parameter.multiple or parameter.nargs != 1:
        words.append("(repeatable)")
    if parameter.required:
        words.append("(required)")
    default = parameter.get_default(context, call=False)
    if isinstance(getattr(parameter, "show_default", None), str):  # one of the machine
        words.append(f"= {parameter.show_default}")
    elif isinstance(default, str | int | float | PurePath) and default is not False:
        words.append(f"= {default}")
    return " ".join(words)


def _settings_of(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for name, child in value.items():
            yield from _settings_of(f"{key}.{name}" if key else name, child)
    else:
        yield f"{key} = {json.dumps(value)}"


if __name__ == "__main__":
    for name, text in FILES.items():
        path_of(name).write_text(text())
