"""Driver of a Ray job: ``python -m jobs.ablate`` is ``seje-ray ablate``."""

import sys

from seje_ray.cli.main import cli

if __name__ == "__main__":
    cli(["ablate", *sys.argv[1:]])
