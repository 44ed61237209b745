"""The live table: what a person sees of a search."""

import io
import pickle
import re

from seje_ray.tuning.trial_table import TrialTable, row_of, shown, status_of
from seje_ray.tuning.trials import Trial
from tests.unit.console.streams import Terminal

TRIALS = [
    Trial("0000", {"loss.hinge.margin": 0.0}, "done", scores=(0.5, 1.0), ended_s=4.0),
    Trial("0001", {"loss.hinge.margin": 0.123456}, "stopped", scores=(0.7,), ended_s=6.0),
    Trial("0002", {"loss.hinge.margin": 0.2}, "failed", "the loss is not finite", ended_s=8.0),
    Trial("0003", {"loss.hinge.margin": 0.3}, "running", scores=(0.9,)),
]


def test_the_status_line_by_hand():
    """Three of ten in 60 s: 20 s each, 7 left take 140 s; best of those that ended."""
    line = status_of("tuning", TRIALS, 10, "max", 60.0, 0)
    assert line == (
        "tuning: 3/10 trials, 1 running, 1 stopped, 1 failed, best 1.0000 (0000), 1:00, 2:20 left"
    )


def test_time_left_rests_on_this_session_alone():
    """Two ended before it; the one of this session took 60 s, so seven take 7 minutes."""
    assert status_of("tuning", TRIALS, 10, "max", 60.0, 2).endswith(", 1:00, 7:00 left")
    assert status_of("tuning", TRIALS, 10, "max", 3661.0, 3).endswith("(0000), 1:01:01")


def test_a_row_says_settings_and_why_a_trial_failed():
    """Short names, three digits."""
    assert row_of(TRIALS[1], "max").split() == [
        "0001", "stopped", "1", "epochs", "0.7000", "margin=0.123",
    ]  # fmt: skip
    assert row_of(TRIALS[2], "max").endswith("margin=0.2  the loss is not finite")


def test_what_is_shown_first_are_the_best_and_those_that_run():
    """With more trials than rows."""
    many = [Trial(f"{n:04d}", {}, "done", scores=(0.1,), ended_s=n) for n in range(4, 20)]
    names = [trial.name for trial in shown([*TRIALS, *many], "max")]
    assert {"0000", "0003", "0019", "0018"} <= set(names)
    assert "0004" not in names
    assert names == sorted(names)


def test_where_there_is_no_terminal_each_trial_that_ends_is_a_line():
    """And nothing else: a log stays readable."""
    stream = io.StringIO()
    with TrialTable("tuning", 4, "max", before=0, stream=stream) as table:
        table.show(TRIALS[:1])
        table.show(TRIALS[:1])
        table.show([*TRIALS[:1], TRIALS[3]])
        table.show(TRIALS)
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["0000", "0002"]


def test_on_a_terminal_the_table_is_drawn_over_and_fits(monkeypatch):
    """Cut where it is too wide; a copy that Tune pickles has no screen, and the cursor is back."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    with TrialTable("tuning", 10, "max", before=0, stream=stream) as table:
        for number in range(1, 5):
            table.show(TRIALS[:number])
    shown = stream.getvalue()

    assert (shown.count("\x1b[?25l"), shown.count("\x1b[?25h")) == (1, 1)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", line) for line in shown.split("\n")]
    assert max(map(len, lines)) <= 60 - len("^C^C")
    last = lines[max(n for n, line in enumerate(lines) if line.startswith("tuning: ")) :]
    rows = [line.split() for line in last if line[:4].isdigit() or line.startswith("trial")]
    assert rows == [
        ["trial", "state", "epochs", "best", "settings"],
        ["0000", "done", "2", "1.0000", "margin=0"],
        ["0001", "stopped", "1", "0.7000", "margin=0.123"],
        ["0002", "failed", "0", "-", "margin=0.2", "the", "loss", "is…"],
        ["0003", "running", "1", "0.9000", "margin=0.3"],
    ]


def test_tune_can_pickle_a_table_that_is_shown():
    """Its copy is never drawn."""
    with TrialTable("tuning", 10, "max", before=0) as table:
        table.show(TRIALS)
        pickle.dumps(table)
