"""Rules that all sections of a run file share."""

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid", strict=True)


def require(section: object, *rules: tuple[str, bool, str]) -> None:
    """Raise one ValueError that names every broken rule (field, holds, expectation)."""
    broken = [
        f"{name} must be {expected}, got {getattr(section, name)!r:.80}"
        for name, holds, expected in rules
        if not holds
    ]
    if broken:
        raise ValueError("; ".join(broken))
