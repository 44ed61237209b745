"""Settings that decide a result, by dotted name, and those that have changed since."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from seje_ray.config.load import run_to_dict
from seje_ray.config.run import RunConfig
from seje_ray.errors import ArtifactError


def decisive_settings(
    run: RunConfig, parts: Sequence[str], free: Collection[str] = ()
) -> dict[str, Any]:
    """Dotted settings of a run that decide a result, with their values.

    Args:
        run: The run.
        parts: Sections or single settings of the top level.
        free: Dotted settings, or sections of them, that may change.
    """
    stored = run_to_dict(run)
    found: dict[str, Any] = {}
    for part in parts:
        _flatten(part, stored[part], free, found)
    return found


def changed_settings(
    before: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Value before and now of each dotted setting that differs, by name."""
    return {
        key: (before.get(key), now.get(key))
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    }


def require_same_settings(
    folder: Path, what: str, before: Mapping[str, Any], now: Mapping[str, Any], option: str
) -> None:
    """Refuse to resume under the same name with other settings.

    Args:
        folder: Of what is there.
        what: It is, in words.
        before: Dotted settings that it was started with.
        now: Those that it is to be resumed with.
        option: Of the command, which gives another name.

    Raises:
        ArtifactError: Naming each setting that changed.
    """
    changed = changed_settings(before, now)
    if changed:
        shown = ", ".join(f"{key}: {old!r} -> {new!r}" for key, (old, new) in changed.items())
        raise ArtifactError(
            f"{folder}: this {what} was started with other settings ({shown}); "
            f"choose another name with {option}"
        )


def _flatten(name: str, value: Any, free: Collection[str], found: dict[str, Any]) -> None:
    if name in free:
        return
    if isinstance(value, dict) and value:
        for key, below in value.items():
            _flatten(f"{name}.{key}", below, free, found)
    else:
        found[name] = value
