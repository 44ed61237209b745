"""YAML of run files: plain data, each key once, and never more of it than a run has settings."""

import re
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.reader import ReaderError

from seje_ray import limits
from seje_ray.errors import ConfigError

MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 3e-4 is a number, as everywhere but in YAML 1.1."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._num_aliases = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """A node; nothing that is far too deep, nor hundreds of aliases."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self._num_aliases += isinstance(event, AliasEvent)
        self._depth += 1
        if self._depth > limits.MAX_RUN_FILE_DEPTH:
            problem = f"more than {limits.MAX_RUN_FILE_DEPTH} sections inside sections"
            raise ComposerError(None, None, problem, event.start_mark)
        if self._num_aliases > limits.MAX_RUN_FILE_ALIASES:
            problem = f"more than {limits.MAX_RUN_FILE_ALIASES} aliases (*name)"
            raise ComposerError(None, None, problem, event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        """A section; each of its keys stands there once."""
        node = super().compose_mapping_node(anchor)
        seen: set[Hashable] = set()
        for key, _ in node.value:
            if isinstance(key, ScalarNode) and key.tag != MERGE:
                if (key.tag, key.value) in seen:
                    problem = f"{key.value!r} stands there twice"
                    raise ComposerError(None, None, problem, key.start_mark)
                seen.add((key.tag, key.value))
        return node

    def flatten_mapping(self, node: MappingNode) -> None:
        """Merge what ``<<`` names; not without end."""
        super().flatten_mapping(node)
        if len(node.value) > limits.MAX_RUN_FILE_VALUES:
            problem = f"more than {limits.MAX_RUN_FILE_VALUES:,} keys"
            raise ConstructorError(None, None, problem, node.start_mark)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def loaded(text: str) -> Any:
    """The data of a YAML text; what aliases repeat is bounded.

    Raises:
        yaml.YAMLError: If it is no YAML, or not of this kind.
        ConfigError: If it holds more than any run does, or holds itself.
    """
    if len(text) > limits.MAX_RUN_FILE_BYTES:
        raise ConfigError(
            f"expected at most {limits.MAX_RUN_FILE_BYTES:,} characters, found {len(text):,}"
        )
    try:
        found = yaml.load(text, _Loader)
    except (ValueError, OverflowError) as error:  # a date or a number that is none
        raise ConfigError(f"expected YAML, found a value that is none: {error}") from error
    _count(found, 0, Counter())
    return found


def _count(value: Any, depth: int, counts: Counter[str]) -> None:
    counts["values"] += 1
    if depth > limits.MAX_RUN_FILE_DEPTH or counts["values"] > limits.MAX_RUN_FILE_VALUES:
        raise ConfigError(
            f"expected at most {limits.MAX_RUN_FILE_VALUES:,} values in "
            f"{limits.MAX_RUN_FILE_DEPTH} sections of sections, found more: aliases (*name) repeat "
            "them, or name themselves"
        )
    inner = value.values() if isinstance(value, dict) else value
    for one in inner if isinstance(value, dict | list | tuple | set) else ():
        _count(one, depth + 1, counts)


def read_mapping(path: Path, expected: str) -> dict[str, Any]:
    """The mapping that a YAML file holds; ``expected`` says which, for the error.

    Raises:
        ConfigError: If it cannot be read, or holds something else.
    """
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: expected a regular file")
        with path.open(encoding="utf-8") as file:
            raw = loaded(file.read(limits.MAX_RUN_FILE_BYTES + 1)) or {}
    except ConfigError as error:
        raise ConfigError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8, found {error}; save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the file: {error}") from error
    except ReaderError as error:  # a character that no text has, such as NUL
        raise ConfigError(
            f"{path}: expected UTF-8, found character {error.character:#x}, as in UTF-16 or a "
            "binary file; save it as UTF-8"
        ) from error
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where is not None else ""
        problem = getattr(error, "problem", None)
        said = f": {problem}" if where is not None and problem else ""
        raise ConfigError(f"{path}: not YAML{line}{said}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: {expected}, found {raw!r:.80}")
    return raw
