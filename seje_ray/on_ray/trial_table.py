"""The live table of a search on stderr: trials, their state, the best so far, the time left."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from seje_ray.tuning.trials import ENDED, Trial, best_trial

REDRAW_S = 0.5
ROWS = 8  # trials that are shown at once


class TrialTable:
    """Redraws itself in place on a terminal; elsewhere a line for each trial that ends."""

    def __init__(
        self, title: str, total: int, mode: str, *, before: int, stream: TextIO | None = None
    ) -> None:
        """``before``: trials that had ended when this session began."""
        self._title, self._total, self._mode, self._before = title, total, mode, before
        self._given = stream
        self._started = self._drawn_at = time.monotonic()
        self._num_lines, self._known_ended = 0, before

    @property
    def _stream(self) -> TextIO:
        """Looked up when it is needed: Tune pickles its callbacks, and no stream can be."""
        return self._given or sys.stderr

    def __enter__(self) -> "TrialTable":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    def show(self, trials: Sequence[Trial]) -> None:
        """Draw what has changed."""
        ended = [trial for trial in trials if trial.state in ENDED]
        if self._stream.isatty():
            self._redraw(trials, is_due=len(ended) > self._known_ended)
        elif len(ended) > self._known_ended:
            latest = max(ended, key=lambda trial: trial.ended_s)
            print(f"{row_of(latest, self._mode)}  | {self._status(trials)}", file=self._stream)
        self._known_ended = len(ended)

    def _redraw(self, trials: Sequence[Trial], *, is_due: bool) -> None:
        now = time.monotonic()
        if not is_due and now - self._drawn_at < REDRAW_S:
            return
        self._drawn_at = now
        lines = [self._status(trials), *(row_of(t, self._mode) for t in shown(trials, self._mode))]
        up = f"\x1b[{self._num_lines}F" if self._num_lines else ""
        self._stream.write(up + "".join(f"\x1b[2K{line}\n" for line in lines) + "\x1b[J")
        self._stream.flush()
        self._num_lines = len(lines)

    def _status(self, trials: Sequence[Trial]) -> str:
        elapsed = time.monotonic() - self._started
        return status_of(self._title, trials, self._total, self._mode, elapsed, self._before)


def shown(trials: Sequence[Trial], mode: str) -> list[Trial]:
    """The best, those that run, and the newest of the others, in order."""
    best = best_trial(trials, mode)
    rank = {"running": 1, "waiting": 3}
    order = sorted(trials, key=lambda t: (t is not best, rank.get(t.state, 2), -t.ended_s))
    return sorted(order[:ROWS], key=lambda trial: trial.name)


def status_of(
    title: str, trials: Sequence[Trial], total: int, mode: str, elapsed_s: float, before: int
) -> str:
    """One line: counts by state, the best so far, time gone and left.

    Args:
        title: What is going on.
        trials: All that were begun.
        total: Trials in all.
        mode: max or min.
        elapsed_s: Of this session.
        before: Trials that had ended before it.
    """
    counts = Counter[str](trial.state for trial in trials)
    num_ended = sum(counts[state] for state in ENDED)
    parts = [f"{title}: {num_ended}/{total} trials"]
    parts += [f"{counts[s]} {s}" for s in ("running", "stopped", "failed") if counts[s]]
    best = best_trial(trials, mode)
    if best is not None:
        parts.append(f"best {best.best(mode):.4f} ({best.name})")
    left = "?"
    if num_ended > before:
        left = _clock(elapsed_s / (num_ended - before) * (total - num_ended))
    return ", ".join(parts) + f" [{_clock(elapsed_s)}<{left}]"


def row_of(trial: Trial, mode: str) -> str:
    """One trial as a line."""
    best = trial.best(mode)
    score = "      -" if best is None else f"{best:7.4f}"
    values = " ".join(f"{key.split('.')[-1]}={_short(v)}" for key, v in trial.values.items())
    reason = f"  {trial.reason}" if trial.reason else ""
    return (
        f"  {trial.name} {trial.state:<8} {len(trial.scores):3d} epochs {score}  {values}{reason}"
    )


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
