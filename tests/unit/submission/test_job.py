"""Names of jobs, their shell line, and the log that a client shows."""

import io
import subprocess
import sys

import click
import pytest

from seje_ray.submission.job import entrypoint, job_key, next_id, submissions
from seje_ray.submission.job_log import LogView
from seje_ray.submission.stdout_mark import MARK, MarkedLines


def test_a_run_has_one_key_and_each_submission_a_number():
    """The same command, name and workspace; the tenth comes after the ninth."""
    key = job_key("train", "demo", "/data/w")
    assert key == job_key("train", "demo", "/data/w")
    assert key.startswith("train-demo-")
    others = [("train", "demo", "/data/v"), ("train", "b", "/data/w"), ("tune", "demo", "/data/w")]
    assert len({key, *(job_key(*other) for other in others)}) == 4

    assert next_id(key, []) == f"{key}-1"
    known = [f"{key}-9", f"{key}-10", "raysubmit_1", f"x{key}-77", f"{key}-1-2"]
    assert submissions(key, known) == [f"{key}-9", f"{key}-10"]
    assert next_id(key, known) == f"{key}-11"


@pytest.mark.parametrize("name", ["my run / ü", "", "a-1"])
def test_any_name_makes_an_id_that_a_url_can_hold(name):
    """Names that differ in what is left out still differ in the digest."""
    key = job_key("train", name, "w")
    assert key.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert key.isascii()
    assert key != job_key("train", name + "!", "w")


def test_the_job_finds_a_python_that_has_what_it_needs(tmp_path):
    """The client's own where PATH has none with Ray and torch; words keep their quotes."""
    line = entrypoint("show-run", ["--set", "calibrate.text_model=two words"])
    shell = subprocess.run(
        ["sh", "-c", line.replace(" --address auto", "")],
        capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, cwd=tmp_path,
    )  # fmt: skip
    assert "text_model: two words" in shell.stdout, shell.stderr
    assert sys.executable in line

    missing = line.replace(sys.executable, "/nowhere/python")
    shell = subprocess.run(
        ["/bin/sh", "-c", missing], capture_output=True, text=True, env={"PATH": "/nowhere"}
    )
    assert shell.returncode == 1
    assert "no python with ray and torch on the head node" in shell.stderr


def test_results_go_to_stdout_and_all_else_to_stderr(capsys):
    """However the log is cut into pieces."""
    view = LogView()
    for piece in ["fit", f"ting\n{MARK}best", " epoch 3\nend", "ing"]:
        view.show(piece)
    view.close()
    shown = capsys.readouterr()
    assert shown.out == "best epoch 3\n"
    assert shown.err == "fitting\nending\n"


def test_a_log_read_again_is_shown_on_from_where_it_was(capsys):
    """After a lost connection the server sends it from the start."""
    view = LogView()
    view.show("a\nb\nc is cut o")
    view.begin()
    view.show("a\nb\nc is cut off\nd\n")
    view.close()
    assert capsys.readouterr().err == "a\nb\nc is cut off\nd\n"


def test_every_line_of_stdout_is_marked_once():
    """Also by click, and one that is written in pieces."""
    stream = io.StringIO()
    marked = MarkedLines(stream)
    click.echo("one\ntwo", file=marked)
    print("a", "b", file=marked)
    marked.write("end")
    assert stream.getvalue() == f"{MARK}one\n{MARK}two\n{MARK}a b\n{MARK}end"
    with pytest.raises(TypeError):
        marked.write(b"")
