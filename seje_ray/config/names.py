"""Names of runs and tunings, which become folders of a workspace."""

from seje_ray import limits
from seje_ray.errors import ConfigError

NAME_RULE = f"1 to {limits.MAX_NAME_LENGTH} letters, digits, '-', '_', '.' and '+', no '.' first"


def is_name(name: str) -> bool:
    """Whether a name can be that of a folder, on every system, and of no other place."""
    bare = name.translate(str.maketrans("", "", "-_.+"))
    return bare.isalnum() and name[0] != "." and len(name) <= limits.MAX_NAME_LENGTH


def required_name(name: str, option: str) -> str:
    """The name itself, or several with a slash between them, whose folders lie in one another.

    Raises:
        ConfigError: If it can be none; names the option.
    """
    if not all(is_name(part) for part in name.split("/")):
        raise ConfigError(f"{option} {name!r:.80}: expected {NAME_RULE}")
    return name
