"""The settings in which a run differs from a packaged one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seje_ray.config import RunConfig, load_run, named_run_file, run_to_dict
from seje_ray.config.changes import changed_settings
from seje_ray.errors import ConfigError

PAPER = "seje"  # the paper's settings


def preset_beside(run: RunConfig, workspace_run: Path) -> tuple[str, RunConfig]:
    """The packaged run of this name, or the paper's where there is none, and its name.

    Args:
        run: The run.
        workspace_run: Of the calibration, which some packaged runs are laid over.
    """
    below = workspace_run if workspace_run.is_file() else None
    try:
        return run.name, load_run(named_run_file(run.name), workspace_run=below)
    except ConfigError:
        return PAPER, load_run(named_run_file(PAPER))


def settings_beside(preset: RunConfig, run: RunConfig) -> list[tuple[str, str, str]]:
    """Name, value of the preset and value of the run of each setting that differs."""
    before, now = (dict(_dotted("", run_to_dict(one))) for one in (preset, run))
    changed = changed_settings(before, now)
    return [(key, _text(old), _text(new)) for key, (old, new) in changed.items() if key != "name"]


def _dotted(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _dotted(f"{prefix}.{key}" if prefix else key, below)
    else:
        yield prefix, value


def _text(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
