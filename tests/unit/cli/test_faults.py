"""Every command, whatever the machine does: one line and exit code 1; a bug asks for a report."""

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from click.testing import CliRunner
from PIL import Image
from ray.exceptions import RayTaskError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from seje_ray.cli.faults import ADVICE, REPORT, line_of
from seje_ray.cli.main import COMMANDS, cli
from seje_ray.on_ray import guard_token, home
from seje_ray.store.location import CACHE, mirror_folder


def commands():
    """Every command and subcommand: words, and the object."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            yield from (((name, child), command.commands[child]) for child in command.commands)
        else:
            yield (name,), command


def words_of(path, command):
    """A command line that parses."""
    words = list(path)
    for parameter in command.params:
        if isinstance(parameter, click.Argument) and parameter.required:
            is_choice = isinstance(parameter.type, click.Choice)
            words.append(str(parameter.type.choices[0]) if is_choice else "x")
        elif parameter.required:
            words += [parameter.opts[0], "x"]
    return words


def raised(cause):
    """An error with the way it came, as Ray and Python give it."""
    error = RuntimeError("a worker has failed")
    error.__cause__ = cause
    return error


def arrow(error=None):
    """An error of Arrow's own reader."""
    try:
        pa.ipc.open_file(b"no arrow")
    except pa.ArrowInvalid as found:
        error = found
    return error


FAULTS = {
    "full disk": OSError(errno.ENOSPC, "No space left on device", "/w/a.parquet"),
    "full disk, no name": OSError(errno.ENOSPC, "No space left on device"),
    "read-only": OSError(errno.EROFS, "Read-only file system", "/w/logs"),
    "no permission": PermissionError(errno.EACCES, "Permission denied", "/w/logs"),
    "gone": FileNotFoundError(errno.ENOENT, "No such file", "/w/train-000000.parquet"),
    "long name": OSError(errno.ENAMETOOLONG, "File name too long", "/w/" + "a" * 300),
    "a file in its path": NotADirectoryError(errno.ENOTDIR, "Not a directory", "/w/x"),
    "too many files": OSError(errno.EMFILE, "Too many open files"),
    "no memory": MemoryError(),
    "JSON": json.JSONDecodeError("Expecting value", "", 0),
    "Arrow": arrow(),
    "safetensors": SafetensorError("header too large"),
    "shapes": RuntimeError("Error(s) in loading state_dict for Linear:\n\tsize mismatch"),
    "YAML": yaml.YAMLError("mapping values are not allowed here"),
    "Pillow": Image.UnidentifiedImageError("cannot identify image file"),
    "on a worker": raised(OSError(errno.ENOSPC, "No space left on device")),
    "in a task of Ray": RayTaskError("f", "Traceback", SafetensorError("x"), actor_repr="a"),
    "a line end in a name": OSError(errno.EACCES, "Permission denied", "/w/a\nb\x1b[2J"),
}


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*c, id=" ".join(c[0])) for c in commands()]
)
def test_no_command_ends_in_a_traceback_or_in_silence(tmp_path, monkeypatch, path, command):
    """The table of commands and faults; and a bug, which is no fault of the user's."""
    monkeypatch.chdir(tmp_path)
    words = words_of(path, command)
    for fault, error in FAULTS.items():

        def fails(error=error, **_):
            raise error

        monkeypatch.setattr(command, "callback", fails)
        done = CliRunner().invoke(cli, words, prog_name="seje-ray")
        assert (done.exit_code, done.stdout) == (1, ""), (fault, done.stderr)
        [line] = done.stderr.splitlines()
        assert line.startswith("Error: "), fault
        assert "\x1b" not in line
        assert "; " in line, "it says what to do"

    monkeypatch.setattr(command, "callback", lambda **_: {}["bug"])
    done = CliRunner().invoke(cli, words, prog_name="seje-ray")
    assert isinstance(done.exception, KeyError)
    assert done.exception.__notes__ == [REPORT]


def test_every_error_of_the_system_has_its_line():
    """With the file's name where there is one, and the workspace's where not."""
    for number, (what, advice) in ADVICE.items():
        assert line_of(OSError(number, "x", "/w/f"), "w").startswith(f"/w/f: {what}; {advice}")
        assert line_of(OSError(number, "x"), "w").startswith(f"w: {what}")
    assert line_of(ValueError("x"), "w") is None
    assert line_of(subprocess.CalledProcessError(1, "x"), "w") is None


def test_damage_says_which_file(tmp_path):
    """The path that the nearest function of ours was reading."""
    from seje_ray.calibration.word_vectors import WordVectors

    (tmp_path / "words.json").write_text("{")
    with pytest.raises(ValueError, match="Expecting") as caught:
        WordVectors.load(tmp_path)
    assert line_of(caught.value, "w").startswith(f"{tmp_path}: a file is damaged")


