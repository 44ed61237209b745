"""The run that a command is about."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seje_ray.config import RunConfig
    from seje_ray.workspace import Workspace

DEFAULT_RUN = "demo"


def read_run(
    config: str | None, overrides: tuple[str, ...], workspace: "Workspace | None" = None
) -> "RunConfig":
    """Load the run that the options name.

    Raises:
        ConfigError: If there is no such run file, or it is not valid.
    """
    from seje_ray.config import load_run, named_run_file
    from seje_ray.store.location import as_uri, mirrored_path
    from seje_ray.store.mirror import fetch

    stored = workspace.calibrated_run if workspace is not None else None
    if stored is not None and not stored.is_file():
        stored = None
    if config is None and stored is not None:
        return load_run(stored, overrides)
    name = config or DEFAULT_RUN
    uri = as_uri(name)
    given = Path(name) if uri is None else fetch(mirrored_path(uri))
    path = given if given.is_file() else named_run_file(name)
    return load_run(path, overrides, workspace_run=stored)


def read_run_from(
    source: "Workspace", config: str | None, overrides: tuple[str, ...], workspace: "Workspace"
) -> "RunConfig":
    """Load the run of a calibration that takes the calibrator of the workspace ``source``.

    Where no run file is named it is the one of that workspace.

    Raises:
        ConfigError: If there is no such run file, or it is not valid.
    """
    from seje_ray.config import load_run

    taken = (*overrides, f"calibrate.calibrator_from={json.dumps(str(source))}")
    if config is None and source.calibrated_run.is_file():
        return load_run(source.calibrated_run, taken)
    return read_run(config, taken, workspace)
