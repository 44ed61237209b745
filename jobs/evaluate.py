"""Driver of a Ray job: ``python -m jobs.evaluate`` is ``seje-ray evaluate``."""

import sys

from seje_ray.cli.main import cli

if __name__ == "__main__":
    cli(["evaluate", *sys.argv[1:]])
