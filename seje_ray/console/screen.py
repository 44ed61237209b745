"""The terminal behind stderr and stdout, if there is one."""

from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.text import Text

REFRESH_HZ = 4.0


def stderr_console(stream: TextIO | None = None) -> Console:
    """Rich's console on stderr, or on ``stream``; text is shown as it is, without markup.

    NO_COLOR is respected.
    """
    return Console(file=stream, stderr=stream is None, markup=False, emoji=False, highlight=False)


def is_screen(console: Console) -> bool:
    """Whether lines can be drawn over: a terminal that knows how, not a file or a pipe.

    FORCE_COLOR asks for colours in a log, and not for bars.
    """
    return console.file.isatty() and console.is_interactive and not console.is_dumb_terminal


@dataclass(frozen=True, slots=True)
class WithRoom:
    """A drawing with room at its right for the ``^C`` of a terminal, which would break a line."""

    drawing: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw less wide than the terminal is."""
        yield from console.render(
            self.drawing, options.update_width(max(options.max_width - len("^C^C"), 1))
        )


@dataclass(frozen=True, slots=True)
class Rest:
    """A text in a table that takes the room that other columns leave."""

    text: str

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """From no column to the length of the text."""
        return Measurement(0, len(self.text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The text, cut to the room there is."""
        yield Text(self.text, no_wrap=True, overflow="ellipsis")


def clock(seconds: float) -> str:
    """A duration as minutes and seconds, or with hours: 1:02, 1:01:02."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
