"""``seje-ray serve``."""

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seje_ray.cli.local_path import LocalPath
from seje_ray.cli.options import cluster_options, run_name_option, workspace_option

if TYPE_CHECKING:
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace

INSTALL = "pip install 'seje-ray[serve]'"


@click.command("serve", epilog="Example: seje-ray serve --port 8080")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; any but this machine's own opens the server to others.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option(
    "--replicas",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes with the model, and as many with the API.",
)
@click.option(
    "--gpus-per-replica",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="GPUs of each model; 0.5 lets two share one.",
)
@click.option(
    "--token-file",
    type=LocalPath(exists=True, dir_okay=False, path_type=Path),
    help="File with a token that clients have to know (Authorization: Bearer).",
)
@click.option(
    "--client-rate",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    help="Searches per second of one address in the long run; 0 for any number.",
)
@click.option("--stop", is_flag=True, help="With --address: end what the cluster serves.")
@run_name_option
@workspace_option
@cluster_options
def command(
    host: str,
    port: int,
    replicas: int,
    gpus_per_replica: float,
    token_file: Path | None,
    client_rate: float,
    stop: bool,
    name: str | None,
    workspace: "Workspace",
    cluster: "Cluster",
) -> None:
    """Serve the search as a page and as an API, on Ray Serve, until Ctrl-C.

    Where a small collection has no index yet it is made; of a large one `seje-ray index` makes it.
    On a cluster (--address) it goes on when the command ends; the command again, with another
    --run, puts another training in its place without losing a request. A server of this machine
    does the same on SIGHUP, with the newest training where --run is left out.
    """
    try:
        from seje_ray.on_ray.serve_command import serve_here, serve_on, stop_on
    except ImportError as error:
        from seje_ray.errors import SejeError

        raise SejeError(
            f"serve needs packages that are not installed ({error}): {INSTALL}"
        ) from error
    from seje_ray.on_ray.serve import Serving

    if stop:
        if cluster.address is None:
            raise click.UsageError("--stop needs the --address of a cluster; here Ctrl-C ends it")
        is_ended = stop_on(cluster)
        click.echo("ended" if is_ended else "nothing of seje-ray was served there")
        return
    token_hash = None if token_file is None else _hash_of(token_file)
    _say_what_is_open(host, port, has_token=token_hash is not None)

    def settings(run: str) -> Serving:
        return Serving(
            workspace=str(workspace),
            run=run,
            replicas=replicas,
            gpus_per_replica=gpus_per_replica,
            token_hash=token_hash,
            client_rate=client_rate,
        )

    where = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if cluster.address is None:
        serve_here(
            workspace,
            name,
            settings,
            host,
            port,
            lambda run: click.echo(f"{run}: {where}, its API {where}/docs; Ctrl-C ends it"),
        )
        return
    served, its_host, its_port = serve_on(cluster, workspace, name, settings, host, port)
    if (its_host, its_port) != (host, port):
        click.echo(
            f"{its_host}:{its_port} is where Serve has listened since it was started there; "
            "--host and --port count again after --stop",
            err=True,
        )
        _say_what_is_open(its_host, its_port, has_token=token_hash is not None)
    click.echo(
        f"{served.run}: port {its_port} of every node that runs it; `seje-ray serve --stop` with "
        "the same --address ends it"
    )


def _hash_of(token_file: Path) -> str:
    """SHA-256 of the token; only this is handed on."""
    import hashlib

    token = token_file.read_bytes().strip()
    if not token:
        raise click.UsageError(f"--token-file {token_file}: expected a token, found none")
    return hashlib.sha256(token).hexdigest()


def _say_what_is_open(host: str, port: int, *, has_token: bool) -> None:
    """Say who can reach a server that is not for this machine alone."""
    if host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback):
        return
    who = "whoever reaches it and has the token" if has_token else "anyone who reaches it"
    click.echo(
        f"{host}:{port}: {who} can search, read all recipes and see all "
        "thumbnails; it speaks HTTP without encryption, so put a proxy with TLS before it"
        + ("" if has_token else ", or give a --token-file"),
        err=True,
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
