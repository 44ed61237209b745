"""Settings that a tuning was started with: trials of others are never mixed in."""

import json
from pathlib import Path

from seje_ray.artifact import Artifact, require_equal_hash, write_json
from seje_ray.config import RunConfig, run_from_json, run_to_dict
from seje_ray.config.changes import decisive_settings, require_same_settings
from seje_ray.durable import read_json
from seje_ray.errors import ArtifactError
from seje_ray.store.mirror import fetch, matching, remove
from seje_ray.tuning.trial_plan import FILE as PLAN

FILE = "tuning.json"
OLD_FILE = "search.json"  # of versions before it was called tuning
DECISIVE = ("seed", "model", "loss", "train", "tune")  # parts of the run
FREE_TO_CHANGE = ("tune.num_trials", "tune.num_seeds")  # of a tuning that is resumed


def require_same_tuning(
    folder: Path, run: RunConfig, calibrated: Artifact, initial_hash: str | None = None
) -> None:
    """Refuse to resume with other settings, data or start under the same name.

    Args:
        folder: Of the tuning.
        run: As it is now.
        calibrated: Its data.
        initial_hash: Of what every trial starts from; None if that is nothing, or gone.

    Raises:
        ArtifactError: Naming what changed.
    """
    path = next((p for p in (folder / FILE, folder / OLD_FILE) if fetch(p).is_file()), None)
    if path is None or not matching(folder / "trials", f"*/{PLAN}"):
        return  # nothing to resume, so nothing to mix
    known = read_json(path)
    if known is None:
        raise ArtifactError(
            f"{path}: cannot be read, so nothing says what this tuning was begun with; choose "
            f"another name with --name, or delete {folder}"
        )
    require_equal_hash(
        "calibrated artifact",
        folder,
        known.pop("calibrated"),
        calibrated.content_hash,
        f"seje-ray tune --name ANOTHER_NAME` or delete {folder}, then `seje-ray tune",
    )
    initial = known.pop("initial", None)
    if None not in (initial, initial_hash):
        require_equal_hash(
            "start (train.init_from)",
            folder,
            str(initial),
            str(initial_hash),
            f"seje-ray tune --name ANOTHER_NAME` or delete {folder}, then `seje-ray tune",
        )
    # Read as a run, so that settings it did not know yet have their defaults.
    started = run_from_json(json.dumps(run_to_dict(run) | known), str(path))
    before, now = (decisive_settings(r, DECISIVE, FREE_TO_CHANGE) for r in (started, run))
    require_same_settings(folder, "tuning", before, now, "--name")


def begin_tuning(
    folder: Path, run: RunConfig, calibrated: Artifact, initial_hash: str | None = None
) -> None:
    """Note what decides the trials of a tuning."""
    if initial_hash is None and fetch(folder / FILE).is_file():  # gone since, perhaps
        initial_hash = (read_json(folder / FILE) or {}).get("initial")
    stored = run_to_dict(run)
    decisive = {part: stored[part] for part in DECISIVE}
    start = {} if initial_hash is None else {"initial": initial_hash}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FILE, {"calibrated": calibrated.content_hash, **start, **decisive})
    remove(folder / OLD_FILE)
