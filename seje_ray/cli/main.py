"""The ``seje-ray`` group; loads a command's module, and torch and ray, only when it runs."""

import importlib
import sys
from typing import IO, Any

import click

from seje_ray import __version__
from seje_ray.cli.options import WORKSPACE
from seje_ray.errors import SejeError
from seje_ray.signals import sigterm_as_interrupt

COMMANDS = {  # name -> module and attribute, in the order of use
    "calibrate": ("calibrate", "Phase I: raw recipes and photos -> calibrated features."),
    "train": ("train", "Phase II: train the joint embedding on calibrated features."),
    "ensemble": ("ensemble", "Put finished trainings side by side, as one run that ranks better."),
    "tune": ("tune", "Look for better loss weights, margins and rates; write best.yaml."),
    "ablate": ("ablate", "Train without each part and with each alternative; a table with seeds."),
    "evaluate": ("evaluate", "Embed a partition; print MedR and Recall@K; write a report."),
    "baseline": ("baseline", "Measure ridge, cca, tfidf-knn: what a trained model has to beat."),
    "report": ("report", "Write one page on a training, to attach to a paper."),
    "index": ("index", "Embed all recipes and photos of the workspace, for search."),
    "search": ("search", "Find recipes for a photo, or photos for a recipe."),
    "serve": ("serve", "Serve the search as a page and an API, on Ray Serve."),
    "embed": ("embed", "Embed new recipes and photos with a finished training."),
    "export": ("export", "Write a training as a folder that plain torch loads, with a model card."),
    "data": ("data", "Make and check data sets."),
    "job": ("job", "List, follow and stop jobs on a cluster."),
    "doctor": ("doctor", "Check this machine or a cluster, and say what to do."),
    "show-run": ("show_run", "Print a run file as it will be run, defaults included."),
}


class Interrupted(click.ClickException):
    """Ctrl-C: nothing that was finished is lost."""

    exit_code = 130

    def show(self, file: IO[Any] | None = None) -> None:
        """Say how to resume."""
        click.echo(f"\n{self.format_message()}", file=file, err=file is None)


class Refused(click.ClickException):
    """What a user can fix, in one line that every terminal shows."""

    def format_message(self) -> str:
        """The line; texts of others in it move no cursor."""
        from seje_ray.plain_text import printable
        from seje_ray.store.location import shown

        return " ".join(map(printable, filter(None, shown(self.message).splitlines())))


class SejeGroup(click.Group):
    """Lists commands without importing them; prints a ``SejeError`` as one ``Error:`` line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"seje_ray.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from ``COMMANDS``, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a bug keeps its traceback."""
        try:
            with sigterm_as_interrupt():
                result = super().invoke(ctx)
                if sys.stdout is not None:  # None: closed
                    sys.stdout.flush()  # what a full disk holds back is told, not lost
                return result
        except SejeError as error:
            raise Refused(str(error)) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt as error:
            own = str(error)  # an interrupted command may have its own words
            raise Interrupted(
                own or "Interrupted. What is finished is kept: repeat the command to resume."
            ) from error
        except Exception as error:
            from seje_ray.cli.faults import REPORT, line_of, lost_output

            line = lost_output(error) or line_of(error, ctx.meta.get(WORKSPACE, "the workspace"))
            if line is None:
                error.add_note(REPORT)
                raise
            raise Refused(line) from error


@click.group(
    cls=SejeGroup,
    epilog="Example: seje-ray calibrate && seje-ray train --workers 2 && seje-ray evaluate",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="seje-ray")
def cli() -> None:
    """Recipe text <-> food photo retrieval (SEJE) on Ray.

    The bare commands work in order in an empty folder, on an embedded cookbook of made-up recipes
    and drawn photos: calibrate, train, evaluate, search.
    """
