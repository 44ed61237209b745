"""Write the pages that are made from the code: ``python -m docs.generate``."""

import dataclasses
import json
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

from seje_ray.config.reference import Setting, field_comments, settings, summary, values_of
from seje_ray.config.tune import Dimension

FOLDER = Path(__file__).parent

SETTINGS_HEAD = """\
# Settings

Every setting of a run file, with its default: the paper's run, `seje`. `--set KEY=VALUE` changes
one, `--config FILE|NAME` many; `seje-ray show-run` prints the complete run with these explanations.
Files in `seje_ray/runs/` hold only what differs from the defaults. A value outside its range is
an error that names it before anything starts. The full name of a setting is that of its section, a
dot, and its own: `calibrate.word_vectors.dim`.

This page is made by `make docs` from the comments in `seje_ray/config/`.
"""


def settings_page() -> str:
    """``docs/settings.md``: a table per section, in the order of a run file."""
    found = list(settings())
    top = [s for s in found if "." not in s.name and not s.is_section]
    parts = [SETTINGS_HEAD, "## The run\n", *_table(top)]
    for section in (s for s in found if s.is_section):
        inside = [s for s in found if s.name.rpartition(".")[0] == section.name]
        heading = "##" if "." not in section.name else "###"
        parts += ["", f"{heading} `{section.name}`", _prose(section.comment), ""]
        parts += _table([s for s in inside if not s.is_section])
    return "\n".join([*parts, *_dimension()]) + "\n"


def _dimension() -> Iterator[str]:
    hints = typing.get_type_hints(Dimension)
    comments = field_comments(Dimension)
    yield from ("", "### A dimension of `tune.space`", _prose(summary(Dimension)), "")
    yield from ("| key | takes | meaning |", "|---|---|---|")
    for name in (field.name for field in dataclasses.fields(Dimension)):
        yield f"| `{name}` | {values_of(hints[name])} | {_prose(comments[name])} |"


def _table(rows: list[Setting]) -> list[str]:
    if not rows:
        return []
    lines = ["| setting | takes | default | meaning |", "|---|---|---|---|"]
    for row in rows:
        default = f"`{json.dumps(_plain(row.default), ensure_ascii=False)}`"
        default = default.replace('"', "") if isinstance(row.default, str) else default
        key = row.name.rpartition(".")[2]
        lines.append(f"| `{key}` | {_choices(row)} | {default} | {_prose(row.comment)} |")
    return lines


def _choices(row: Setting) -> str:
    """What a setting takes; its choices as code."""
    if not row.choices:
        return row.values
    return ", ".join(f"`{choice}`" for choice in row.choices)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _prose(comment: str) -> str:
    """A comment as Markdown: code in single backticks, no broken table."""
    text = re.sub(r"(?<!`)([|*])", r"\\\1", comment.replace("``", "`"))
    text = re.sub(
        r"docs/method\.md, rule (\d+)\.(\d+)", r"[rule \1.\2](method.md#rule-\1-\2)", text
    )
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text)


def main() -> None:
    """Write the pages beside this file."""
    (FOLDER / "settings.md").write_text(settings_page(), encoding="utf-8")
    sys.stderr.write("docs/settings.md\n")


if __name__ == "__main__":
    main()
