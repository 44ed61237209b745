"""Driver of a Ray job: ``python jobs/pipeline.py`` is calibrate, train and evaluate in a row.

Each command takes those of the options that it knows. A step that fails ends the job; the same
line resumes there.
"""

import sys

import click

from seje_ray.cli.main import cli

STEPS = ("calibrate", "train", "evaluate")


def words_of(step: str, words: list[str]) -> list[str]:
    """The options among ``words`` that ``step`` knows, with their values; and what no step does."""
    context = click.Context(cli)
    options = {
        name: {opt: p for p in cli.get_command(context, name).params for opt in p.opts}
        for name in STEPS
    }
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        name, has_value, _ = word.partition("=")
        known = next((by[name] for by in options.values() if name in by), None)
        taken = [word]
        if known is not None and not has_value and not getattr(known, "is_flag", False):
            taken += [value for value in [next(rest, None)] if value is not None]
        is_others = step == "evaluate" and name == "--set" and not _is_evaluates(taken)
        if known is None or (name in options[step] and not is_others):
            kept += taken
    return kept


def _is_evaluates(words: list[str]) -> bool:
    """Whether a ``--set`` changes a setting that ``evaluate`` takes."""
    return words[-1].removeprefix("--set=").startswith("evaluate.")


if __name__ == "__main__":
    for step in STEPS:
        try:
            cli([step, *words_of(step, sys.argv[1:])])
        except SystemExit as end:
            if end.code:
                raise
