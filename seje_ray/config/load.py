"""Read a run file and its overrides into a checked ``RunConfig``; write it back as data."""

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from seje_ray import limits
from seje_ray.config.renamed import present_name, with_present_names
from seje_ray.config.run import RunConfig
from seje_ray.config.safe_yaml import loaded, read_mapping
from seje_ray.config.shorthand import spell_out, spelled_out
from seje_ray.config.unused import unused_settings
from seje_ray.errors import ConfigError

SEARCHABLE = ("loss.", "model.", "train.")
RECALIBRATED = (  # searchable too, with calibrated data of its own for each value
    "calibrate.rater",
    "calibrate.key_term_vector",
    "calibrate.image_categorizer.vector",
)
NOT_SEARCHABLE = ("model.backbone.", "model.freeze_backbone", "train.num_epochs")
BASE = "base"  # key of a run file that is laid over another one
WORKSPACE = "workspace"  # its one value
DEFAULT_BASE = "seje"  # packaged run that a preset is laid over where no workspace has one


def load_run(
    path: Path, overrides: Iterable[str] = (), *, workspace_run: Path | None = None
) -> RunConfig:
    """Read the run file at ``path``.

    A file that says ``base: workspace``, a preset, holds only what it changes: what it leaves out
    is what the workspace was calibrated with, and the packaged ``seje`` where none was;
    ``base: workspace/NAME`` names another packaged run for that.

    Args:
        path: The run file.
        overrides: ``"section.key=value"``, over the file.
        workspace_run: Run file of a calibrated workspace, or None.

    Raises:
        ConfigError: Naming the file and every wrong key at once, or an override of no use in it.
    """
    expected = "a run file is a mapping of sections"
    raw = with_present_names(read_mapping(path, expected))
    spell_out(raw)
    base = raw.pop(BASE, None)
    if base is not None:
        kind, _, alone = str(base).partition("/")
        if kind != WORKSPACE:
            raise ConfigError(f"{path}: {BASE} must be {WORKSPACE}, got {base!r}")
        below = read_mapping(workspace_run or named_run_file(alone or DEFAULT_BASE), expected)
        raw = _laid_over(with_present_names(below), raw)
    overrides = tuple(overrides)
    for override in overrides:
        _apply(raw, override)
    run = _check(raw, " ".join([str(path), *(f"--set {o}" for o in overrides)]))
    return _with_use(run, overrides)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Settings of both; where both say one, that of ``above``."""
    both = below | above
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            both[key] = _laid_over(below[key], above[key])
    return both


def with_space(run: RunConfig, path: Path) -> RunConfig:
    """Return ``run`` with the search space that the YAML file at ``path`` holds.

    Raises:
        ConfigError: Naming the file and everything in it that is no search space of this run.
    """
    raw = run_to_dict(run)
    raw["tune"]["space"] = read_mapping(path, "a search space is a mapping of dotted settings")
    return _check(raw, str(path))


def with_settings(run: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """Return ``run`` with the settings of dotted names changed.

    Raises:
        ConfigError: Naming each value that the run does not take.
    """
    raw = run_to_dict(run)
    for dotted, value in values.items():
        _set(raw, dotted, value)
    return _check(raw, " ".join(f"{key}={value}" for key, value in values.items()))


def with_overrides(run: RunConfig, overrides: Iterable[str]) -> RunConfig:
    """Return ``run`` with ``"section.key=value"`` laid over it.

    Raises:
        ConfigError: Naming what is no override, or each value that the run does not take.
    """
    raw, overrides = run_to_dict(run), tuple(overrides)
    for override in overrides:
        _apply(raw, override)
    return _with_use(_check(raw, " ".join(f"--set {o}" for o in overrides)), overrides)


def named_run_file(name: str) -> Path:
    """Return the packaged run file ``runs/NAME.yaml``.

    Raises:
        ConfigError: If there is none; lists those there are.
    """
    folder = Path(__file__).parent.parent / "runs"
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
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{source}: expected a run as JSON, found none: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{source}: expected a run as JSON, found {type(raw).__name__}")
    return _check(raw, source)


def run_to_dict(run: RunConfig) -> dict[str, Any]:
    """Return the complete run as plain data; as YAML it is itself a run file."""
    return json.loads(json.dumps(dataclasses.asdict(run)))  # type: ignore[no-any-return]


def _check(raw: dict[str, Any], source: str) -> RunConfig:
    run = _validated(with_present_names(raw), source)
    faults = _space_faults(run)
    if faults:
        raise ConfigError(f"{source}: not a valid search space: {'; '.join(faults)}")
    return run


def _with_use(run: RunConfig, overrides: Iterable[str]) -> RunConfig:
    """The run; refuses an override that it does not read, unless it is the default."""
    default = run_to_dict(RunConfig())
    given = [present_name(override.partition("=")[0]) for override in overrides]
    changed = [key for key in given if _value(run_to_dict(run), key) != _value(default, key)]
    if faults := unused_settings(run, changed):
        raise ConfigError(f"--set: {'; '.join(faults)}; leave it out")
    return run


def _value(raw: Any, dotted: str) -> Any:
    """Value of a dotted setting; None where there is none, as of a shorthand."""
    for part in dotted.split("."):
        raw = raw.get(part) if isinstance(raw, dict) else None
    return raw


def _validated(raw: dict[str, Any], source: str) -> RunConfig:
    if absurd := list(_absurd_numbers(raw, "")):
        raise ConfigError(f"{source}: not a valid run: {'; '.join(absurd)}")
    try:
        # By way of JSON: pydantic's strict mode takes a mapping for a dataclass only there.
        return TypeAdapter(RunConfig).validate_json(json.dumps(raw))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {_fault(e)}" for e in error.errors())
        raise ConfigError(f"{source}: not a valid run: {faults}") from error
    except TypeError as error:
        raise ConfigError(f"{source}: holds a value that is no number, text or list") from error


def _absurd_numbers(value: Any, name: str) -> Iterator[str]:
    """Faults of numbers that no setting takes, whatever it is."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _absurd_numbers(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _absurd_numbers(inner, name)
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{name}: expected a finite number, found {value}"
    elif isinstance(value, int) and abs(value) >= limits.MAX_NUMBER:
        yield f"{name}: expected less than {limits.MAX_NUMBER:,} in size, found {value!s:.40}"


