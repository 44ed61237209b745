"""Driver of a Ray job: ``python -m jobs.tune`` is ``seje-ray tune``."""

import sys

from seje_ray.cli.main import cli

if __name__ == "__main__":
    cli(["tune", *sys.argv[1:]])
