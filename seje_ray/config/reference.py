"""Every setting with the comment that explains it, read from the source of the sections.

The comment of a field is the one behind it and the lines of comment right above it; that of a
section is the first line of its docstring. ``show-run`` prints them, and ``docs/settings.md`` lists
them.
"""

import ast
import dataclasses
import inspect
import io
import textwrap
import tokenize
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from seje_ray.config.load import run_to_dict
from seje_ray.config.run import RunConfig

LINE_WIDTH = 100  # characters, of a line of the printed run file


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a run file, or one section of settings."""

    name: str  # dotted, as --set takes it
    values: str  # its type or choices; "" of a section
    default: Any  # as plain data; None of a section
    comment: str
    choices: tuple[str, ...] = ()  # where it takes nothing else
    is_section: bool = False


def settings(section: Any = None, above: str = "") -> Iterator[Setting]:
    """Sections and settings in the order of a run file, a section before what is in it.

    Args:
        section: A section whose values are the defaults; None: the complete ``RunConfig``.
        above: Dotted name of the section, or "".
    """
    section = RunConfig() if section is None else section
    hints, comments = typing.get_type_hints(type(section)), field_comments(type(section))
    for field in dataclasses.fields(section):
        name = f"{above}.{field.name}" if above else field.name
        kind, value = hints[field.name], getattr(section, field.name)
        if _is_section(kind):
            comment = comments[field.name] or summary(kind)
            yield Setting(name, "", None, comment, is_section=True)
            yield from settings(value, name)
        else:
            yield Setting(name, values_of(kind), value, comments[field.name], choices_of(kind))


def summary(section: type) -> str:
    """First line of a section's docstring."""
    return (section.__doc__ or "").partition("\n")[0]


def field_comments(section: type) -> Mapping[str, str]:
    """Comment of each field of a dataclass, "" if it has none.

    Lines of comment right above a field come before the one behind it.
    """
    source = textwrap.dedent(inspect.getsource(section))
    behind: dict[int, str] = {}
    alone: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            is_alone = not token.line[: token.start[1]].strip()
            (alone if is_alone else behind)[token.start[0]] = token.string.removeprefix("#").strip()
    comments = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            first = node.lineno
            while first - 1 in alone:
                first -= 1
            parts = [alone[line] for line in range(first, node.lineno)]
            parts.append(behind.get(node.end_lineno or node.lineno, ""))
            comments[node.target.id] = " ".join(part for part in parts if part)
    return comments


def choices_of(kind: Any) -> tuple[str, ...]:
    """Choices of a setting that takes nothing else; empty for any other."""
    return tuple(typing.get_args(kind)) if typing.get_origin(kind) is Literal else ()


def values_of(kind: Any) -> str:
    """Values of a type of setting, in words: ``a, b or c``, ``number or null``, ..."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return _either(choices_of(kind))
    if origin in (typing.Union, types.UnionType):
        parts = dict.fromkeys(values_of(part) for part in inside)  # int | float says number once
        return _either(parts)
    if origin is tuple:
        if typing.get_origin(inside[0]) is Literal:
            return f"list of {_either(choices_of(inside[0]))}"
        return {int: "list of integers", float: "list of numbers"}.get(inside[0], "list of values")
    if origin is not None and issubclass(origin, Mapping):
        value = inside[1]
        name = value.__name__ if _is_section(value) else "value"
        return f"mapping of setting to {name}"
    return {bool: "true or false", int: "integer", float: "number", str: "text"}.get(
        kind, "null" if kind is type(None) else str(kind)
    )


def annotated_yaml(run: RunConfig) -> str:
    """The complete run as YAML with the comment of every setting; itself a run file."""
    return "\n".join(_lines(run_to_dict(run), RunConfig, indent="")) + "\n"


def _lines(values: Mapping[str, Any], section: type, indent: str) -> Iterator[str]:
    hints, comments = typing.get_type_hints(section), field_comments(section)
    for key, value in values.items():
        kind = hints[key]
        if _is_section(kind):
            comment = comments[key] or summary(kind)
            yield from _commented(f"{indent}{key}:", comment, indent)
            yield from _lines(value, kind, indent + "  ")
            continue
        first, *rest = _plain_yaml(key, value).splitlines()
        yield from _commented(indent + first, _with_choices(comments[key], kind), indent)
        yield from (indent + line for line in rest)


def _plain_yaml(key: str, value: Any) -> str:
    lists_on_one_line = None if value and isinstance(value, list | dict) else False
    return yaml.safe_dump(
        {key: value}, sort_keys=False, default_flow_style=lists_on_one_line, width=10_000
    )


def _commented(line: str, comment: str, indent: str) -> Iterator[str]:
    """``line`` with its comment behind it if both fit, and otherwise above it."""
    comment = comment.replace("``", "")
    if not comment:
        yield line
    elif len(line) + len(comment) + 4 <= LINE_WIDTH:
        yield f"{line}  # {comment}"
    else:
        yield from textwrap.wrap(
            comment,
            LINE_WIDTH,
            initial_indent=f"{indent}# ",
            subsequent_indent=f"{indent}# ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield line


def _with_choices(comment: str, kind: Any) -> str:
    choices = choices_of(kind)
    if not choices:
        return comment
    return f"[{' | '.join(choices)}] {comment}".strip()


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _either(parts: Iterable[str]) -> str:
    *others, last = parts
    return f"{', '.join(others)} or {last}" if others else last