def _space_faults(run: RunConfig) -> list[str]:
    """Faults of ``tune.settings`` and of each dimension of ``tune.space``, in their run.

    Whether the run takes the settings together is checked by a tuning: others can do without.
    """
    plain = run_to_dict(run)
    del plain["tune"]
    faults = [
        f"tune.settings: no setting is called {key}"
        for key in run.tune.settings
        if not all(_is_setting(plain, name) for name in spelled_out(key, run.tune.settings[key]))
    ]
    space = run.tune.space or {}
    for position, (key, dimension) in enumerate(space.items()):
        above = dict(list(space.items())[:position])
        if not key.startswith((*SEARCHABLE, *RECALIBRATED)) or key.startswith(NOT_SEARCHABLE):
            faults.append(
                f"{key}: tuning changes loss.*, model.* and train.* but no backbone and no "
                f"length, and of calibration {', '.join(RECALIBRATED)}"
            )
            continue
        for value in dimension.corners:
            try:
                _validated(_changed(plain, key, value), f"{key}={value}")
            except ConfigError as error:
                faults.append(str(error).partition("not a valid run: ")[2] or str(error))
        for other, value in dimension.when.items():
            if other not in above or value not in (above[other].choice or (value,)):
                faults.append(
                    f"{key}: when {other}={value}: expected a dimension above it that "
                    "takes this value"
                )
    return list(dict.fromkeys(faults))  # both bounds of an unknown setting say the same


def _is_setting(raw: Any, dotted: str) -> bool:
    for part in dotted.split("."):
        if not isinstance(raw, dict) or part not in raw:
            return False
        raw = raw[part]
    return True


def _changed(raw: dict[str, Any], dotted: str, value: object) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(raw))
    _set(changed, dotted, value)
    return changed


def _set(raw: dict[str, Any], dotted: str, value: object) -> None:
    """Set one dotted key of ``raw`` in place, under its present name.

    Raises:
        ConfigError: If the name goes through a value.
    """
    meant = spelled_out(present_name(dotted), value)
    if len(meant) > 1:
        for name, each in meant.items():
            _set(raw, name, each)
        return
    *sections, key = present_name(dotted).split(".")
    node = raw
    for section in sections:
        if node.get(section) is None:
            node[section] = {}
        node = node[section]
        if not isinstance(node, dict):
            raise ConfigError(f"setting {dotted!r}: {section!r} is a value, not a section")
    node[key] = value


def _fault(error: ErrorDetails) -> str:
    if error["type"] == "unexpected_keyword_argument":
        return "no such setting (seje-ray show-run lists all)"
    if error["type"] == "value_error":  # our own checks: they say what was found
        return error["msg"].removeprefix("Value error, ")
    return f"{error['msg'].lower()}, found {error['input']!r:.80}"


def _apply(raw: dict[str, Any], override: str) -> None:
    """Set one dotted key of ``raw`` in place."""
    dotted, separator, value = override.partition("=")
    if not separator or not dotted:
        raise ConfigError(
            f"override {override!r} is not KEY=VALUE, e.g. loss.soft_margin.margin=0.3"
        )
    try:
        read = loaded(value)
    except ConfigError as error:
        raise ConfigError(f"override {dotted!r:.80}: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"override {override!r:.200}: {value!r:.200} is not a YAML value"
        ) from error
    try:
        _set(raw, dotted, read)
    except ConfigError as error:
        raise ConfigError(f"override {override!r}: {error}") from error
