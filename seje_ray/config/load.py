"""Read a run file and its overrides into a checked ``RunConfig``; write it back as data."""

import dataclasses
import json
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from seje_ray.config.sections import RunConfig
from seje_ray.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 3e-4 is a number, as everywhere but in YAML 1.1."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def load_run(path: Path, overrides: Iterable[str] = ()) -> RunConfig:
    """Read the run file at ``path``; ``overrides`` are ``"section.key=value"``.

    Raises:
        ConfigError: Naming the file and every wrong key at once.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), _Loader) or {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot read the run file: {error}") from error
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where is not None else ""
        raise ConfigError(f"{path}: not YAML{line}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: a run file is a mapping of sections, found {raw!r}")
    overrides = tuple(overrides)
    for override in overrides:
        _apply(raw, override)
    return _check(raw, " ".join([str(path), *(f"--set {o}" for o in overrides)]))


def named_run_file(name: str) -> Path:
    """Return the packaged run file ``jobs/runs/NAME.yaml``.

    Raises:
        ConfigError: If there is none; lists those there are.
    """
    folder = Path(str(files("jobs"))) / "runs"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in folder.glob("*.yaml")))
        raise ConfigError(f"{name}: no such run file, and no packaged run of that name ({names})")
    return path


def run_from_json(text: str, source: str) -> RunConfig:
    """Read a run that ``run_to_dict`` gave, as an artifact or a checkpoint stores it.

    Raises:
        ConfigError: Naming ``source`` and every wrong key.
    """
    return _check(json.loads(text), source)


def run_to_dict(run: RunConfig) -> dict[str, Any]:
    """Return the complete run as plain data; as YAML it is itself a run file."""
    return json.loads(json.dumps(dataclasses.asdict(run)))  # type: ignore[no-any-return]


def _check(raw: dict[str, Any], source: str) -> RunConfig:
    try:
        # By way of JSON: pydantic's strict mode takes a mapping for a dataclass only there.
        return TypeAdapter(RunConfig).validate_json(json.dumps(raw))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {_fault(e)}" for e in error.errors())
        raise ConfigError(f"{source}: not a valid run: {faults}") from error
    except TypeError as error:
        raise ConfigError(f"{source}: holds a value that is no number, text or list") from error


def _fault(error: ErrorDetails) -> str:
    if error["type"] == "unexpected_keyword_argument":
        return "no such setting (seje-ray show-run lists all)"
    if error["type"] == "value_error":  # our own checks: they say what was found
        return error["msg"].removeprefix("Value error, ")
    return f"{error['msg'].lower()}, found {error['input']!r}"


def _apply(raw: dict[str, Any], override: str) -> None:
    """Set one dotted key of ``raw`` in place."""
    dotted, separator, value = override.partition("=")
    if not separator or not dotted:
        raise ConfigError(f"override {override!r} is not KEY=VALUE, e.g. loss.margin=0.3")
    *sections, key = dotted.split(".")
    node = raw
    for section in sections:
        if node.get(section) is None:
            node[section] = {}
        node = node[section]
        if not isinstance(node, dict):
            raise ConfigError(f"override {override!r}: {section!r} is a value, not a section")
    try:
        node[key] = yaml.load(value, _Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"override {override!r}: {value!r} is not a YAML value") from error
