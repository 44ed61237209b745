"""The live table of trials on stderr: their state, the best so far, the time left."""

import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TextIO

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from seje_ray.console.screen import REFRESH_HZ, Rest, WithRoom, clock, is_screen, stderr_console
from seje_ray.tuning.trials import ENDED, Trial, best_trial

ROWS = 8  # trials that are shown at once
STYLES = {"running": "cyan", "stopped": "dim", "failed": "red"}  # by state


class TrialTable:
    """Draws itself again on a terminal; elsewhere a line for each trial that ends."""

    def __init__(
        self, title: str, total: int, mode: str, *, before: int, stream: TextIO | None = None
    ) -> None:
        """``before``: trials that had ended when this session began."""
        self._title, self._total, self._mode, self._before = title, total, mode, before
        self._console = stderr_console(stream)
        self._live: Live | None = None
        self._started, self._known_ended = time.monotonic(), before
        self._trials: Sequence[Trial] = ()

    def __enter__(self) -> "TrialTable":
        if is_screen(self._console):
            self._live = Live(
                console=self._console,
                get_renderable=self._drawing,
                refresh_per_second=REFRESH_HZ,
                redirect_stdout=False,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __getstate__(self) -> dict[str, Any]:
        """Without the screen: Tune pickles its callbacks, and no screen can be."""
        return self.__dict__ | {"_console": None, "_live": None}

    def show(self, trials: Sequence[Trial]) -> None:
        """Draw what has changed."""
        self._trials = trials
        ended = [trial for trial in trials if trial.state in ENDED]
        if self._live is None and len(ended) > self._known_ended:
            latest = max(ended, key=lambda trial: trial.ended_s)
            line = f"{row_of(latest, self._mode)}  | {self._status()}"
            self._console.print(line, soft_wrap=True)
        self._known_ended = len(ended)

    def note(self, text: str) -> None:
        """Write a line that stays, above what is drawn."""
        self._console.print(f"note: {text}", soft_wrap=True)

    def _drawing(self) -> RenderableType:
        """The state of all, and a row for each of some."""
        best = best_trial(self._trials, self._mode)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("trial", "state"):
            table.add_column(name, no_wrap=True)
        for name in ("epochs", "best"):
            table.add_column(name, no_wrap=True, justify="right")
        table.add_column("settings")
        for trial in shown(self._trials, self._mode):
            style = "bold green" if trial is best else STYLES.get(trial.state)
            *cells, settings = _cells(trial, self._mode)
            table.add_row(*cells, Rest(settings), style=style)
        return WithRoom(Group(Text(self._status()), *([table] if self._trials else [])))

    def _status(self) -> str:
        elapsed = time.monotonic() - self._started
        return status_of(self._title, self._trials, self._total, self._mode, elapsed, self._before)


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
        title: Name of the work.
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
    parts.append(clock(elapsed_s))
    if before < num_ended < total:
        left_s = elapsed_s / (num_ended - before) * (total - num_ended)
        parts.append(f"{clock(left_s)} left")
    return ", ".join(parts)


def row_of(trial: Trial, mode: str) -> str:
    """One trial as a line."""
    name, state, epochs, score, settings = _cells(trial, mode)
    return f"{name} {state:<8} {epochs:>3} epochs {score:>7}  {settings}"


def _cells(trial: Trial, mode: str) -> list[str]:
    """Its name, state, number of epochs, best score, and its settings or why it failed."""
    best = trial.best(mode)
    values = " ".join(f"{key.split('.')[-1]}={_short(v)}" for key, v in trial.values.items())
    return [
        trial.name,
        trial.state,
        str(len(trial.scores)),
        "-" if best is None else f"{best:.4f}",
        f"{values}  {trial.reason}".rstrip(),
    ]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
