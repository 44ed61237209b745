"""Commands with a URI: those that do not work there yet say so."""

import pytest
from click.testing import CliRunner

from seje_ray.cli.local_path import TAKE_STORES
from seje_ray.cli.main import COMMANDS, cli
from seje_ray.errors import StoreError
from seje_ray.store.mirror import sizes_of
from seje_ray.store.probe import probe

ASK = {  # what a command cannot do without
    "report": (),
    "export": ("x",),
    "embed": ("--out", "x.parquet"),
    "search": ("--text", "soup"),
    "baseline": ("ridge",),
    "serve": (),
}
LOCAL = [name for name in COMMANDS if name not in (*TAKE_STORES, "data", "job")]


@pytest.mark.parametrize("name", LOCAL)
def test_a_command_that_cannot_take_a_store_says_so(name, tmp_path, monkeypatch):
    """One line, before anything is made: no folder that is called ``s3:``."""
    monkeypatch.chdir(tmp_path)
    words = [name, *ASK.get(name, ()), "--workspace", "s3://bucket/a"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert "s3://bucket/a: only a local folder works here yet" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("calibrate", "--calibrator-from"),
        ("doctor", "--data"),
        ("data", "check"),
        ("data", "synth", "--out"),
        ("evaluate", "--embeddings"),
    ],
)
def test_other_paths_are_those_of_a_disk(words, tmp_path, monkeypatch):
    """What is read and written beside a workspace lies on this machine."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, [*words, "s3://bucket/recipes"])
    assert done.exit_code == 2
    assert "s3://bucket/recipes: only a local path works here yet" in done.stderr
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
