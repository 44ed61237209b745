"""Driver of a Ray job: ``python -m jobs.train`` is ``seje-ray train``."""

import sys

from seje_ray.cli.main import cli

if __name__ == "__main__":
    cli(["train", *sys.argv[1:]])
