"""Progress on stderr: bars that move on a terminal, an occasional line in a log."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, TextIO

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID
from rich.table import Column
from rich.text import Text

from seje_ray.console.report import Report
from seje_ray.console.screen import REFRESH_HZ, Rest, WithRoom, clock, is_screen, stderr_console

SPEED_S = 300.0  # the time left rests on this much of the past
FIRST_LINE_S, LONGEST_PAUSE_S = 5.0, 60.0  # between the lines of a log
NAME = 26  # columns of a part's name, so that parts one after another are aligned
# Room beside the longest name from which on a bar's parts are shown, in columns of a terminal.
FOR_COUNT, FOR_BAR, FOR_RATE = 46, 54, 84
BAR = (10, 24)  # columns of a bar itself, at least and at most


class Bars:
    """A bar for each part of the work, from its beginning to the end of the ``with`` block.

    Where stderr is no terminal, a part is a line after five seconds, then each time a tenth of its
    time has passed again, at least once a minute; and a line when it is done.
    """

    def __init__(
        self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Draw on ``stream`` in place of stderr; ``now`` gives seconds."""
        self._console, self._now = stderr_console(stream), now
        self._is_live = is_screen(self._console)
        self._progress = _Drawing(
            console=self._console,
            speed_estimate_period=SPEED_S,
            refresh_per_second=REFRESH_HZ,
            redirect_stdout=False,
            get_time=now,
            disable=not self._is_live,
        )
        self._due: dict[TaskID, float] = {}  # when the next line of a part is to come
        self._written: dict[TaskID, str] = {}  # its last line

    def __enter__(self) -> "Bars":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_live:
            self._progress.stop()
        else:
            for task in self._progress.tasks:
                self._write(task)

    def bar(self, name: str, unit: str, total: int | None = None, done: int = 0) -> Report:
        """Begin a part; the function that it returns is called with the progress.

        Args:
            name: What is being done.
            unit: What is counted.
            total: Units in all, or None if that is not known yet.
            done: Units that were finished before; the time left does not rest on them.
        """
        # Not before: the terminal's cursor is hidden from then on.
        if self._is_live and not self._progress.tasks:
            self._progress.start()
        part = self._progress.add_task(
            name, total=total, completed=done, visible=total != 0, unit=unit, text="", before=done
        )
        longest = max(len(task.description) for task in self._progress.tasks)
        self._progress.columns = _columns(self._console.width, longest)
        self._due[part] = self._now() + FIRST_LINE_S

        def report(done: int, total: int | None = None, text: str = "") -> None:
            if done < next(t for t in self._progress.tasks if t.id == part).completed:
                self._progress.reset(part, completed=done, before=done, unit=unit, text="")  # anew
            self._progress.update(part, completed=done, total=total, text=text)
            if not self._is_live:
                self._write_if_due(next(t for t in self._progress.tasks if t.id == part))

        return report

    def say(self, line: str) -> None:
        """Write a line for good, above the bars."""
        self._console.print(line, soft_wrap=True)

    def _write_if_due(self, task: Task) -> None:
        if task.finished or self._now() >= self._due[task.id]:
            self._write(task)
            pause = min(max((task.elapsed or 0.0) / 10, FIRST_LINE_S), LONGEST_PAUSE_S)
            self._due[task.id] = self._now() + pause

    def _write(self, task: Task) -> None:
        line = as_line(task)
        if task.visible and line != self._written.get(task.id):
            self._written[task.id] = line
            self._console.print(line, soft_wrap=True)


def as_line(task: Task) -> str:
    """A part of the work as a line of a log."""
    parts = [f"{task.description:<{NAME}}{_percent(task):>4}", _count(task), _rate(task)]
    parts += [_times(task), task.fields["text"]]
    return "  ".join(part for part in parts if part).rstrip()


class _Drawing(Progress):
    """Rich's bars, with room beside them."""

    def get_renderable(self) -> RenderableType:
        """The present drawing."""
        return WithRoom(super().get_renderable())


class _Cell(ProgressColumn):
    """A text about a part in a column of its own."""

    def __init__(
        self,
        text: Callable[[Task], str],
        style: str = "",
        justify: Literal["left", "right"] = "left",
    ) -> None:
        super().__init__(Column(no_wrap=True, overflow="ellipsis"))
        self._text, self._style, self._justify = text, style, justify

    def render(self, task: Task) -> Text:
        """Return the text."""
        return Text(self._text(task), style=self._style, justify=self._justify)


class _Word(ProgressColumn):
    """The status of a part, such as its loss."""

    def render(self, task: Task) -> Rest:
        """Return the text."""
        return Rest(task.fields["text"])


def _columns(width: int, longest: int) -> tuple[ProgressColumn, ...]:
    """A bar's parts on a terminal of ``width`` columns; its status is cut first.

    Args:
        width: Columns of the terminal.
        longest: Of the longest name of a part.
    """
    if width - NAME >= FOR_BAR:
        longest = max(longest, NAME)
    room = width - longest
    bar = BarColumn(
        min(BAR[1], max(BAR[0], room - FOR_BAR)),
        style="dim",
        complete_style="cyan",
        finished_style="green",
        pulse_style="cyan",
        table_column=Column(no_wrap=True),
    )
    return (
        _Cell(lambda task: task.description.ljust(longest)),
        *([bar] if room >= FOR_BAR else []),
        _Cell(_percent, justify="right"),
        *([_Cell(_count, justify="right")] if room >= FOR_COUNT else []),
        *([_Cell(_rate, "dim", "right")] if room >= FOR_RATE else []),
        _Cell(_times, "dim"),
        _Word(),
    )


def _percent(task: Task) -> str:
    return "" if not task.total else f"{task.percentage:.0f}%"


def _count(task: Task) -> str:
    total = "" if task.total is None or task.finished else f"/{task.total:,.0f}"
    return f"{task.completed:,.0f}{total} {task.fields['unit']}"


def _rate(task: Task) -> str:
    """Units per second, or per minute where these are fewer than one."""
    speed = task.speed
    if task.finished_time:
        speed = (task.completed - task.fields["before"]) / task.finished_time
    if not speed:
        return ""
    if speed < 1:
        return f"{60 * speed:.1f}/min"
    return f"{speed:.1f}/s" if speed < 10 else f"{speed:,.0f}/s"


def _times(task: Task) -> str:
    """Time gone, and left as far as the speed so far tells."""
    if task.finished:
        return f"in {clock(task.finished_time or 0.0)}"
    left = task.time_remaining
    gone = clock(task.elapsed or 0.0)
    return gone if left is None else f"{gone}, {clock(left)} left"
