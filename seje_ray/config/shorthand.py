"""Settings that are spelled as one and kept as several."""

from collections.abc import Mapping
from typing import Any

SHORTHANDS: Mapping[str, Mapping[str, str]] = {  # dotted name -> settings, and what each becomes
    "model.dual_encoder": {
        "model.backbone.name": "transformers/{}",
        "calibrate.text_model": "{}",
    },
}


def spelled_out(dotted: str, value: object) -> dict[str, object]:
    """The settings that a dotted one stands for; itself where it is no shorthand."""
    meant = SHORTHANDS.get(dotted)
    if meant is None or not isinstance(value, str):
        return {dotted: value}
    return {name: form.format(value) for name, form in meant.items()}


def spell_out(raw: dict[str, Any]) -> None:
    """Put what the shorthands of a run file stand for in their place, also over what it says."""
    for dotted in SHORTHANDS:
        section, key = dotted.split(".")
        found = raw.get(section)
        if not isinstance(found, dict) or not isinstance(found.get(key), str):
            continue
        for name, value in spelled_out(dotted, found.pop(key)).items():
            *sections, last = name.split(".")
            target: Any = raw
            for part in sections:
                target = target.setdefault(part, {})
            target[last] = value
