"""``python -m seje_ray`` is ``seje-ray``."""

import os

from seje_ray.cli.main import cli
from seje_ray.submission.stdout_mark import MARKED, mark_stdout

if __name__ == "__main__":
    if MARKED in os.environ:
        mark_stdout()
    cli(prog_name="seje-ray")
