"""Commands with a URI: what they do with it before anything else."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from seje_ray.artifact import write_text
from seje_ray.cli.main import cli
from seje_ray.errors import StoreError
from seje_ray.on_ray.doctor import judge_data, judge_nodes
from seje_ray.on_ray.node_facts import look_at_node
from seje_ray.store.mirror import sizes_of
from seje_ray.store.probe import probe
from tests.unit.on_ray.test_doctor import HEALTHY


@pytest.mark.parametrize(
    "words",
    [
        ("data", "check"),
        ("data", "synth", "--out"),
        ("data", "export-vectors", "--out"),
        ("export",),
        ("serve", "--token-file"),
    ],
)
def test_some_paths_are_those_of_this_machine(words, tmp_path, monkeypatch):
    """One line, before anything is made: no folder that is called ``s3:``."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, [*words, "s3://bucket/recipes"])
    assert done.exit_code == 2
    assert "s3://bucket/recipes: expected a path of this machine" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_uri_with_credentials_is_refused_without_them(tmp_path, monkeypatch):
    """Nothing that was secret is repeated."""
    monkeypatch.chdir(tmp_path)
    words = ["doctor", "--workspace", "s3://AKIAXYZ:hush@bucket/a"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert "s3://bucket/a: expected no credentials in a URI" in done.stderr
    assert "hush" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_probe_leaves_nothing(on_machine):
    """Reach and rights are tried with an object that is gone afterwards."""
    folder = on_machine(1).folder
    probe(folder)
    assert sizes_of(folder) == {}


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_a_probe_names_the_right_that_is_missing(on_machine, proxy, method):
    """Whether it is to write, to list and read, or to delete."""
    proxy.fault = lambda request: 403 if request.method == method else None
    with pytest.raises(StoreError, match=r"s3://bucket-.*no permission; ask for the rights"):
        probe(on_machine(1).folder)


def test_a_node_that_is_refused_is_named(on_machine):
    """A line for each; data in a store are looked for, and not brought."""
    workspace = on_machine(1)
    nodes = [
        replace(HEALTHY, host="a"),
        replace(HEALTHY, host="b", workspace_error="no permission"),
    ]
    found = judge_nodes(nodes, workspace, expects_marker=False)[-1]
    assert (found.check, found.state) == ("store", "failed")
    assert found.text == f"{workspace} fails on 1 of 2 nodes\nb: no permission"
    found = judge_nodes([HEALTHY, HEALTHY], workspace, expects_marker=False)[-1]
    assert (found.state, found.text.rpartition("there")[2]) == ("ok", " on each of 2 nodes")
    data = workspace.folder / "data"
    assert judge_data(data).state == "failed"
    write_text(data / "own.jsonl", "{}")
    assert "1 objects" in judge_data(data).text
    assert judge_data(data / "own.jsonl").state == "ok"


def test_this_machine_tries_its_store(on_machine, proxy):
    """With the line that a command would end with."""
    workspace = on_machine(1)
    assert look_at_node(str(workspace.folder), "").workspace_error == ""
    proxy.fault = lambda request: 403
    assert "no permission" in look_at_node(str(workspace.folder), "").workspace_error
