"""One JSON object per event, in a file, and nothing on the terminal."""

import json
import warnings

import pytest

from seje_ray.log import event, logged_to


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_events_warnings_and_errors_are_lines(tmp_path, capsys):
    """With their fields; an error brings its traceback."""
    path = tmp_path / "logs" / "a.jsonl"
    with logged_to(path):
        event("epoch", epoch=1, loss=0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("odd", UserWarning, stacklevel=1)
        try:
            raise ValueError("wrong")
        except ValueError as error:
            event("failed", error=error)
    event("nobody listens")

    epoch, warning, failed = lines_of(path)
    assert epoch["event"] == "epoch"
    assert (epoch["epoch"], epoch["loss"], epoch["level"]) == (1, 0.5, "info")
    assert epoch["time"].endswith("Z")
    assert "UserWarning: odd" in warning["event"]
    assert warning["level"] == "warning"
    assert (failed["error"], failed["text"], failed["level"]) == ("ValueError", "wrong", "error")
    assert "test_log.py" in failed["traceback"]
    assert capsys.readouterr() == ("", "")


def test_a_second_log_is_added_to_the_first(tmp_path):
    """Two commands in one process write two files; one repeated appends to its own."""
    for number in range(2):
        with logged_to(tmp_path / "a.jsonl"):
            event("run", number=number)
    assert [line["number"] for line in lines_of(tmp_path / "a.jsonl")] == [0, 1]


def test_an_exception_passes_and_closes_the_log(tmp_path):
    """Nothing is swallowed."""
    with pytest.raises(RuntimeError), logged_to(tmp_path / "a.jsonl"):
        raise RuntimeError
    event("after")
    assert not (tmp_path / "a.jsonl").exists()
