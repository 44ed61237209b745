"""Driver of a Ray job: ``python -m jobs.calibrate`` is ``seje-ray calibrate``."""

import sys

from seje_ray.cli.main import cli

if __name__ == "__main__":
    cli(["calibrate", *sys.argv[1:]])
