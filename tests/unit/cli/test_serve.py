"""``seje-ray serve`` before anything is served: who it would open to, and what it refuses."""

import socket
from contextlib import closing

import pytest
from click.testing import CliRunner, Result

from seje_ray.cli.main import cli


def serve(folder, *words: str) -> Result:
    """The command in a workspace without a training: it ends before Ray starts."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = ["--workspace", str(folder / "none"), "--port", str(port), *words]
    return CliRunner().invoke(cli, ["serve", *told])


@pytest.mark.parametrize("host", [(), ("--host", "localhost"), ("--host", "127.0.0.1")])
def test_a_server_for_this_machine_alone_says_nothing_of_others(tmp_path, host):
    """Which is what it is unless it is told otherwise; and a missing training is one line."""
    done = serve(tmp_path, *host)

    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "seje-ray train" in line


def test_any_other_host_says_what_it_opens_and_to_whom(tmp_path):
    """All that can be searched and read, to anyone or to those with the token."""
    token = tmp_path / "token"
    token.write_text("secret\n")
    open_to_all = serve(tmp_path, "--host", "0.0.0.0").stderr
    with_token = serve(tmp_path, "--host", "0.0.0.0", "--token-file", str(token)).stderr

    assert "anyone who reaches it can search, read all recipes" in open_to_all
    assert "--token-file" in open_to_all
    assert "whoever reaches it and has the token can search" in with_token
    assert "secret" not in with_token
    for told in (open_to_all, with_token):
        assert "TLS" in told


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path):
    """With another option to take."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = serve(tmp_path, "--port", str(taken.getsockname()[1]))

    assert done.exit_code == 1
    assert "--port" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--stop",), "--stop needs the --address"),
        (("--token-file", "empty"), "expected a token, found none"),
        (("--replicas", "0"), "replicas"),
        (("--gpus-per-replica", "-1"), "gpus-per-replica"),
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path, monkeypatch, words, told):
    """As click has it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text(" \n")
    done = serve(tmp_path, *words)

    assert done.exit_code == 2
    assert told in done.stderr
