"""The command line: quick help with an example everywhere, and one line for what a user can fix."""

import functools
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from seje_ray.cli.main import COMMANDS, cli

HEAVY = ("torch", "ray", "pyarrow", "numpy", "pandas", "gensim", "sklearn")


def paths():
    """Every command and subcommand, as words."""
    context = click.Context(cli)
    for name in COMMANDS:
        yield (name,)
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((name, child) for child in command.commands)


def run(*words, folder):
    """The command in a process of its own, in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "seje_ray", *words], cwd=folder, capture_output=True, text=True
    )


def invoke(*words):
    """The command in this process, which is quicker."""
    return CliRunner().invoke(cli, [*map(str, words)], prog_name="seje-ray")


@pytest.mark.parametrize("path", [(), *paths()], ids=" ".join)
def test_help_shows_an_example_that_parses(path):
    """The example in the help is a command line of this program, with options that exist."""
    result = CliRunner().invoke(cli, [*path, "--help"])

    assert result.exit_code == 0
    example = " ".join(result.output.rpartition("Example: ")[2].split())
    for line in example.split(" && "):
        program, *words = line.split()
        assert program == "seje-ray"
        command, context = cli, click.Context(cli)
        while isinstance(command, click.Group) and words and not words[0].startswith("--"):
            command = command.get_command(context, words.pop(0))
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options


def test_help_imports_nothing_heavy():
    """What makes ``--help`` slow is not imported; timing itself would be a flaky test."""
    program = (
        "import json, sys\n"
        "from click.testing import CliRunner\n"
        "from seje_ray.cli.main import cli\n"
        "for path in json.loads(sys.argv[1]):\n"
        "    CliRunner().invoke(cli, [*path, '--help'])\n"
        f"    print(*path, '-', *({set(HEAVY)} & set(sys.modules)))\n"
    )
    words = [sys.executable, "-c", program, json.dumps([(), *paths()])]
    done = subprocess.run(words, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if not line.endswith(" -")] == ["-"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train"], "seje-ray calibrate"),
        (["tune"], "seje-ray calibrate"),
        (["tune", "--space", "nowhere.yaml"], "nowhere.yaml"),
        (["tune", "--set", "tune.space.loss.margn.choice=[1]"], "tune.space"),
        (["ablate"], "seje-ray calibrate"),
        (["evaluate"], "seje-ray train"),
        (["calibrate", "--set", "loss.margn=1"], "loss.margn"),
        (["calibrate", "--set", "loss.soft_margin.margin=wide"], "loss.soft_margin.margin"),
        (["calibrate", "--config", "nowhere"], "nowhere"),
        (["calibrate", "--data", "nowhere"], "nowhere"),
        (["search", "--image", "nowhere.jpg"], "seje-ray train"),
        (["search", "--recipe", "nowhere.jsonl"], "seje-ray train"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_a_user_can_fix_is_one_line_and_exit_code_1(tmp_path, monkeypatch, words, expected):
    """No traceback, nothing on stdout, and the line names the cure or the culprit."""
    monkeypatch.chdir(tmp_path)

    done = invoke(*words)

    assert isinstance(done.exception, SystemExit)
    assert done.exit_code == 1, done.stderr
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("no --data:")]
    assert line.startswith("Error: ")
    assert expected in line


def test_options_before_a_command_of_index_are_not_ignored(tmp_path):
    """They would be those of `index` itself, so that another workspace would be changed."""
    done = invoke("index", "--workspace", str(tmp_path), "delete", "an-id")

    assert done.exit_code == 2
    assert "seje-ray index delete --workspace FOLDER" in done.stderr


def test_wrong_usage_is_exit_code_2(tmp_path):
    """As click has it, with the usage shown."""
    done = run("train", "--workers", "0", folder=tmp_path)
    assert done.returncode == 2
    assert "Usage:" in done.stderr


def test_an_interrupted_command_says_how_to_go_on(tmp_path):
    """Ctrl-C: no traceback, and the exit code of an interruption."""
    words = ["data", "synth", "--recipes", "500000", "--no-images", "--processes", "1"]
    started = subprocess.Popen(
        [sys.executable, "-m", "seje_ray", *words, "--out", "c"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore it, and so do their children.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    error = started.communicate(timeout=120)[1]

    assert started.returncode == 130, error
    assert "Traceback" not in error
    assert error.splitlines()[-1].endswith("repeat the command to resume.")


def test_synth_writes_the_layout_and_refuses_a_used_folder(tmp_path):
    """A second run into the same folder changes nothing there."""
    words = ["data", "synth", "--recipes", "5", "--no-images", "--processes", "1", "--out", "c"]
    assert run(*words, folder=tmp_path).returncode == 0
    written = {p: p.read_bytes() for p in (tmp_path / "c").rglob("*") if p.is_file()}
    assert {p.name for p in written} >= {"layer1.json", "layer2.json", "det_ingrs.json"}
    assert len(json.loads((tmp_path / "c" / "layer1.json").read_bytes())) == 5

    again = invoke(*words[:-1], tmp_path / "c")

    assert again.exit_code == 1
    assert "new or empty" in again.stderr
    assert {p: p.read_bytes() for p in (tmp_path / "c").rglob("*") if p.is_file()} == written


def test_synth_food101_writes_labelled_photos_in_food101s_layout(tmp_path):
    """Forty photos of twenty dishes, two each; without photos there is nothing to label."""
    words = ["data", "synth", "--food101", "--processes", "1", "--recipes", "40"]
    words += ["--out", tmp_path / "f"]
    refused = invoke(*words, "--no-images")
    assert (refused.exit_code, (tmp_path / "f").exists()) == (2, False)
    done = invoke(*words)

    assert done.exit_code == 0, done.stderr
    assert "40 photos of 20 classes" in done.stdout
    train = json.loads((tmp_path / "f" / "meta" / "train.json").read_bytes())
    assert train["tomato_soup"] == ["tomato_soup/0", "tomato_soup/1"]
    assert (tmp_path / "f" / "images" / "tomato_soup" / "0.jpg").is_file()


@pytest.mark.parametrize("name", ["demo", "seje", "small"])
def test_show_run_prints_a_run_file_that_reads_back_the_same(tmp_path, name):
    """The complete run, defaults included, is a fixed point."""
    workspace = ["--workspace", tmp_path / "none"]
    first = invoke("show-run", "--config", name, *workspace)
    assert first.exit_code == 0, first.stderr
    (tmp_path / "run.yaml").write_text(first.stdout)
    second = invoke("show-run", "--config", tmp_path / "run.yaml", *workspace)
    assert second.stdout == first.stdout


def test_each_driver_of_jobs_is_the_command_of_its_name():
    """``python -m jobs.train`` is ``seje-ray train``."""
    jobs = Path(__file__).parents[3] / "jobs"
    drivers = [path for path in jobs.glob("[a-z]*.py") if path.stem != "pipeline"]
    for driver in sorted(drivers):
        done = subprocess.run(
            [sys.executable, "-m", f"jobs.{driver.stem}", "--help"],
            cwd=jobs.parent,
            capture_output=True,
            text=True,
        )
        expected = invoke(driver.stem, "--help").stdout
        texts = [text.partition("\n")[2].split() for text in (done.stdout, expected)]
        assert texts[0] == texts[1], driver


@pytest.mark.parametrize("location", ["hdfs://host/w", "http://host/w"])
def test_a_workspace_that_is_no_folder_is_one_clean_error(location):
    """It is refused where the option is read, before anything is made."""
    result = CliRunner().invoke(cli, ["serve", "--workspace", location])
    assert result.exit_code == 2
    assert "Error: Invalid value for '--workspace'" in result.stderr
    assert "expected a local folder, or a URI that begins with" in " ".join(result.stderr.split())