@pytest.mark.parametrize(
    "words", [["calibrate"], ["train"], ["evaluate"], ["search"], ["show-run"], ["index"]]
)
@pytest.mark.parametrize("kind", ["below a file", "dangling link", "long"])
def test_a_workspace_that_cannot_be_is_one_line(tmp_path, monkeypatch, words, kind):
    """F13, C28: /dev/null/x, a link to nowhere in a folder that is none, and 300 letters."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/dev/null/none")
    places = {"below a file": "file/w", "dangling link": "link", "long": "a" * 300}
    done = CliRunner().invoke(cli, [*words, "--workspace", places[kind]], prog_name="seje-ray")
    assert "Traceback" not in done.stderr
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    if words != ["show-run"]:
        assert done.exit_code in (1, 2)
        assert "Error: " in done.stderr


def ended(words, **options):
    """Exit code and stderr of a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "seje_ray", *words], stderr=subprocess.PIPE, text=True, **options
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_stdout_that_is_full_or_closed_is_told(tmp_path):
    """F04, F05: a line, exit code 1, and nothing from the interpreter's end."""
    words = ["show-run", "--workspace", str(tmp_path / "w")]
    with open("/dev/full", "w") as full:
        code, said = ended(words, stdout=full)
    assert (code, said.count("\n")) == (1, 1), said
    assert said.startswith("Error: stdout: the disk is full; make room")
    closed = f"exec {sys.executable} -m seje_ray show-run --workspace {tmp_path / 'w'} >&-"
    done = subprocess.run(["sh", "-c", closed], capture_output=True, text=True)
    assert "Traceback" not in done.stderr


WRITING = {
    "synth": ["data", "synth", "--recipes", "40", "--out", "OUT"],
    "check": ["data", "check", "DATA", "--html", "OUT"],
    "evaluate": ["evaluate", "--embeddings", "VECTORS", "--out", "OUT"],
}


@pytest.mark.parametrize("name", WRITING)
def test_a_disk_that_is_really_full_is_named_by_what_was_written_to(disk_of, tmp_path, name):
    """P06: no error that a test raises, but the system's; the line names no workspace."""
    full_disk = disk_of("64k")
    recipe = {"id": "1", "title": "s", "ingredients": ["salt"]}
    (tmp_path / "own.jsonl").write_text(json.dumps(recipe))
    vectors = np.eye(64, dtype=np.float32)
    np.savez(tmp_path / "v.npz", image_embeddings=vectors, recipe_embeddings=vectors)
    if name != "synth":
        (full_disk / "taken").write_bytes(bytes(60 << 10))
    places = {
        "OUT": full_disk / "out",
        "DATA": tmp_path / "own.jsonl",
        "VECTORS": tmp_path / "v.npz",
    }
    words = [str(places.get(word, word)) for word in WRITING[name]]
    done = CliRunner().invoke(cli, words, prog_name="seje-ray")
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1
    [line] = [one for one in done.stderr.splitlines() if one.startswith("Error: ")]
    assert line.startswith(f"Error: {full_disk}/")
    assert "the disk is full; make room" in line
    assert "Traceback" not in done.stderr


def test_a_temporary_folder_that_is_not_there_is_told_or_replaced(tmp_path):
    """F09: Python looks for another one."""
    data = tmp_path / "own.jsonl"
    data.write_text(json.dumps({"id": "1", "title": "s", "ingredients": ["salt"]}))
    words = ["data", "check", str(data)]
    code, said = ended(words, stdout=subprocess.DEVNULL, env={**os.environ, "TMPDIR": "/none"})
    assert code in (0, 1)
    assert "Traceback" not in said


def test_a_user_whom_the_system_does_not_know_gets_a_home(tmp_path, monkeypatch):
    """F01: as in a container with a user of its own."""

    def unknown(cls=None):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", "")
    found = home()
    assert os.environ["HOME"] == str(found) == str(tmp_path / f"seje-ray-home-{os.getuid()}")
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    assert home() == found


def test_the_token_is_its_owners_alone(tmp_path, monkeypatch):
    """N05: Ray writes it as the umask says."""
    token = tmp_path / "auth_token"
    monkeypatch.setattr("seje_ray.on_ray.TOKEN_FILE", token)
    guard_token()
    token.write_text("secret")
    token.chmod(0o644)
    guard_token()
    assert stat.S_IMODE(token.stat().st_mode) == 0o600


def test_damaged_weights_are_told_by_those_who_read_them(tmp_path):
    """The line comes from what the readers raise, not from what they are thought to raise."""
    (tmp_path / "w.safetensors").write_bytes((2**62).to_bytes(8, "little"))
    with pytest.raises(SafetensorError) as caught:
        load_file(tmp_path / "w.safetensors")
    assert "damaged" in line_of(caught.value, "w")


def test_a_full_disk_is_told_where_safetensors_puts_it_into_words(disk_of):
    """It has an error of its own for all that goes wrong; no file is damaged, or to be deleted."""
    path = disk_of("64k") / "weights.safetensors"
    with pytest.raises(SafetensorError) as caught:
        save_file({"a": torch.zeros(100_000)}, path)
    assert line_of(caught.value, "w").startswith("w: the disk is full; make room")


def test_a_full_disk_under_a_mirror_is_no_full_store(tmp_path, monkeypatch):
    """The URI is told as what was written; full is a folder of the node that Ray names."""
    monkeypatch.setenv(CACHE, str(tmp_path))
    uri = "s3://bucket/w"
    named = OSError(errno.ENOSPC, "No space left on device", str(mirror_folder(uri) / "a.parquet"))
    where = f"on a machine under {tmp_path} (SEJE_RAY_CACHE)"
    assert f"a.parquet: the disk is full, {where}; make room" in line_of(named, uri)
    nameless = OSError(errno.ENOSPC, "No space left on device")
    assert line_of(nameless, uri).startswith(f"{uri}: the disk is full, {where}; make room")
    trace = "Traceback (most recent call last):\nOSError"
    on_worker = RayTaskError("task", trace, named, proctitle="ray::task", pid=1, ip="10.0.0.3")
    assert f"on 10.0.0.3 under {tmp_path}" in line_of(on_worker.as_instanceof_cause(), uri)
