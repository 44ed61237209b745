"""What the manifest beside a file, of an artifact or of a checkpoint, notes of it."""

import json
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
NOTED = "files.json"  # of a checkpoint
LAST = (MANIFEST, NOTED)  # objects without which a folder is unfinished


def noted_hash(path: Path) -> str | None:
    """The sha256 that the manifest of an artifact or of a checkpoint notes of a file."""
    if path.name in LAST:
        return None
    entry = _json(path.with_name(NOTED)).get(path.name)
    if isinstance(entry, list) and len(entry) == 2:
        return str(entry[1])
    shards = _json(path.with_name(MANIFEST)).get("shards")
    return shards.get(path.name) if isinstance(shards, dict) else None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
