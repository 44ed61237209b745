"""A command line is said again for the cluster: the same options, absolute paths."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from seje_ray.cli.main import cli
from seje_ray.cli.submission import request_of
from seje_ray.errors import ConfigError


def request(*words):
    """The request that a command line makes."""
    command = cli.get_command(click.Context(cli), words[0])
    with command.make_context(words[0], list(words[1:])) as ctx:
        return request_of(ctx)


def test_options_that_were_given_are_given_again(tmp_path, monkeypatch):
    """Several of one kind too; where to run stays here; a default is left out, but not a path."""
    monkeypatch.chdir(tmp_path)
    made = request(
        "train", "--workers", "8", "--set", "loss.margin=0.3", "--set", "seed=1", "--run", "a.b",
        "--address", "http://head:8265", "--detach",
    )  # fmt: skip

    assert made.command == "train"
    assert made.name == "a.b"
    assert made.arguments == (
        "--workers", "8", "--run", "a.b", "--workspace", str(tmp_path / "workspace"),
        "--set", "loss.margin=0.3", "--set", "seed=1",
    )  # fmt: skip
    assert made.files == {}
    assert str(made).startswith("seje-ray train --workers 8 --run a.b --workspace /")


@pytest.mark.parametrize(
    "words",
    [
        ("--stage", "fit", "--shared-path"),
        ("--map", "title=name", "--map", "images=", "--config", "demo"),
        ("--map", 'title=say "it": yes', "--set", "data.separator=|", "--set", "seed=3"),
    ],
)
def test_saying_it_again_changes_nothing(tmp_path, monkeypatch, words):
    """What the cluster reads is what was meant here, word by word."""
    monkeypatch.chdir(tmp_path)
    made = request("calibrate", "--data", "raw", *words)
    monkeypatch.chdir("/")
    again = request("calibrate", *made.arguments)

    assert again == made
    assert made.arguments[:2] == ("--data", str(tmp_path / "raw"))
    assert set(words) <= set(made.arguments)


@pytest.mark.parametrize(
    "words",
    [
        ("baseline", "ridge", "cca"),
        ("ensemble", "a", "b"),
        ("ensemble", "--", "-a", "b"),
    ],
)
def test_words_without_an_option_are_given_again(words):
    """At the end, whatever they begin with."""
    option = ("--run", "ab") if words[0] == "ensemble" else ("--partition", "val")
    made = request(words[0], *option, *words[1:])

    assert made.arguments[: len(option)] == option
    assert made.arguments[1 - len(words) :] == words[1:]
    assert request(words[0], *made.arguments) == made


def test_a_mapping_of_no_field_is_refused_before_it_is_submitted():
    """As a setting of no name is."""
    with pytest.raises(ConfigError, match=r"data\.columns"):
        request("calibrate", "--map", "heading=name", "--config", "demo")
    with pytest.raises(click.BadParameter, match="expected FIELD=KEY"):
        request("calibrate", "--map", "title", "--config", "demo")


def test_a_run_file_travels_and_a_named_one_does_not(tmp_path):
    """The cluster has the packaged ones; the file's name there is the same for every job."""
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\n")
    made = request("train", "--config", str(path), "--workspace", str(tmp_path))
    assert made.name == "mine"
    assert made.files == {"run.yaml": path}
    assert made.arguments[-2:] == ("--config", "run.yaml")

    named = request("train", "--config", "small", "--workspace", str(tmp_path))
    assert (named.name, named.files) == ("small", {})
    assert named.arguments[-2:] == ("--config", "small")

    searched = request("tune", "--space", str(path), "--workspace", str(tmp_path))
    assert (searched.name, searched.files) == ("demo", {"space.yaml": path})
    assert "space.yaml" in searched.arguments


def test_a_wrong_run_is_refused_before_it_is_submitted(tmp_path):
    """By every command that takes one."""
    for command in ("calibrate", "train"):
        with pytest.raises(ConfigError, match=r"loss\.margn"):
            request(command, "--config", "demo", "--set", "loss.margn=1", "--workspace", "w")


def test_evaluations_of_two_partitions_are_two_jobs():
    """And the newest training is asked for on the cluster."""
    made = request("evaluate", "--partition", "val", "--json")
    assert made.name == "newest-val"
    assert made.arguments[:2] == ("--partition", "val")
    assert "--json" in made.arguments
    assert request("evaluate", "--run", "b").name == "b-test"


def test_detaching_needs_a_job_server(tmp_path):
    """And an address that is none says so in one line."""
    words = ["train", "--workspace", str(tmp_path)]
    result = CliRunner().invoke(cli, [*words, "--detach"])
    assert result.exit_code == 2
    assert "--detach needs the --address of a job server" in result.output
    result = CliRunner().invoke(cli, [*words, "--address", "head"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: --address head: expected http://")


def test_a_command_that_finds_no_workspace_leaves_none(tmp_path):
    """Its log would be the only thing in it."""
    CliRunner().invoke(cli, ["train", "--workspace", str(tmp_path / "w")])
    assert not Path(tmp_path / "w").exists()


def test_a_server_outlives_its_job_and_its_end_ends_both():
    """Not what other commands leave, and not a training that is called so."""
    serve, stop = request("serve", "--run", "stop"), request("serve", "--stop")
    train = request("train", "--run", "stop")

    assert (serve.ended_by, serve.ends) == ("seje-ray serve --stop", "")
    assert (stop.ended_by, stop.ends) == ("", "serve")
    assert (train.ended_by, train.ends) == ("", "")
    assert serve.name != stop.name
