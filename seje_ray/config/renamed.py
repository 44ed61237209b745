"""Settings that once had another name: the old one keeps working wherever settings are read."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

RENAMED: Mapping[str, str] = {  # old dotted name -> what it is called now
    "loss.scale": "loss.soft_margin.scale",
    "loss.margin": "loss.soft_margin.margin",
}


def present_name(dotted: str) -> str:
    """Present name of a dotted setting."""
    return RENAMED.get(dotted, dotted)


def with_present_names(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a file or an artifact has them, each under its present name.

    So are those that ``tune.settings`` and ``tune.space`` name. An old name stays where the new one
    is given too, for the check of the run to refuse.

    Args:
        raw: Sections of a run, by name, and whatever else; stays as it is.
    """
    found = deepcopy(dict(raw))
    for old, new in RENAMED.items():
        _move(found, old, new)
    tune = found.get("tune")
    for key in ("settings", "space"):
        if isinstance(tune, dict) and key in tune:
            tune[key] = _with_present_keys(tune[key])
    return found


def _move(raw: dict[str, Any], old: str, new: str) -> None:
    """Move one value in place, where there is one and its new place is free."""
    *old_sections, old_key = old.split(".")
    *new_sections, new_key = new.split(".")
    source = _section(raw, old_sections)
    if source is None or old_key not in source:
        return
    target = _section(raw, new_sections, is_new=True)
    if target is not None and new_key not in target:
        target[new_key] = source.pop(old_key)


def _section(raw: Any, names: list[str], *, is_new: bool = False) -> dict[str, Any] | None:
    for name in names:
        if not isinstance(raw, dict):
            return None
        raw = raw.setdefault(name, {}) if is_new else raw.get(name)
    return raw if isinstance(raw, dict) else None


def _with_present_keys(settings: Any) -> Any:
    """A mapping from dotted settings, with the conditions of its dimensions; others as they are."""
    if not isinstance(settings, dict):
        return settings
    for value in settings.values():
        if isinstance(value, dict) and "when" in value:
            value["when"] = _with_present_keys(value["when"])
    names = {key: present_name(key) for key in settings}
    return {key if new in settings else new: settings[key] for key, new in names.items()}
