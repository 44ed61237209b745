"""Bars on a terminal, lines in a log: what is told, how often, and what is left behind."""

import io
import re
from itertools import pairwise

import pytest

from seje_ray.console.progress import Bars
from tests.unit.console.streams import Clock, Terminal

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HIDE, SHOW, ERASE = "\x1b[?25l", "\x1b[?25h", "\x1b[2K"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def terminal(monkeypatch):
    """Of 80 columns, with colours."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


def test_a_line_by_hand(clock):
    """30 units in 6 s after 10 known before: 5 a second, so 60 more take 12 s."""
    log = io.StringIO()
    with Bars(log, clock) as bars:
        report = bars.bar("reading photos", "photos", 100, 10)
        for second in range(1, 7):
            clock.seconds = float(second)
            report(10 + 5 * second, text="loss 0.5")
        assert log.getvalue().splitlines() == [
            "reading photos             35%  35/100 photos  5.0/s  0:05, 0:13 left  loss 0.5"
        ]
        report(100)
    assert log.getvalue().splitlines()[1:] == [
        "reading photos            100%  100 photos  15/s  in 0:06"
    ]


def test_slow_work_is_told_per_minute(clock):
    """One shard in 40 s is 1.5 a minute."""
    log = io.StringIO()
    with Bars(log, clock) as bars:
        report = bars.bar("embedding", "shards", 3)
        for done in (1, 2):
            clock.seconds = 40.0 * done
            report(done)
    assert "2/3 shards  1.5/min  1:20, 0:40 left" in log.getvalue()


def test_a_part_that_counts_anew_has_a_speed_of_its_own(clock):
    """100 features in 10 s, then 20 epochs in 4 s after none: 5 a second, not fewer than none."""
    log = io.StringIO()
    with Bars(log, clock) as bars:
        report = bars.bar("fitting", "steps", 100)
        clock.seconds = 10.0
        report(100, 100)
        report(0, 20)
        clock.seconds = 14.0
        report(20, 20)
    assert log.getvalue().splitlines()[-1].split("  ")[-2:] == ["5.0/s", "in 0:04"]


def test_a_long_log_stays_short(clock):
    """After 5 s, then each tenth of the time: an hour takes 5 + 100 lines at most, and the end."""
    log = io.StringIO()
    with Bars(log, clock) as bars:
        report = bars.bar("training", "steps", 3600)
        for second in range(1, 3600):
            clock.seconds = float(second)
            report(second)
    lines = log.getvalue().splitlines()
    assert lines[0].split()[1:3] == ["0%", "5/3,600"]
    assert lines[1].split()[2] == "10/3,600"
    assert lines[-1].split()[2] == "3,599/3,600"
    assert len(lines) < 5 + 100
    told = [int(line.split()[2].partition("/")[0].replace(",", "")) for line in lines]
    assert max(after - before for before, after in pairwise(told)) <= 61


def test_a_total_that_shows_at_the_end_only(clock):
    """What is read from a stream has none before; nothing pretends that it has."""
    log = io.StringIO()
    with Bars(log, clock) as bars:
        report = bars.bar("reading texts", "records")
        clock.seconds = 10.0
        report(2000)
        report(3000, 3000)
    first, last = log.getvalue().splitlines()
    assert first == "reading texts                   2,000 records  0:10"
    assert last == "reading texts             100%  3,000 records  300/s  in 0:10"


def test_work_that_was_quick_or_nothing(clock):
    """A line for what was done within five seconds, none for what had nothing to do."""
    log = io.StringIO()
    with Bars(log, clock) as bars:
        bars.bar("reading photos", "photos", 0)
        bars.bar("reading texts", "records", 2)(2)
    assert [line.split()[1] for line in log.getvalue().splitlines()] == ["texts"]


def test_what_is_interrupted_says_how_far_it_was(clock):
    """The last word is not lost, and the error goes on."""
    log = io.StringIO()

    def work():
        with Bars(log, clock) as bars:
            bars.bar("reading photos", "photos", 4)(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert "75%  3/4 photos" in log.getvalue()


def test_bars_of_a_terminal_are_drawn_over_and_the_cursor_comes_back(terminal, clock, capsys):
    """Also after Ctrl-C; a line that is said stays above them, and stdout stays empty."""

    def work():
        with Bars(terminal, clock) as bars:
            assert terminal.getvalue() == ""  # nothing is begun yet
            report = bars.bar("fitting word vectors", "steps", 40)
            report(10, text="loss [bold] 0.123")
            bars.say("warning: it smells [red]of smoke[/red] " + "and more " * 10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    shown = terminal.getvalue()
    assert (shown.count(HIDE), shown.count(SHOW)) == (1, 1)
    assert shown.rindex(SHOW) > shown.rindex("10/40 steps")
    assert "warning: it smells [red]of smoke[/red] and more" in shown
    assert "loss [bold] 0.123" in shown
    assert shown.count("\r" + ERASE) > 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("columns", "parts", "missing"),
    [
        (140, ["━", "25%", "1,000/4,000 steps", "loss 0.25 after"], []),
        (80, ["━", "25%", "1,000/4,000 steps"], ["after"]),
        (73, ["25%", "1,000/4,000 steps"], ["━"]),
        (50, ["25%"], ["━", "steps"]),
    ],
)
def test_a_bar_fits_into_its_terminal(terminal, clock, monkeypatch, columns, parts, missing):
    """With room for ^C, which else would break the line and leave half a bar behind."""
    monkeypatch.setenv("COLUMNS", str(columns))
    with Bars(terminal, clock) as bars:
        report = bars.bar("fitting image categorizer", "steps", 4000)
        clock.seconds = 3.0
        report(1000, text="loss 0.25 after a long time")
    lines = [CONTROL.sub("", line).strip("\r") for line in terminal.getvalue().splitlines()]
    last = [line for line in lines if line][-1]
    assert len(last.rstrip()) <= columns - 4
    assert all(part in last for part in parts)
    assert not any(part in last for part in missing)


@pytest.mark.parametrize("name", ["TERM", "TTY_INTERACTIVE"])
def test_terminals_that_cannot_be_drawn_on_get_lines(terminal, clock, monkeypatch, name):
    """A dumb one, and one of which its user says so."""
    monkeypatch.setenv(name, {"TERM": "dumb", "TTY_INTERACTIVE": "0"}[name])
    with Bars(terminal, clock) as bars:
        bars.bar("reading", "photos", 4)(4)
    assert terminal.getvalue() == "reading                   100%  4 photos  in 0:00\n"


def test_colours_can_be_switched_off(terminal, clock, monkeypatch):
    """NO_COLOR leaves no colour, only the cursor's moves and weights."""
    for given in ("", "1"):
        monkeypatch.setenv("NO_COLOR", given)
        stream = Terminal()
        with Bars(stream, clock) as bars:
            bars.bar("reading", "photos", 4)(2)
        codes = re.findall(r"\x1b\[([0-9;]*)m", stream.getvalue())
        coloured = any(re.fullmatch(r"3\d|4\d|9\d|[34]8;.*", code) for code in codes)
        assert coloured == (not given)


def test_colours_in_a_log_are_no_reason_to_draw_over_it(clock, monkeypatch):
    """FORCE_COLOR, as services of continuous integration set it."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    log = io.StringIO()
    with Bars(log, clock) as bars:
        bars.bar("reading", "photos", 4)(2)
    assert ERASE not in log.getvalue()
    assert "2/4 photos" in log.getvalue()
