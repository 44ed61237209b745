"""``python -m seje_ray`` is ``seje-ray``."""

from seje_ray.cli.main import cli

if __name__ == "__main__":
    cli(prog_name="seje-ray")
