"""``seje-ray job``: jobs that were submitted with ``--address http://...``."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from seje_ray.on_ray.submit import JobServer
    from seje_ray.submission.job import Job

Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT_ADDRESS = "http://127.0.0.1:8265"


def server_option(function: Function) -> Function:
    """``--address``: the job server."""
    return click.option(
        "--address",
        envvar="RAY_ADDRESS",
        show_envvar=True,
        default=DEFAULT_ADDRESS,
        show_default=True,
        metavar="URL",
        help="Job server on the head node.",
    )(function)


job_argument = click.argument("job", metavar="JOB")


@click.group("job", epilog="Example: seje-ray job list --address http://head:8265")
def command() -> None:
    """List, follow and stop jobs that were submitted with --address http://HEAD:8265.

    JOB is a job's id, or the beginning of it.
    """


@command.command("list", epilog="Example: seje-ray job list --json")
@server_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_jobs(address: str, as_json: bool) -> None:
    """List all jobs, oldest first."""
    _print(_server(address).jobs(), as_json=as_json)


@command.command("status", epilog="Example: seje-ray job status train-demo")
@job_argument
@server_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(job: str, address: str, as_json: bool) -> None:
    """Show one job."""
    found = _server(address).job(job)
    _print([found], as_json=as_json)
    if found.message and not as_json:
        click.echo(found.message)


@command.command("logs", epilog="Example: seje-ray job logs -f train-demo")
@job_argument
@server_option
@click.option(
    "-f", "--follow", is_flag=True, help="Keep following until the job ends, and exit as it does."
)
@click.pass_context
def logs(ctx: click.Context, job: str, address: str, follow: bool) -> None:
    """Print what a job printed: its results on stdout, everything else on stderr."""
    from seje_ray.submission.job_log import LogView

    server = _server(address)
    found = server.job(job).id
    if follow:
        ctx.exit(server.follow(found))
    view = LogView()
    view.show(server.logs(found))
    view.close()


@command.command("stop", epilog="Example: seje-ray job stop train-demo")
@job_argument
@server_option
def stop(job: str, address: str) -> None:
    """End a job; submit the same command again to resume from what it finished."""
    server = _server(address)
    found = server.job(job)
    if found.is_active:
        server.stop(found.id)
    while found.is_active:
        time.sleep(0.5)
        found = server.job(found.id)
    click.echo(f"{found.id}: {found.status.lower()}")


def _server(address: str) -> "JobServer":
    from seje_ray.on_ray.submit import JobServer

    return JobServer(address)


def _print(jobs: "list[Job]", *, as_json: bool) -> None:
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(job) for job in jobs], indent=1))
        return
    from seje_ray.console.tables import show, text_table

    rows = [[job.id, job.status.lower(), _duration(job), job.command_line] for job in jobs]
    header = ["job", "status", "time", "command"]
    show(lambda width: text_table(header, rows, left=(0, 1, 3), width=width))


def _duration(job: "Job") -> str:
    if job.started is None:
        return "-"
    seconds = int((job.ended or time.time()) - job.started)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
